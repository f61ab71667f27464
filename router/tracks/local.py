"""The model on this machine: our engine, or any server that speaks Chat Completions.

- A client of another dialect is translated both ways; no thinking of a local model goes out, since
  a later turn at the provider would reject its signature.
- The first useful unit is text, or a first tool call that is complete and sound.
- A stream that ends before it is complete raises, so that the client's connection is dropped.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec

from policies.decide import Decision
from router.engine.process import Engine
from router.settings import LocalSettings
from router.system.time_slices import Pacing
from router.tracks.circuit_breaker import Circuit, CircuitBreaker
from router.tracks.failures import fault_of
from router.tracks.first_unit import FirstUnit, check_reply
from router.tracks.guarded import StreamCharge, guarded
from router.tracks.local_client import LocalClient
from router.tracks.local_failures import local_failure, overflow, stream_failure, unreadable_reply
from router.tracks.local_request import local_request, wants_usage
from router.tracks.outgoing import OutgoingRequest, weight
from router.tracks.streaming import (
    JSON_HEADERS,
    STREAM_HEADERS,
    Transform,
    UpstreamBody,
    open_stream,
    single_chunk,
)
from router.tracks.transforms import Repair, Translation, without_thinking
from router.tracks.window import LARGE, corrected, fitting, from_models, from_processes, from_props
from router.types import Headers, ModelRequest, Plan, Progress, Reply, TrackError
from router.wire import DIALECTS
from router.wire.body import UNREADABLE, Tokens
from router.wire.chat_reply import read_reply
from router.wire.codec import UnreadableReply
from router.wire.headers import foreign_encoding
from router.wire.upstream_errors import UpstreamError, read_upstream_error
from router.wire.usage_observer import UsageObserver

SPOKEN = DIALECTS["openai_chat"]
CHAT_PATH = "/chat/completions"
PRIORITY = "x-turnout-priority"
SHOWN_AS = "local"
"""The model's name where neither the settings nor the server tell one."""

LOOK_S = 2.0
"""How long a server is asked for its window, in all."""


class _Counted(msgspec.Struct):
    tokens: Tokens


