"""The provider's model: relayed byte for byte where the client speaks its dialect.

- Only the model name is changed in a body, and only where the provider would not know it.
- Until the first useful unit a failure is a `TrackError`, with the provider's own answer in
  it; from then on the client sees what a direct call would show.
- A 4xx is the provider's answer to this client and passes unchanged; 429 and 5xx are failures.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
import msgspec

from policies.decide import Decision
from router.billing.prices import Prices
from router.errors import TrackError
from router.settings import CloudSettings
from router.system.pacing import Pacing
from router.tracks import providers
from router.tracks.circuit_breaker import Circuit, CircuitBreaker
from router.tracks.credentials import CARRIERS, credential
from router.tracks.egress import Egress, cleared
from router.tracks.failures import cloud_failure, failed, fault_of, unreachable
from router.tracks.guarded import guarded
from router.tracks.headers import back, field, foreign_encoding, onward
from router.tracks.lite import Lite
from router.tracks.relay import EVENT_STREAM, body_of, first_unit, resume
from router.types import DialectName, Headers, ModelRequest, Plan, Progress, Reply
from router.wire import DIALECTS
from router.wire.body import UNREADABLE, name_model
from router.wire.model_limits import fit
from router.wire.tap import Tokens


class Spoken(NamedTuple):
    """What a provider's dialect is called here, and where it is spoken."""

    name: DialectName
    path: str


SPOKEN: Mapping[str, Spoken] = {
    "anthropic": Spoken("anthropic_messages", "/v1/messages"),
    "openai": Spoken("openai_chat", "/chat/completions"),
}
COUNT_PATH = "/v1/messages/count_tokens"
ANTHROPIC_VERSION = ("anthropic-version", "2023-06-01")

EVENT_STATUS: Mapping[bytes, int] = {
    b"overloaded_error": 529,
    b"rate_limit_error": 429,
    b"timeout_error": 504,
    b"api_error": 500,
}
"""The status an error event would have had, had it come before the headers."""

