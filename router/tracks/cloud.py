"""The provider's model: relayed byte for byte where the client speaks its dialect, else translated.

- Only the model name is changed in a body, and only where the provider would not know it.
- Until the first useful unit a failure is a `TrackError`, with the provider's own answer in
  it; from then on the client sees what a direct call would show.
- A 4xx is the provider's answer to this client, and passes; 429 and 5xx are failures.
- A provider that speaks neither dialect is reached through litellm.
- One that speaks Responses beside Chat Completions is asked in it by whoever speaks it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import NamedTuple

import aiohttp
import msgspec

from policies.decide import Decision
from policies.privacy import Clearance
from router.billing.prices import Prices
from router.settings import CloudSettings
from router.system.time_slices import Pacing
from router.tracks import providers
from router.tracks.circuit_breaker import CircuitBreaker, StreamHealth, guarded
from router.tracks.cloud_provider import CloudProvider, find_provider
from router.tracks.cloud_reply import CloudResponse, relay, translate
from router.tracks.credentials import CARRIERS, credential, has_own
from router.tracks.egress import Egress, cleared
from router.tracks.failures import connection_failure, unreachable
from router.tracks.litellm_client import LitellmClient
from router.tracks.upstream_call import OutgoingRequest, UpstreamCall, translate_request, weight
from router.types import DialectName, Headers, ModelRequest, Plan, Progress, Reply, TrackError
from router.wire import DIALECTS
from router.wire.body import UNREADABLE, Tokens, name_model
from router.wire.claude_models import ClaudeModel, fit_body, model_of
from router.wire.headers import field, foreign_encoding, request_headers
from router.wire.responses_reasoning import without_others
from router.wire.target import CLAUDE, OPENAI, PROVIDER, Target
from router.wire.usage_observer import UsageObserver


class WireFormat(NamedTuple):
    """What a provider's dialect is called here, and the path it is served at."""

    name: DialectName
    path: str


WIRE_FORMATS: Mapping[str, WireFormat] = {
    "anthropic": WireFormat("anthropic_messages", "/v1/messages"),
    "openai": WireFormat("openai_chat", "/chat/completions"),
}
RESPONSES = WireFormat("openai_responses", "/responses")
"""Of a provider that speaks it beside Chat Completions, for clients that speak it, too."""
COUNT_PATHS: Mapping[DialectName, str] = {
    "anthropic_messages": "/v1/messages/count_tokens",
    "openai_responses": "/responses/input_tokens",
}

OF_ANY_DIALECT = frozenset({"accept-encoding", "content-type", "user-agent"})
"""Fields that a client's request keeps when it is translated; the others speak to another provider."""
ONE_OFF = frozenset({"autocomplete", "housekeeping"})
"""Kinds of requests whose prompt does not come again: caching it would cost more than it saves."""
_COUNTED = frozenset({"messages", "model", "system", "thinking", "tool_choice", "tools"})
"""Fields of a count of tokens."""
CONTINUED = b'"continue_final_message":true'
"""In a body: vLLM's field that asks to go on from the last turn; strict providers refuse it."""


class _Count(msgspec.Struct):
    input_tokens: Tokens


