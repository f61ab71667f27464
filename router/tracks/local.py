"""The model on this machine: our engine, or any server that speaks Chat Completions.

- A client of another dialect is translated both ways; no thinking of a local model goes out, since
  a later turn at the provider would reject its signature.
- The first useful unit is text, or a first tool call that is complete and sound.
- A stream that ends before it is complete raises, so that the client's connection is dropped.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

import aiohttp
import msgspec

from policies.decide import Decision
from router.engine.process import Engine
from router.engine.slots import PROMPT_HEADER
from router.settings import LocalSettings
from router.system.time_slices import Pacing
from router.tracks.circuit_breaker import CircuitBreaker, StreamHealth, guarded
from router.tracks.failures import (
    local_connection_failure,
    local_failure,
    overflow,
    stream_failure,
    unreadable_reply,
)
from router.tracks.local_client import LocalClient
from router.tracks.local_server import LocalServer, find_server
from router.tracks.local_wait import SentPrompt, WaitPredictor
from router.tracks.server_abilities import Abilities, Ability
from router.tracks.streaming import (
    Transform,
    UpstreamBody,
    open_stream,
)
from router.tracks.transforms import FirstUnit, Repair, Translation, check_reply, without_thinking
from router.tracks.upstream_call import (
    COMPLETION_PATH,
    INFILL_PATH,
    OutgoingRequest,
    UpstreamCall,
    local_request,
    wants_usage,
    weight,
)
from router.tracks.window import LARGE, SEARCH_S, corrected, find_window, first_model, fitting
from router.types import (
    ModelRequest,
    Plan,
    Progress,
    PromptParts,
    Reply,
    TrackError,
)
from router.wire import DIALECTS
from router.wire.body import UNREADABLE, Tokens
from router.wire.chat_reply import read_reply
from router.wire.conversation import Conversation
from router.wire.document_stream import as_stream
from router.wire.events import UnreadableReply
from router.wire.headers import foreign_encoding
from router.wire.raw_prompts import RawDecoder, completion_decoder, infill_decoder
from router.wire.upstream_errors import UpstreamError, read_upstream_error
from router.wire.usage_observer import UsageObserver

CHAT = DIALECTS["openai_chat"]
_RAW: Mapping[str, Callable[..., RawDecoder]] = {
    COMPLETION_PATH: completion_decoder,
    INFILL_PATH: infill_decoder,
}
"""What reads the replies of paths at which a prompt is completed as it is."""
_OURS: Abilities = frozenset({"completion", "tools"})
"""Our engine reads text alone."""


class _Sense(NamedTuple):
    """An ability that a part of a message asks for."""

    ability: Ability
    part: "re.Pattern[bytes]"
    """Such a part; within a text the quotes would be escaped."""
    verb: str
    what: str
    has: str


SENSES = (
    _Sense("vision", re.compile(rb'"type"\s*:\s*"image_url"'), "see images", "images", "sees"),
    _Sense("audio", re.compile(rb'"type"\s*:\s*"input_audio"'), "hear audio", "audio", "hears"),
)
PRIORITY = "x-turnout-priority"
DEFAULT_NAME = "local"
"""The model's name where neither the settings nor the server have one."""


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
        self._waits = WaitPredictor(self._engine)
        self.breaker = CircuitBreaker()
        """Whether the model counts as down, why, and until when."""
        self._served = ""
        self._window = 0
        """In tokens, as the server at `local.url` reported it; 0 while unknown."""
        self._looked = False
        self._abilities: Abilities | None = None
        """As the server at `local.url` told them; None while unknown."""
        self._answered = False
        """It was asked for them."""
        self.server: LocalServer | None = None
        """What answers at `local.url`, as it was found last; None before that, and with an engine."""

    @property
    def up(self) -> bool:
        """Whether one can answer; a model that still loads, or was unloaded when idle, is waited for."""
        if self._engine is not None and self._engine.health.state == "failed":
            return False
        if self.server is not None and not self.server.reachable:
            return False
        return self.breaker.up

    @property
    def context(self) -> int:
        """The window in tokens; 0 where unknown."""
        return (self._engine.health.context if self._engine else 0) or self._settings.context or self._window

    @property
    def name(self) -> str:
        """What the model is called; empty until its server was asked."""
        return self._settings.name or (self._engine.health.model if self._engine else self._served)

    @property
    def abilities(self) -> Abilities | None:
        """What the model can do; None where not even its server tells."""
        abilities = _OURS if self._engine else self._abilities
        for sense in SENSES:
            has = self._set(sense.ability)
            if has is not None:
                abilities = (
                    (abilities or _OURS) | {sense.ability} if has else (abilities or _OURS) - {sense.ability}
                )
        return abilities

    def _set(self, ability: Ability) -> bool | None:
        """What the settings say of an ability; None where they leave that to the server."""
        if self._engine is not None:
            return None
        return {"vision": self._settings.vision, "audio": self._settings.audio}.get(ability)

    def _lacks(self, ability: Ability) -> bool:
        """Whether the model is known to lack an ability."""
        has = self._set(ability)
        if has is not None:
            return not has
        abilities = _OURS if self._engine else self._abilities
        return abilities is not None and ability not in abilities

    async def look(self) -> bool:
        """Ask anew what answers at `local.url` and what its model can do; return whether it answered.

        The model may be another one than before. A server that does not answer now has not changed.
        """
        if self._engine is not None:
            return True
        self.server = server = await find_server(self._client, self._settings)
        if not server.reachable:
            return False
        self._client.base = server.url
        self._served = server.model or self._served
        self._window = server.context or self._window
        self._abilities = server.abilities
        self._answered = True
        return True

    @property
    def client(self) -> LocalClient:
        """The connections to it, for what else its server is asked."""
        return self._client

    @property
    def url(self) -> str:
        """The base URL of the server in the engine's place."""
        return self._client.base

    def wait_s(self, prompt: PromptParts) -> float:
        """Seconds until a prompt of these parts would get its first token; see `WaitPredictor`."""
        return self._waits.predict(prompt)

    async def describe(self) -> tuple[str, int]:
        """The model's name and its window in tokens; empty and 0 where not even its server tells."""
        if self._engine is None and not (self.name and self.context):
            with suppress(aiohttp.ClientError, OSError):
                async with asyncio.timeout(SEARCH_S):
                    name = await self._name()
                    self._window = self.context or await find_window(self._client, self.url, name)
        if not self._answered:
            await self.look()
        return self.name, self.context

    async def close(self) -> None:
        """Close the connections; the engine is stopped by whoever made it."""
        await self._client.close()

    def usable(self, request: ModelRequest) -> bool:  # noqa: ARG002 - as the protocol has it
        """See `router.types.Track`; nothing is needed to ask the local model."""
        return True

    async def open(self, plan: Plan, decision: Decision, progress: Progress | None = None) -> Reply:
        """See `router.types.Track`; the chunks raise `ConnectionError` or `TimeoutError` when they break."""
        progress = progress or Progress()
        async with guarded(self.breaker, plan, decision, "local_error") as health:
            try:
                async with asyncio.timeout(self._settings.first_byte_s):
                    return await self._ask(plan, progress, health)
            except UnreadableReply as unreadable:
                raise unreadable_reply(unreadable) from unreadable
            except (aiohttp.ClientError, OSError) as failure:
                raise local_connection_failure(failure, self._settings.first_byte_s) from failure

    async def count(self, plan: Plan) -> int:
        """See `router.types.Track`."""
        if self._engine is None:
            raise TrackError(
                "this local server counts no tokens", cause="unsupported", status=HTTPStatus.BAD_REQUEST
            )
        try:
            async with asyncio.timeout(self._settings.first_byte_s):
                await self._engine.ready(self._settings.first_byte_s)
                request = await self._request(plan, await self._name())
                async with await self._client.post("/count", request.body) as response:
                    body = await response.read()
            return msgspec.json.decode(body, type=_Counted).tokens
        except (aiohttp.ClientError, OSError, *UNREADABLE) as failure:
            raise TrackError("the local model could not count the tokens", cause="local_error") from failure

    async def _ask(self, plan: Plan, progress: Progress, health: StreamHealth) -> Reply:
        await self._ready()
        name = await self._name()
        limit = plan.features.output_limit
        if limit >= LARGE and not self.context and not self._looked and self._engine is None:
            self._looked = True
            self._window = await find_window(self._client, self.url, name) or self._window
        prompt = plan.features.context_tokens
        shorter = fitting(limit, self.context, prompt) if self._engine is None else limit
        request = await self._request(plan, name, shorter if shorter < limit else None)
        self._check_senses(plan, request)
        _check_documents(plan, request)
        sent = self._waits.send(plan)
        try:
            response = await self._post(plan, request, progress)
            if response.status != HTTPStatus.OK:
                response = await self._post_again(plan, name, shorter, response)
            call = UpstreamCall(
                track="local", plan=plan, model=name, request=request, observer=UsageObserver()
            )
            if plan.request.stream:
                return await self._stream(call, response, health, sent)
            reply = await _document(call, response)
        except BaseException:
            self._ended(sent)
            raise
        self._waits.began(sent, call.observer)
        self._ended(sent)
        return reply

    def _check_senses(self, plan: Plan, request: OutgoingRequest) -> None:
        """See that a model is sent nothing that it is known not to take: some servers leave it out unsaid.

        Raises:
            TrackError: `unsupported`.
        """
        for sense in SENSES if plan.features.images else ():  # which counts audio, too
            if self._lacks(sense.ability) and sense.part.search(request.body):
                raise _unsupported(
                    f"messages: the local model does not {sense.verb}{_why_here(plan)}; leave the "
                    f"{sense.what} out, or serve a model that {sense.has} at `local.url`"
                )

    def _ended(self, sent: SentPrompt) -> None:
        """Nothing more comes for a prompt, so the engine's account of its slots has changed."""
        sent.ended = True
        if self._engine is not None:
            self._engine.refresh_soon()

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
        write = partial(local_request, engine=self._engine is not None)
        return await self._pacing.call(weight(request.body), write, request, name, limit)

    async def _post(self, plan: Plan, request: OutgoingRequest, progress: Progress) -> aiohttp.ClientResponse:
        priority = "autocomplete" if plan.features.kind == "autocomplete" else "chat"
        headers = {PRIORITY: priority} | ({PROMPT_HEADER: plan.request.id} if self._engine else {})
        response = await self._client.post(request.path, request.body, headers=headers, progress=progress)
        if encoding := foreign_encoding(response.headers):
            response.close()
            raise TrackError(
                f"the local server answered in `{encoding[:40]}`, which cannot be read",
                cause="local_error",
                fault="server_error",
            )
        return response

    async def _post_again(
        self, plan: Plan, name: str, limit: int, response: aiohttp.ClientResponse
    ) -> aiohttp.ClientResponse:
        """Send the request once more where the server refused nothing but the answer's limit.

        Raises:
            TrackError: the refusal; `overflow` where the window leaves no useful answer.
        """
        refusal = await _read_error(response)
        failure = _refused(plan, response, refusal)
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
            raise _refused(plan, again, await _read_error(again))
        return again

    async def _stream(
        self, call: UpstreamCall, response: aiohttp.ClientResponse, health: StreamHealth, sent: SentPrompt
    ) -> Reply:
        transform = _transform(call, lambda: self._waits.heard(sent))
        body = UpstreamBody(response, closed=lambda: self._ended(sent), stream_of=as_stream)
        chunks = await open_stream(body, transform, stall_s=self._settings.stall_s, health=health)
        self._waits.began(sent, call.observer)
        if not transform.ready:
            await chunks.aclose()
            raise stream_failure(call.observer.error)
        return call.reply(call.stream_headers, chunks)

    async def _name(self) -> str:
        """What the server calls its model: from the settings, the engine, or the server's list."""
        if not self.name and self._engine is None:
            self._served, window = await first_model(self._client, self.url)
            self._window = window or self._window
        return self.name or DEFAULT_NAME