SUCCESS = range(200, 300)
AFTER_ERROR_S = 1.0
"""How long the end of a stream is waited for once it told an error."""


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
        self._spoken = SPOKEN.get(settings.dialect)
        self._lite = Lite(settings, egress, self._pacing)
        self._breaker = CircuitBreaker()

    @property
    def up(self) -> bool:
        """Whether the next request should go to the provider; see `CircuitBreaker`."""
        return self._breaker.up

    @property
    def circuit(self) -> Circuit:
        """Whether the provider counts as down, why, and until when."""
        return self._breaker.circuit

    @property
    def url(self) -> str:
        """Where requests go; empty where nothing configured tells."""
        if self._settings.dialect != "litellm":
            return self._base
        return str(providers.address(self._settings) or "")

    async def start(self) -> None:
        """Nothing is opened before the first request needs it."""

    async def close(self) -> None:
        """The connections are the egress's; whoever made that closes it."""

    def usable(self, request: ModelRequest) -> bool:
        """See `router.types.Track`; a provider needs a credential."""
        try:
            credential(self._settings, request.headers)
        except TrackError:
            return False
        return True

    async def open(self, plan: Plan, decision: Decision, progress: Progress | None = None) -> Reply:
        """See `router.types.Track`; the chunks raise `ConnectionError` or `TimeoutError` when they break."""
        cleared(plan.clearance)
        progress = progress or Progress()
        model = progress.model = self.model_for(plan.request.model, decision)
        native = self._spoken is not None and self._spoken.name == plan.request.dialect
        if plan.features.safeguards and not (native and self._settings.dialect == "anthropic"):
            raise TrackError(
                "safeguards: the provider that this endpoint is set up for runs none; leave the field out",
                cause="unsupported",
                status=HTTPStatus.BAD_REQUEST,
                kind="invalid_request_error",
            )
        if decision.rule == "guard" and decision.model and self.lacks_model(decision.model):
            raise TrackError(
                f"model: this is a safety check, and the provider here has no `{decision.model}`; no other "
                f"model judges in its place. Name one that it has, such as `{self._settings.model}`",
                cause="unsupported",
                status=HTTPStatus.BAD_REQUEST,
                kind="invalid_request_error",
            )
        async with guarded(self._breaker, plan, decision, "cloud_error"):
            try:
                async with asyncio.timeout(self._settings.first_byte_s):
                    if self._spoken is not None and native:
                        return await self._relay(plan, model, self._spoken, progress)
                    return await self._lite.open(plan, model, progress)
            except TimeoutError as late:
                raise unreachable(
                    "did not answer in time", HTTPStatus.GATEWAY_TIMEOUT, fault=fault_of(late)
                ) from late
            except (aiohttp.ClientError, OSError) as broken:
                raise unreachable(f"could not be reached: {broken}", fault=fault_of(broken)) from broken

    async def count(self, plan: Plan) -> int:
        """See `router.types.Track`."""
        cleared(plan.clearance)
        if self._settings.dialect != "anthropic" or plan.request.dialect != "anthropic_messages":
            raise TrackError(
                "this provider counts no tokens", cause="unsupported", status=HTTPStatus.BAD_REQUEST
            )
        model = self.model_for(plan.request.model, plan.decision)
        try:
            async with asyncio.timeout(self._settings.first_byte_s):
                async with await self._post(plan, model, COUNT_PATH, Progress()) as response:
                    return msgspec.json.decode(await response.read(), type=_Count).input_tokens
        except (aiohttp.ClientError, OSError, *UNREADABLE) as failure:
            raise unreachable("could not count the tokens") from failure

    def model_for(self, asked: str, decision: Decision) -> str:
        """The decision's model or the client's where the provider has it, else the configured one."""
        return providers.model_for(self._settings, asked, decision)

    def lacks_model(self, name: str) -> bool:
        """Whether the provider surely has no model of that name: another company makes it."""
        return providers.lacks_model(self._settings, name)

    async def _relay(self, plan: Plan, model: str, spoken: Spoken, progress: Progress) -> Reply:
        response = await self._post(plan, model, spoken.path, progress)
        if encoding := foreign_encoding(response.headers):
            response.close()
            raise unreachable(f"answered in `{encoding[:40]}`, which cannot be read here")
        headers = back(response.raw_headers)
        streams = response.content_type == EVENT_STREAM
        tap = progress.tap = DIALECTS[spoken.name].tap(streams)
        source = body_of(response, tap)
        if failed(response.status):
            body = b"".join([chunk async for chunk in source])
            raise cloud_failure(model=model, status=response.status, headers=headers, body=body, tap=tap)
        held = await first_unit(source, tap)
        if streams and response.status in SUCCESS and not tap.started:
            if tap.error:
                told = held + await _rest(source)
                raise cloud_failure(
                    model=model,
                    status=_event_status(told),
                    headers=headers,
                    body=told,
                    tap=tap,
                    shown=response.status,
                )
            if not tap.complete:
                raise unreachable("ended its answer before anything useful came")
        return Reply(
            track="cloud",
            model=model,
            status=response.status,
            headers=headers,
            chunks=await resume(held, source),
            tap=tap,
        )

    async def _post(self, plan: Plan, model: str, path: str, progress: Progress) -> aiohttp.ClientResponse:
        request = plan.request
        return await self._egress.post(
            plan.clearance,
            f"{self._base}{path}?{request.query}" if request.query else self._base + path,
            headers=self._headers(request.headers),
            body=await self._body(request, model),
            progress=progress,
        )

    async def _body(self, request: ModelRequest, model: str) -> bytes:
        """The client's bytes; where another model was put in, with that one's name and within its limits."""
        if model == request.model:
            return request.body
        row: Mapping[str, Any] = {}
        if self._settings.dialect == "anthropic" and model != providers.own_name(
            self._settings, request.model
        ):
            row = dict(self._models.row(model))
        return await self._pacing.call(len(request.body), _body_for, request.body, model, row)

    def _headers(self, received: Headers) -> list[tuple[str, str]]:
        headers = onward(received)
        key = credential(self._settings, received)
        if key.own:
            headers = [pair for pair in headers if pair[0] not in CARRIERS or pair in key.headers]
        else:
            headers = [*(pair for pair in headers if pair[0] not in CARRIERS), *key.headers]
        if self._settings.dialect == "anthropic" and not field(headers, ANTHROPIC_VERSION[0]):
            headers.append(ANTHROPIC_VERSION)
        return headers


def _body_for(body: bytes, model: str, row: Mapping[str, Any]) -> bytes:
    return name_model(fit(body, row), model)


async def _rest(source: AsyncGenerator[bytes]) -> bytes:
    """What a stream still says after an error; it is at its end, so not much is waited for."""
    rest: list[bytes] = []
    async with aclosing(source):
        try:
            async with asyncio.timeout(AFTER_ERROR_S):
                rest.extend([chunk async for chunk in source])
        except (TimeoutError, ConnectionError):
            pass  # the error itself is there, which is all that matters
    return b"".join(rest)


def _event_status(told: bytes) -> int:
    return next((status for kind, status in EVENT_STATUS.items() if kind in told), HTTPStatus.BAD_GATEWAY)
