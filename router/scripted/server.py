"""The scripted upstream as a server: the providers' paths, and four paths to control it.

    POST /v1/messages, /v1/messages/count_tokens      Anthropic
    POST /v1/chat/completions, /v1/completions        OpenAI
    POST /v1/embeddings                               OpenAI
    POST /v1/responses, with /compact, /input_tokens  OpenAI
    POST /infill                                      llama-server
    GET  /v1/models                                   either, told by the `anthropic-version` header
    POST /_script      a JSON list of steps (see `script.Step`), played in order, then the default
    GET  /_requests    what came in, exactly; DELETE forgets it
    GET  /_totals      tokens billed per model; DELETE starts again

A bill is written when the reply has gone out, or as far as it went: a prompt that was taken in is
billed, also where nobody got to see an answer. `/_requests` has each request's own under `bill`, and
what went wrong with it under `fault`.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from router.scripted import anthropic, completions, embeddings, openai, responses
from router.scripted.billing import Bill, Cache, Totals, count_answer_tokens, count_tokens
from router.scripted.exchange import Exchange, Wire
from router.scripted.script import Answer, Script, Step, build_answer

_QUESTIONS = frozenset({"/props", "/api/v0/models", "/api/show", "/api/ps", "/v1/models", "/models"})
"""What a local server is asked about itself now and then: no question is noted."""
_MODELS = ("claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "local")
_STEPS = msgspec.json.Decoder(list[Step])
_ROW: web.RequestKey[dict[str, Any]] = web.RequestKey("row", dict)
_MAX_BODY = 64 * 2**20
_MESSAGES = {
    400: "The request is not valid",
    401: "invalid x-api-key",
    429: "This request would exceed your rate limit",
    529: "Overloaded",
}


_ANTHROPIC = Wire(
    parse_request=anthropic.parse_request,
    headers=anthropic.headers,
    render_document=anthropic.render_document,
    events=anthropic.events,
    error=anthropic.error,
    error_event=anthropic.error_event,
)
_OPENAI = Wire(
    parse_request=openai.parse_request,
    headers=openai.headers,
    render_document=openai.render_document,
    events=openai.events,
    error=openai.error,
    error_event=openai.error_event,
)
_COMPLETIONS = replace(
    _OPENAI,
    parse_request=completions.parse_completion,
    render_document=completions.render_completion,
    events=completions.completion_events,
)
_INFILL = replace(
    _OPENAI,
    parse_request=completions.parse_infill,
    render_document=completions.render_infill,
    events=completions.infill_events,
)


_EMBEDDINGS = replace(_OPENAI, parse_request=embeddings.parse_request, writes=False)


class Upstream:
    """The state of a server: script, prompt cache, recorded requests and bills."""

    def __init__(self) -> None:
        self._script = Script()
        self._cache = Cache()
        self._totals = Totals()
        self._kept = responses.Kept()
        self._requests: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        """Build the aiohttp application with all routes."""
        app = web.Application(client_max_size=_MAX_BODY, middlewares=[self._record])
        app.router.add_route("*", "/", self._hello)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/messages/count_tokens", self._count)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_post("/v1/embeddings", self._embed)
        app.router.add_post("/v1/responses", self._respond)
        app.router.add_post("/v1/responses/compact", self._compact)
        app.router.add_post("/v1/responses/input_tokens", self._count_input)
        app.router.add_post("/infill", self._infill)
        app.router.add_post("/_script", self._set_script)
        app.router.add_get("/_requests", self._list_requests)
        app.router.add_delete("/_requests", self._forget_requests)
        app.router.add_get("/_totals", self._list_totals)
        app.router.add_delete("/_totals", self._forget_totals)
        return app

    @web.middleware
    async def _record(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        """Record a request and how it ended: `open`, `sent`, `dropped` (by us) or `hung_up`."""
        asks_itself = request.path == "/v1/responses" and await request.read() == b"{}"
        if request.path.startswith("/_") or request.path in _QUESTIONS or asks_itself:
            return await handler(request)  # type: ignore[no-any-return]
        row = {
            "method": request.method,
            "path": request.path,
            "query": request.query_string,
            "headers": [
                [name.decode("latin-1"), value.decode("latin-1")] for name, value in request.raw_headers
            ],
            "body": b64encode(await request.read()).decode(),
            "end": "open",
            "fault": "",
            "bill": None,
        }
        request[_ROW] = row
        self._requests.append(row)
        try:
            response: web.StreamResponse = await handler(request)
            transport = request.transport
            row["end"] = "dropped" if transport is None or transport.is_closing() else "sent"
        except (asyncio.CancelledError, ConnectionError):
            row["end"] = "hung_up"
            raise
        return response

    async def _hello(self, request: web.Request) -> web.Response:
        del request
        return web.Response()

    async def _models(self, request: web.Request) -> web.Response:
        form = anthropic if "anthropic-version" in request.headers else openai
        return web.json_response(form.models(_MODELS))

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, _ANTHROPIC)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, _OPENAI)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, _COMPLETIONS)

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        render = partial(embeddings.render_document, await request.read())
        return await self._generate(request, replace(_EMBEDDINGS, render_document=render))

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, responses.wire_for(await _fields(request), self._kept))

    async def _compact(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, responses.compaction_wire(await _fields(request), self._kept))

    async def _count_input(self, request: web.Request) -> web.Response:
        wire = responses.wire_for({}, self._kept)
        try:
            parsed = wire.parse_request({"model": "", **msgspec.json.decode(await request.read())})
        except responses.Refused as refused:
            return web.json_response(refused.body, status=refused.status, headers=wire.headers())
        except ODD as error:
            return _refuse(wire, error)
        count = sum(count_tokens(block.text) for block in parsed.blocks)
        counted = {"object": "response.input_tokens", "input_tokens": count}
        return web.json_response(counted, headers=wire.headers())

    async def _infill(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, _INFILL)

    async def _count(self, request: web.Request) -> web.Response:
        try:
            parsed = anthropic.parse_request(msgspec.json.decode(await request.read()))
        except ODD as error:
            return _refuse(_ANTHROPIC, error)
        count = sum(count_tokens(block.text) for block in parsed.blocks)
        return web.json_response({"input_tokens": count}, headers=anthropic.headers())

    async def _generate(self, request: web.Request, wire: Wire) -> web.StreamResponse:
        try:
            raw = await request.read()
            body = msgspec.json.decode(raw)
            parsed = wire.parse_request(body)
        except responses.Refused as refused:
            return web.json_response(refused.body, status=refused.status, headers=wire.headers())
        except ODD as error:
            return _refuse(wire, error)
        step = self._script.next(raw)
        request[_ROW]["fault"] = step.fault
        if step.fault == "status":
            await asyncio.sleep(step.delay_s)
            return _fail(wire, step)
        try:
            reply = build_answer(step, parsed) if wire.writes else Answer()
            exchange = Exchange(
                request=request,
                wire=wire,
                step=step,
                model=step.model or parsed.model,
                answer=reply,
                bill=self._cache.charge(parsed.model, parsed.blocks, count_answer_tokens(reply)),
            )
            usage = bool((body.get("stream_options") or {}).get("include_usage"))
        except ODD as error:
            return _refuse(wire, error)
        try:
            if parsed.stream:
                return await exchange.stream(include_usage=usage)
            return await exchange.send_document()
        finally:
            bill = exchange.billed
            request[_ROW]["bill"] = {name: getattr(bill, name) for name in Bill.__slots__}
            self._totals.add(parsed.model, bill)

    async def _set_script(self, request: web.Request) -> web.Response:
        try:
            self._script.replace(_STEPS.decode(await request.read()))
        except msgspec.DecodeError as error:
            return web.json_response({"error": f"POST a JSON list of steps: {error}"}, status=400)
        return web.json_response({"steps": len(self._script)})

    async def _list_requests(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self._requests)

    async def _forget_requests(self, request: web.Request) -> web.Response:
        del request
        self._requests.clear()
        return web.json_response({})

    async def _list_totals(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self._totals.as_dict())

    async def _forget_totals(self, request: web.Request) -> web.Response:
        del request
        self._totals.clear()
        return web.json_response({})


ODD = (msgspec.MsgspecError, KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError)
"""Errors raised by bodies with parts of the wrong type."""


async def _fields(request: web.Request) -> dict[str, Any]:
    """The body's fields; none where it is no object, which is refused where it is parsed."""
    try:
        body = msgspec.json.decode(await request.read())
    except ODD:
        return {}
    return body if isinstance(body, dict) else {}


def _refuse(wire: Wire, error: Exception) -> web.Response:
    message = f"The request body is not valid: {error!r}"
    return web.json_response(wire.error(400, message), status=400, headers=wire.headers())


def _fail(wire: Wire, step: Step) -> web.Response:
    headers = wire.headers()
    if step.retry_after is not None:
        headers["retry-after"] = f"{step.retry_after:g}"
    message = step.message or _MESSAGES.get(step.status, "Internal server error")
    return web.json_response(wire.error(step.status, message), status=step.status, headers=headers)


@asynccontextmanager
async def serve(port: int = 0) -> AsyncGenerator[str]:
    """Run on loopback until the block is left.

    Args:
        port: 0 takes a free one.

    Yields:
        The base URL, such as `http://127.0.0.1:4748`.
    """
    runner = web.AppRunner(Upstream().app(), handler_cancellation=True, shutdown_timeout=1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