class LocalTrack:
    """Answers from the local model."""

    def __init__(self, settings: LocalSettings, engine: Engine | None, pacing: Pacing | None = None) -> None:
        """Take the engine, or None where `local.url` is set."""
        self._settings = settings
        self._pacing = pacing or Pacing()
        self._engine = None if settings.url else engine
        self._client = LocalClient(settings, self._engine)
        self._breaker = CircuitBreaker()
        self._served = ""
        self._window = 0
        """In tokens, as the server at `local.url` told; 0 while unknown."""
        self._looked = False

    @property
    def up(self) -> bool:
        """Whether one can answer; a model that still loads, or was unloaded when idle, is waited for."""
        if self._engine is not None and self._engine.health.state == "failed":
            return False
        return self._breaker.up

    @property
    def circuit(self) -> Circuit:
        """Whether the model counts as down, why, and until when."""
        return self._breaker.circuit

    @property
    def context(self) -> int:
        """The window in tokens; 0 where unknown."""
        return (self._engine.health.context if self._engine else 0) or self._settings.context or self._window

    @property
    def name(self) -> str:
        """What the model is called; empty until its server was asked."""
        return self._settings.name or (self._engine.health.model if self._engine else self._served)

    def wait_s(self, tokens: int) -> float:
        """Seconds until a prompt of `tokens` would get its first token, were nothing of it cached."""
        if self._engine is None:
            return 0.0
        health = self._engine.health
        return health.wait_s + (tokens / health.prefill_tps if health.prefill_tps else 0.0)

    async def start(self) -> None:
        """The engine is started by whoever made it."""

    async def close(self) -> None:
        """Close the connections; the engine is stopped by whoever made it."""
        await self._client.close()

    def usable(self, request: ModelRequest) -> bool:  # noqa: ARG002 - as the protocol has it
        """See `router.types.Track`; nothing is needed to ask the local model."""
        return True

    async def open(self, plan: Plan, decision: Decision, progress: Progress | None = None) -> Reply:
        """See `router.types.Track`; the chunks raise `ConnectionError` or `TimeoutError` when they break."""
        progress = progress or Progress()
        async with guarded(self._breaker, plan, decision, "local_error") as charge:
            try:
                async with asyncio.timeout(self._settings.first_byte_s):
                    return await self._ask(plan, progress, charge)
            except UnreadableReply as unreadable:
                raise unreadable_reply(unreadable) from unreadable
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as absent:
                raise TrackError(
                    f"the local model cannot be reached: {absent}", cause="local_error", fault="connection"
                ) from absent
            except TimeoutError as late:
                raise TrackError(
                    f"the local model gave nothing useful within {self._settings.first_byte_s:g} s "
                    "(`local.first_byte_s`)",
                    cause="slow",
                    status=HTTPStatus.GATEWAY_TIMEOUT,
                    kind="timeout_error",
                    fault="timeout",
                ) from late
            except (aiohttp.ClientError, OSError) as broken:
                raise TrackError(
                    f"the local model cannot be reached: {broken}",
                    cause="local_error",
                    fault=fault_of(broken),
                ) from broken

    async def count(self, plan: Plan) -> int:
        """See `router.types.Track`."""
        if self._engine is None:
            raise TrackError("this local server counts no tokens", cause="unsupported", status=400)
        try:
            async with asyncio.timeout(self._settings.first_byte_s):
                await self._engine.ready(self._settings.first_byte_s)
                request = await self._request(plan, await self._name())
                async with await self._client.post("/count", request.body) as response:
                    body = await response.read()
            return msgspec.json.decode(body, type=_Counted).tokens
        except (aiohttp.ClientError, OSError, *UNREADABLE) as failure:
            raise TrackError("the local model could not count the tokens", cause="local_error") from failure

    async def _ask(self, plan: Plan, progress: Progress, charge: StreamCharge) -> Reply:
        await self._ready()
        name = await self._name()
        limit = plan.features.output_limit
        if limit >= LARGE and not self.context:
            await self._look_for_window(name)
        prompt = plan.features.context_tokens
        shorter = fitting(limit, self.context, prompt) if self._engine is None else limit
        request = await self._request(plan, name, shorter if shorter < limit else None)
        response = await self._post(plan, request, progress)
        if response.status != HTTPStatus.OK:
            async with response:
                refusal = read_upstream_error(await response.read())
            response = await self._posted_again(plan, name, shorter, refusal, response)
        if plan.request.stream:
            return await self._streamed(plan, name, request, response, charge)
        return await self._whole(plan, name, request, response)

    async def _ready(self) -> None:
        if self._engine is None:
            return
        try:
            await self._engine.ready(self._settings.first_byte_s)
        except TrackError as failure:
            failure.fault = "connection"  # the engine is not there, whatever was asked
            raise

    async def _request(self, plan: Plan, name: str, limit: int | None = None) -> OutgoingRequest:
        request = plan.request
        return await self._pacing.call(weight(request.body), local_request, request, name, limit)

    async def _post(self, plan: Plan, request: OutgoingRequest, progress: Progress) -> aiohttp.ClientResponse:
        priority = "autocomplete" if plan.features.kind == "autocomplete" else "chat"
        response = await self._client.post(
            CHAT_PATH, request.body, headers={PRIORITY: priority}, progress=progress
        )
        if encoding := foreign_encoding(response.headers):
            response.close()
            raise TrackError(
                f"the local server answered in `{encoding[:40]}`, which cannot be read",
                cause="local_error",
                fault="server_error",
            )
        return response

    async def _posted_again(
        self,
        plan: Plan,
        name: str,
        limit: int,
        refusal: UpstreamError,
        response: aiohttp.ClientResponse,
    ) -> aiohttp.ClientResponse:
        """Send the request once more where the server refused nothing but the answer's limit.

        Raises:
            TrackError: the refusal; `overflow` where the window leaves no useful answer.
        """
        failure = local_failure(response.status, response.headers, refusal)
        refused = refusal.output_limit if response.status < HTTPStatus.INTERNAL_SERVER_ERROR else None
        if refused is None:
            raise failure
        self._window = refused.window or self._window
        prompt = refused.prompt or plan.features.context_tokens
        most = corrected(limit or sys.maxsize, refused, prompt)
        if not most:
            raise overflow(refusal.message, prompt, refused.window) if refused.window else failure
        again = await self._post(plan, await self._request(plan, name, most), Progress())
        if again.status != HTTPStatus.OK:
            async with again:
                raise local_failure(again.status, again.headers, read_upstream_error(await again.read()))
        return again

    async def _look_for_window(self, name: str) -> None:
        """Ask the server how large its window is, once; servers differ in where they tell it."""
        if self._looked or self._engine is not None:
            return
        self._looked = True
        root = self._settings.url.rstrip("/").removesuffix("/v1")
        sources: tuple[tuple[str, Callable[[bytes], int]], ...] = (
            (f"{self._settings.url.rstrip('/')}/models", partial(from_models, name=name)),
            (f"{root}/props", from_props),
            (f"{root}/api/v0/models", partial(from_models, name=name)),
            (f"{root}/api/ps", partial(from_processes, name=name)),
        )
        try:
            async with asyncio.timeout(LOOK_S):
                for url, read in sources:
                    async with await self._client.get(url) as response:
                        body = await response.read() if response.status == HTTPStatus.OK else b""
                    if window := read(body):
                        self._window = window
                        return
        except (aiohttp.ClientError, OSError):
            return  # the request itself meets whatever is wrong

    async def _streamed(
        self,
        plan: Plan,
        name: str,
        request: OutgoingRequest,
        response: aiohttp.ClientResponse,
        charge: StreamCharge,
    ) -> Reply:
        transform = _transform(plan, name, request)
        body = UpstreamBody(response)
        chunks = await open_stream(body, transform, stall_s=self._settings.stall_s, health=charge)
        if not transform.ready:
            await chunks.aclose()
            raise stream_failure(transform.observer.error)
        return _reply(name, STREAM_HEADERS, chunks, transform.observer, request)

    async def _whole(
        self, plan: Plan, name: str, request: OutgoingRequest, response: aiohttp.ClientResponse
    ) -> Reply:
        async with response:
            body = await response.read()
        events, body = read_reply(body)
        observer = UsageObserver()
        observer.observe(events)
        if observer.error:
            raise stream_failure(observer.error)
        check_reply(events)
        if (conversation := request.conversation) is not None:
            body = DIALECTS[plan.request.dialect].encode_reply(
                without_thinking(events),
                model=name,
                conversation=conversation,
                prompt_tokens=plan.features.context_tokens,
            )
        return _reply(name, JSON_HEADERS, single_chunk(body), observer, request)

    async def _name(self) -> str:
        """What the server calls its model: from the settings, the engine, or the server's list."""
        if self._settings.name or self._engine is not None:
            return self._settings.name or (self._engine and self._engine.health.model) or SHOWN_AS
        if not self._served:
            async with await self._client.get(f"{self._settings.url.rstrip('/')}/models") as response:
                body = await response.read()
            self._served = _first_model(body)
            self._window = from_models(body, self._served) or self._window
        return self._served or SHOWN_AS


def _transform(plan: Plan, name: str, request: OutgoingRequest) -> Transform:
    observer = UsageObserver()
    if (conversation := request.conversation) is None:
        return Repair(observer, FirstUnit(thinking=True), usage=wants_usage(plan.request.body))
    encoder = DIALECTS[plan.request.dialect].reply_encoder(
        model=name, conversation=conversation, prompt_tokens=plan.features.context_tokens
    )
    return Translation(
        SPOKEN.reply_decoder(), encoder, observer, first_unit=FirstUnit(thinking=False), thinking=False
    )


def _reply(
    name: str,
    headers: Headers,
    chunks: AsyncGenerator[bytes],
    observer: UsageObserver,
    request: OutgoingRequest,
) -> Reply:
    return Reply(
        track="local",
        model=name,
        status=HTTPStatus.OK,
        headers=headers,
        chunks=chunks,
        tap=observer,
        dropped=request.dropped,
    )


def _first_model(body: bytes) -> str:
    try:
        listed: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        return str(listed["data"][0]["id"])
    except (*UNREADABLE, KeyError, IndexError, TypeError):
        return ""