_NO_SUCH_PATH = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


def _refused(plan: Plan, response: aiohttp.ClientResponse, refusal: UpstreamError) -> TrackError:
    """A refusal of the local server's; many speak chat alone, and complete no prompt as it is."""
    failure = local_failure(response.status, response.headers, refusal)
    if plan.features.kind != "autocomplete" or response.status not in _NO_SUCH_PATH:
        return failure
    detail = failure.message.removeprefix("the local model: ").rstrip(".")
    return _unsupported(
        f"the server at `local.url` completes no prompt at {response.url.path} "
        f"({response.status}: {detail}); run one there that does, such as llama-server, or leave `local.url` "
        "out for our engine"
    )


def _check_documents(plan: Plan, request: OutgoingRequest) -> None:
    """See that a document goes to a model that reads it; where it must stay, that the client is told.

    Raises:
        TrackError: `unsupported`.
    """
    if "document" not in request.dropped:
        return
    if "cloud" in plan.decision.alternatives or not plan.clearance.allowed:
        raise _unsupported(
            f"messages: the local model reads no PDF or other file{_why_here(plan)}; send its text"
        )


def _why_here(plan: Plan) -> str:
    """Why nothing else may serve; empty where something else might."""
    return "" if plan.clearance.allowed else f", and this must stay on this machine ({plan.clearance.why})"