class CloudTrack:
    """Answers from the provider."""

    def __init__(
        self,
        settings: CloudSettings,
        egress: Egress,
        prices: Prices | None = None,
        pacing: Pacing | None = None,
    ) -> None:
        """Take the connections, and the table of models: what one refuses that a client did not choose."""
        self._settings = settings
        self._pacing = pacing or Pacing()
        self._egress = egress
        self._models = prices or Prices()
        self._base = providers.base_url(settings)
        self._wire = WIRE_FORMATS.get(settings.dialect)
        self._responses = providers.speaks_responses(settings)
        self._litellm = LitellmClient(settings, egress, self._pacing)
        self._clients_bring_keys = False
        self.breaker = CircuitBreaker()
        """Whether the provider counts as down, why, and until when."""
        self.provider: CloudProvider | None = None
        """What answers at `cloud.base_url`, as it was found last; None where nobody asked."""

    @property
    def url(self) -> str:
        """Where requests go; empty where the settings name no address."""
        if self._settings.dialect != "litellm":
            return self._base
        return str(providers.address(self._settings) or "")

    @property
    def has_credential(self) -> bool:
        """Whether there is a key of ours, or clients bring theirs, as some did."""
        return self._clients_bring_keys or has_own(self._settings)

    def usable(self, request: ModelRequest) -> bool:
        """See `router.types.Track`; a provider needs a credential."""
        try:
            chosen = credential(self._settings, request.headers)
        except TrackError:
            return False
        self._clients_bring_keys = self._clients_bring_keys or chosen.own
        return True

    async def look(self, clearance: Clearance) -> CloudProvider | None:
        """See what answers at `cloud.base_url`, where there is a key of ours to try and something may leave.

        Without either nobody is asked: a machine that keeps all to itself calls nowhere.
        """
        self.provider = None
        if clearance.allowed and has_own(self._settings):
            self.provider = await find_provider(self._egress, self._settings, clearance)
        return self.provider

    async def open(self, plan: Plan, decision: Decision, progress: Progress | None = None) -> Reply:
        """See `router.types.Track`; the chunks raise `ConnectionError` or `TimeoutError` when they break."""
        cleared(plan.clearance)
        progress = progress or Progress()
        model = progress.model = providers.model_for(self._settings, plan.request.model, decision)
        wire = self._wire_for(plan.request)
        native = wire is not None and wire.name == plan.request.dialect
        if plan.features.safeguards and not (native and self._settings.dialect == "anthropic"):
            raise providers.no_safety_checks()
        if (
            decision.rule == "guard"
            and decision.model
            and providers.lacks_model(self._settings, decision.model)
        ):
            raise providers.no_model_for_safety_check(self._settings, decision.model)
        async with guarded(self.breaker, plan, decision, "cloud_error") as health:
            try:
                async with asyncio.timeout(self._settings.first_byte_s):
                    if wire is not None:
                        return await self._answer(plan, model, wire, progress, health)
                    return await self._litellm.open(plan, model, progress, health)
            except (aiohttp.ClientError, OSError) as broken:
                raise connection_failure(broken) from broken

    async def count(self, plan: Plan) -> int:
        """See `router.types.Track`."""
        cleared(plan.clearance)
        wire = self._wire_for(plan.request)
        if wire is None or wire.name not in COUNT_PATHS or plan.request.dialect == "openai_chat":
            raise TrackError(
                "this provider counts no tokens", cause="unsupported", status=HTTPStatus.BAD_REQUEST
            )
        model = providers.model_for(self._settings, plan.request.model, plan.decision)
        try:
            async with asyncio.timeout(self._settings.first_byte_s):
                own = plan.request.dialect == wire.name
                body = (await self._outgoing(plan, model, wire)).body
                headers = self._headers(plan.request.headers, translated=not own)
                body = body if own else _counted(body)
                async with await self._post(
                    plan, body, headers, COUNT_PATHS[wire.name], Progress()
                ) as response:
                    return msgspec.json.decode(await response.read(), type=_Count).input_tokens
        except (aiohttp.ClientError, OSError, *UNREADABLE) as failure:
            raise unreachable("could not count the tokens") from failure

    def _wire_for(self, request: ModelRequest) -> WireFormat | None:
        """What the provider is asked in: the client's own dialect where it speaks that; None: by litellm."""
        own = self._responses and request.dialect == RESPONSES.name
        return RESPONSES if own else self._wire

    async def _answer(
        self, plan: Plan, model: str, wire: WireFormat, progress: Progress, health: StreamHealth
    ) -> Reply:
        request = await self._outgoing(plan, model, wire)
        response = await self._send(plan, request, wire, progress)
        if CONTINUED in request.body and request.conversation is not None and await _refuses(response):
            request = await self._outgoing(plan, model, wire, continues=False)
            response = await self._send(plan, request, wire, progress)
        observer = progress.tap = UsageObserver(model if request.conversation else "")
        cloud = CloudResponse(
            call=UpstreamCall(track="cloud", plan=plan, model=model, request=request, observer=observer),
            provider=DIALECTS[wire.name],
            response=response,
            stall_s=self._settings.stall_s,
            health=health,
        )
        if request.conversation is None:
            return await relay(cloud)
        return await translate(cloud, request.conversation)

    async def _send(
        self, plan: Plan, request: OutgoingRequest, wire: WireFormat, progress: Progress
    ) -> aiohttp.ClientResponse:
        headers = self._headers(plan.request.headers, translated=request.conversation is not None)
        path = wire.path + plan.request.subpath
        if request.conversation is None and plan.request.query:
            path = f"{path}?{plan.request.query}"
        response = await self._post(plan, request.body, headers, path, progress)
        if encoding := foreign_encoding(response.headers):
            response.close()
            raise unreachable(f"answered in `{encoding[:40]}`, which cannot be read here")
        return response

    async def _outgoing(
        self, plan: Plan, model: str, wire: WireFormat, *, continues: bool = True
    ) -> OutgoingRequest:
        request = plan.request
        if wire.name == request.dialect:
            body, dropped = await self._body(request, model)
            return OutgoingRequest(body=body, dropped=dropped)
        target = self._target(model, one_off=plan.features.kind in ONE_OFF)
        if not continues:
            target = replace(target, prefill="none")
        return await self._pacing.call(weight(request.body), translate_request, request, model, target)

    def _target(self, model: str, *, one_off: bool) -> Target:
        """What this provider's model takes."""
        if self._settings.dialect == "anthropic":
            return replace(CLAUDE, model=model_of(self._models.row(model)), marks_cache=not one_off)
        own = self._base == providers.OPENAI_URL or providers.made_by_openai(model)
        return OPENAI if own else PROVIDER

    async def _post(
        self, plan: Plan, body: bytes, headers: Sequence[tuple[str, str]], path: str, progress: Progress
    ) -> aiohttp.ClientResponse:
        return await self._egress.post(
            plan.clearance, self._base + path, headers=headers, body=body, progress=progress
        )

    async def _body(self, request: ModelRequest, model: str) -> tuple[bytes, tuple[str, ...]]:
        """The client's bytes; where another model was put in, with that one's name and within its limits.

        Returns:
            The body, and the names of what that model refuses of it.
        """
        body = request.body
        if request.dialect == RESPONSES.name:
            body = await self._pacing.call(len(body), without_others, body)
        if model == request.model:
            return body, ()
        claude: ClaudeModel | None = None
        settings = self._settings
        if settings.dialect == "anthropic" and model != providers.own_name(settings, request.model):
            row = self._models.row(model)
            claude = model_of(row) if row else None
        return await self._pacing.call(len(body), _body_for, body, model, claude)

    def _headers(self, received: Headers, *, translated: bool = False) -> list[tuple[str, str]]:
        """The client's fields and a key; of a client of another dialect none but who it is."""
        headers = [pair for pair in request_headers(received) if not translated or pair[0] in OF_ANY_DIALECT]
        key = credential(self._settings, received)
        if key.own and not translated:
            headers = [pair for pair in headers if pair[0] not in CARRIERS or pair in key.headers]
        else:
            headers = [*(pair for pair in headers if pair[0] not in CARRIERS), *key.headers]
        if self._settings.dialect == "anthropic" and not field(headers, providers.ANTHROPIC_VERSION[0]):
            headers.append(providers.ANTHROPIC_VERSION)
        return headers


async def _refuses(response: aiohttp.ClientResponse) -> bool:
    """Whether a provider refuses the fields by which vLLM and SGLang go on from a last turn."""
    if response.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return False
    body = await response.read()
    return any(field in body for field in (b"continue_final_message", b"add_generation_prompt"))


def _counted(body: bytes) -> bytes:
    """The fields of a Messages body that are counted; the others are refused there."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: raw for name, raw in fields.items() if name in _COUNTED})


def _body_for(body: bytes, model: str, claude: ClaudeModel | None) -> tuple[bytes, tuple[str, ...]]:
    fitting, dropped = fit_body(body, claude)
    return name_model(fitting, model), dropped
