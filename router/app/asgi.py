"""The hot path as a bare ASGI application; all other paths go to the API.

A model call is matched by its path in one look-up, without a framework: agents send large and
frequent bodies, and each layer would copy or wait once more.

Rules: the answer starts with its first useful unit; until then SSE comments keep a streaming client
alive. A dropped upstream is a dropped connection, never an invented ending. A client that hangs up
cancels all work for it; one that types on gets the completion of its newest keystroke alone.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

import structlog

from router.accounts.keys import Keyring
from router.app.asgi_types import ASGI, Receive, Scope, Send
from router.app.authentication import authenticate, headers_of, peer_of
from router.app.body import Body, Uploads, take_body
from router.app.early_response import EarlyResponses
from router.app.gemini_path import GeminiPath, read_path, take_path, without_key
from router.app.refusals import OnRefusal, ignore, refusal_of
from router.app.request import make_request, read_outline
from router.app.response import JSON, Exchange, routing_headers
from router.errors import MethodNotAllowed, NoWebSocket, RateLimited, TurnoutError
from router.routing.admission import Limits
from router.routing.attempts import describe
from router.routing.keystrokes import Keystrokes
from router.routing.pipeline import Pipeline
from router.settings import Settings
from router.system.time_slices import Pacing
from router.tracks.failures import KINDS
from router.types import DialectName, ModelRequest, Operation, Plan, TrackError
from router.wire import DIALECTS
from router.wire.headers import field
from router.wire.upstream_errors import read_upstream_error

log = structlog.get_logger(__name__)

WATCH_AFTER_S = 0.05
"""Delay before watching; an earlier hang-up is noticed then, since it stays to be received."""


@dataclass(frozen=True, slots=True)
class Route:
    """Dialect and operation of a path."""

    dialect: DialectName
    operation: Operation
    counted: bytes = b'{"input_tokens":%d}'
    """The answer to a count."""
    subpath: str = ""
    """See `ModelRequest.subpath`."""


_GEMINI = Route("gemini", "generate")
_GEMINI_COUNT = Route("gemini", "count", b'{"totalTokens":%d}')
_RESPONSES = Route("openai_responses", "generate")
_COMPACTION = Route("openai_responses", "generate", subpath="/compact")
_RESPONSES_COUNT = Route("openai_responses", "count", b'{"object":"response.input_tokens","input_tokens":%d}')
ROUTES = {
    "/api/chat": Route("ollama", "generate"),
    "/api/generate": Route("ollama", "generate"),
    "/api/v0/chat/completions": Route("openai_chat", "generate"),
    "/api/v0/completions": Route("openai_completions", "generate"),
    "/api/embed": Route("ollama_embed", "embed"),
    "/api/embeddings": Route("ollama_embeddings", "embed"),
    "/api/v0/embeddings": Route("openai_embeddings", "embed"),
    "/embedding": Route("llama_embedding", "embed"),
    "/infill": Route("llama_infill", "generate"),
    "/v1/chat/completions": Route("openai_chat", "generate"),
    "/v1/completions": Route("openai_completions", "generate"),
    "/v1/embeddings": Route("openai_embeddings", "embed"),
    "/v1/responses": _RESPONSES,
    "/responses": _RESPONSES,
    "/v1/responses/compact": _COMPACTION,
    "/responses/compact": _COMPACTION,
    "/v1/responses/input_tokens": _RESPONSES_COUNT,
    "/responses/input_tokens": _RESPONSES_COUNT,
    "/v1beta/models/{model}:generateContent": _GEMINI,
    "/v1beta/models/{model}:streamGenerateContent": _GEMINI,
    "/v1beta/models/{model}:countTokens": _GEMINI_COUNT,
    "/v1/models/{model}:generateContent": _GEMINI,
    "/v1/models/{model}:streamGenerateContent": _GEMINI,
    "/v1/models/{model}:countTokens": _GEMINI_COUNT,
    "/v1/messages": Route("anthropic_messages", "generate"),
    "/v1/messages/count_tokens": Route("anthropic_messages", "count"),
}
"""Codex and some SDKs put `/responses` behind a base URL of any form. For `{model}` any name may stand."""


class Endpoint:
    """Serves model calls, and passes all other paths to `api`."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        embeddings: Pipeline,
        keyring: Keyring,
        limits: Limits,
        settings: Settings,
        uploads: Uploads,
        pacing: Pacing,
        api: ASGI,
        on_refusal: OnRefusal = ignore,
    ) -> None:
        self._pipelines: Mapping[Operation, Pipeline] = {
            "generate": pipeline,
            "count": pipeline,
            "embed": embeddings,
        }
        self._keyring = keyring
        self._limits = limits
        self._uploads = uploads
        self._keepalive_s = settings.keepalive_s
        self._pacing = pacing
        self._on_refusal = on_refusal
        self._keystrokes = Keystrokes()
        self._api = EarlyResponses(api, uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        scope = without_key(scope)
        path = read_path(scope["path"]) if scope["type"] == "http" else None
        route = ROUTES.get(path.route if path else scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self._api(scope, receive, send)
            return
        arrived = monotonic()
        body = self._uploads.body(scope, receive)
        exchange = Exchange(route.dialect, body, send, scope["query_string"].decode("latin-1"))
        try:
            request = await self._read_request(exchange.request_id, route, scope, body, path)
            load = DIALECTS[route.dialect].load_reply
            if load and (reply := await self._pacing.call(len(request.body), load, request.body)):
                await exchange.start(200, (JSON,), (("x-turnout-request-id", request.id),))
                await exchange.send(reply)
                await exchange.end()
                return
            pipeline = self._pipelines[route.operation]
            exchange.plan = await pipeline.plan(request)
            exchange.plan = plan = await pipeline.check_account(exchange.plan)
            async with cancel_on_hangup(receive):
                if route.operation == "count":
                    await self._count(plan, exchange, route.counted)
                elif plan.features.kind == "autocomplete":
                    await self._complete(plan, exchange, peer_of(scope), arrived)
                else:
                    await self._answer(pipeline, plan, exchange)
        except TurnoutError as error:
            if exchange.plan is None or isinstance(error, RateLimited):  # the others have a row
                self._on_refusal(refusal_of(scope, exchange.request_id, error))
            await exchange.fail(error)
        except Exception:  # the last resort: a defect of ours still answers in the dialect
            log.exception("defect", request=exchange.request_id)
            await exchange.fail(TurnoutError("an internal error; the log has the details"))
        finally:
            body.release()

    async def _read_request(
        self, request_id: str, route: Route, scope: Scope, body: Body, path: GeminiPath | None
    ) -> ModelRequest:
        """Read a request. Checks on its head come first: a refused body is never read."""
        if scope["method"] != "POST":
            if field(headers_of(scope), "sec-websocket-key"):
                raise NoWebSocket(f"{scope['path']} is served over HTTP alone: ask by POST")
            raise MethodNotAllowed(f"{scope['path']} takes POST, not {scope['method']}", allowed=("POST",))
        peer = peer_of(scope)
        account, headers = authenticate(scope, self._keyring)
        body.mark_authenticated()
        if route.operation != "count":
            self._limits.check_rate(account)
        query = scope["query_string"].decode("latin-1")
        received = await take_body(body, headers, owner=account.key_id or peer)
        if path is not None:
            received = await take_path(received, path, query, self._pacing)
        return make_request(
            request_id=request_id,
            dialect=route.dialect,
            operation=route.operation,
            outline=await self._pacing.call(len(received), read_outline, route.dialect, received),
            headers=headers,
            query=query,
            subpath=route.subpath,
            account=account,
        )

    async def _count(self, plan: Plan, exchange: Exchange, counted: bytes) -> None:
        tokens, attempts = await self._pipelines["count"].count(plan)
        labels = routing_headers(plan, attempts.decision, attempts.decision.model)
        await exchange.start(200, (JSON,), labels)
        await exchange.send(counted % tokens)
        await exchange.end()

    async def _complete(self, plan: Plan, exchange: Exchange, peer: str, arrived: float) -> None:
        async with self._keystrokes.newest(plan.request, peer, arrived) as keystroke:
            await self._answer(self._pipelines["generate"], plan, exchange)
        if keystroke.superseded:
            await exchange.end_completion(plan)

    async def _answer(self, pipeline: Pipeline, plan: Plan, exchange: Exchange) -> None:
        keep_alive = _KeepAlive(exchange, self._keepalive_s) if plan.request.stream else None
        try:
            reply, attempts = await pipeline.open(plan)
        finally:
            if keep_alive:
                await keep_alive.stop()
        async with aclosing(reply.chunks) as chunks:
            if exchange.begun and reply.status != HTTPStatus.OK:
                message = read_upstream_error(b"".join([chunk async for chunk in chunks])).message
                kind = KINDS.get(reply.status, TurnoutError.kind)
                refusal = TurnoutError(
                    f"the provider answered {reply.status}: {message}", status=reply.status, kind=kind
                )
                refusal.decision = attempts.decision
                raise refusal
            labels = routing_headers(plan, attempts.decision, reply.model, reply.dropped)
            await exchange.start(reply.status, reply.headers, labels)
            try:
                async for chunk in chunks:
                    await exchange.send(chunk)
            except (TrackError, OSError, TimeoutError) as dropped:
                log.warning("upstream dropped", request=plan.request.id, error=describe(dropped))
                return  # without an end: the server closes the connection, as a direct call would see
        await exchange.end()


class _KeepAlive:
    """Sends a streaming client what says nothing until the answer begins."""

    def __init__(self, exchange: Exchange, every_s: float) -> None:
        self._exchange = exchange
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None
        # A timer, not a task: most answers start before it fires, and then it costs nothing.
        self._timer = asyncio.get_running_loop().call_later(every_s, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.ensure_future(self._keep_alive())

    async def _keep_alive(self) -> None:
        while True:
            await self._exchange.keep_alive()
            await asyncio.sleep(self._every_s)

    async def stop(self) -> None:
        """Cancel the timer, or the comments if they have begun."""
        self._timer.cancel()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task


@asynccontextmanager
async def cancel_on_hangup(receive: Receive) -> AsyncIterator[None]:
    """Cancel the enclosed block when the client hangs up, and suppress that cancellation.

    Under ASGI only whoever waits in `receive` hears of that. So an upstream connection or an engine slot
    is freed at once.
    """
    block = asyncio.current_task()
    assert block is not None  # noqa: S101 - for the type checker: a coroutine always runs in a task
    disconnected = False

    async def watch() -> None:
        nonlocal disconnected
        while (await receive())["type"] != "http.disconnect":
            pass
        disconnected = True
        block.cancel()

    watcher: asyncio.Task[None] | None = None

    def begin() -> None:
        nonlocal watcher
        watcher = asyncio.ensure_future(watch())

    # Most answers are complete before anyone could hang up, and a task costs more than a timer.
    timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, begin)
    try:
        yield
    except asyncio.CancelledError:
        if not disconnected or block.uncancel() > 0:
            raise
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