def _unsupported(message: str) -> TrackError:
    return TrackError(
        message, cause="unsupported", status=HTTPStatus.BAD_REQUEST, kind="invalid_request_error"
    )


async def _read_error(response: aiohttp.ClientResponse) -> UpstreamError:
    async with response:
        return read_upstream_error(await response.read())


def _transform(call: UpstreamCall, heard: Callable[[], None]) -> Transform:
    conversation, observer = call.request.conversation, call.observer
    make = _RAW.get(call.request.path)
    if conversation is None:
        usage = wants_usage(call.plan.request.body)
        decoder = make(observing=True) if make else None
        return Repair(observer, FirstUnit(thinking=True, heard=heard), usage=usage, decoder=decoder)
    thinking = _shows_thinking(conversation)
    return Translation(
        make() if make else CHAT.reply_decoder(),
        call.encoder(conversation),
        observer,
        first_unit=FirstUnit(thinking=thinking, heard=heard),
        thinking=thinking,
        ends_by_error=call.ends_by_error,
    )


def _shows_thinking(conversation: Conversation) -> bool:
    """Whether the client is sent what the model thought.

    Claude refuses thinking that it never signed; clients of other dialects bring none there as signed.
    """
    return conversation.dialect != "anthropic_messages"


async def _document(call: UpstreamCall, response: aiohttp.ClientResponse) -> Reply:
    async with response:
        body = await response.read()
    make = _RAW.get(call.request.path)
    events, body = (make().whole(body), body) if make else read_reply(body)
    call.observer.observe(events)
    if call.observer.error:
        raise stream_failure(call.observer.error)
    if not make:  # between two texts, nothing may be the right completion
        check_reply(events)
    if (conversation := call.request.conversation) is not None:
        visible = events if _shows_thinking(conversation) else without_thinking(events)
        body = call.encode(visible, conversation)
    return call.document(body)
