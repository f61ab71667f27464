"""Other providers, through litellm.

litellm translates; the connection is ours (`router.tracks.litellm_transport`), so that a hang-up ends
the call at once, and statuses, `retry-after` and dropped connections are the provider's
own. What litellm takes and gives is Chat Completions, one of the dialects like any other.

Only fields of the dialect are handed over: litellm takes addresses, keys and callbacks
from the same argument list, and a client must not set those.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from router.errors import BadRequest, TooLarge, TurnoutError
from router.settings import CloudSettings
from router.system.time_slices import Pacing
from router.tracks.credentials import credential
from router.tracks.egress import Egress, LitellmFailure
from router.tracks.failures import cloud_failure, failed, fault_of, refusal_body, unreachable
from router.tracks.litellm_answer import LitellmBody, document_of
from router.tracks.outgoing import OutgoingRequest, translate_request, weight
from router.tracks.providers import base_url
from router.tracks.streaming import (
    JSON_HEADERS,
    STREAM_HEADERS,
    StreamHealth,
    Transform,
    open_stream,
    single_chunk,
)
from router.tracks.transforms import ENVELOPE, Repair, Translation
from router.types import Headers, ModelRequest, Plan, Progress, Reply, TrackError
from router.wire import DIALECTS
from router.wire.capabilities import PROVIDER, Target
from router.wire.chat_reply import ChatReplyDecoder, read_reply
from router.wire.codec import UnreadableReply
from router.wire.headers import field, response_headers
from router.wire.upstream_errors import UpstreamError, read_upstream_error
from router.wire.usage_observer import UsageObserver

if TYPE_CHECKING:
    from router.tracks.litellm_transport import LitellmTransport

FIELDS = frozenset({
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "messages", "modalities", "n", "parallel_tool_calls",
    "prediction", "presence_penalty", "reasoning_effort", "response_format", "seed", "service_tier",
    "stop", "stream", "temperature", "thinking", "tool_choice", "tools", "top_logprobs", "top_p",
    "user", "verbosity", "web_search_options",
})  # fmt: skip
"""Of a Chat Completions body; `store`, `metadata` and the like mean something else to litellm."""

MOST_BYTES = 32 << 20
"""As much as Anthropic takes in one request."""
MOST_MESSAGES = 5_000
"""litellm takes 30 µs for each on the event loop, while everybody waits."""
MOST_KEYS = 20_000
"""In the arguments of all calls, which litellm decodes, walks and encodes again."""
_MOST = f"at most {MOST_BYTES >> 20} MB and {MOST_MESSAGES:,} messages are taken"
_REMEDY = "shorten the conversation, or speak the provider's own dialect, which is passed on as it is"

FIXED: Mapping[str, Any] = {
    "num_retries": 0,
    "max_retries": 0,
    "drop_params": True,  # what the provider cannot do is left out rather than refused
    "_skip_mcp_handler": True,  # it would import a package that is not needed here
}

_INVALID = re.compile(r"\bInvalid (?P<field>[a-z]+_[a-z_]+)\b")

OTHERS = replace(PROVIDER, prefill="none")
CLAUDE = replace(PROVIDER, side="claude", prefill="native", files=True)


class LitellmClient:
    """Carries a request to a provider that speaks neither dialect."""

    def __init__(self, settings: CloudSettings, egress: Egress, pacing: Pacing) -> None:
        self._settings = settings
        self._egress = egress
        self._pacing = pacing

    async def open(self, plan: Plan, model: str, progress: Progress, health: StreamHealth) -> Reply:
        """Answer `plan.request` with `model`, in the client's dialect.

        Raises:
            TrackError: `cloud_error`, `no_credential`, `private` or `unsupported`.
            BadRequest: it cannot be put to the provider.
        """
        observer = UsageObserver(model)
        progress.tap = observer
        request = await self._pacing.call(weight(plan.request.body), _outgoing, plan.request, model)
        try:
            answer, transport = await self._egress.chat(
                plan.clearance, self._params(plan.request, request, model), progress
            )
            if not plan.request.stream:
                return _whole(plan, request, model, document_of(answer, transport, model), observer)
            transform = _transform(plan, request, model, observer)
            body = LitellmBody(answer, transport, model)
            chunks = await open_stream(body, transform, stall_s=self._settings.stall_s, health=health)
        except LitellmFailure as failure:
            evidence = failure.transport.evidence
            if evidence is not None and not plan.request.stream:
                observer.written = max(evidence.size - ENVELOPE, 0)
            return _refused(plan.request, model, failure)
        except UnreadableReply as unreadable:
            raise unreachable(f"gave an answer that cannot be read: {unreadable}") from unreadable
        return _reply(model, request, STREAM_HEADERS, chunks, observer)

    def _params(self, received: ModelRequest, request: OutgoingRequest, model: str) -> dict[str, Any]:
        fields = msgspec.json.decode(request.body, type=dict[str, Any])
        taken = FIELDS | {"top_k"} if "claude" in model else FIELDS  # no field of Chat Completions
        params = {name: value for name, value in fields.items() if name in taken}
        params.update(FIXED, model=model, timeout=self._settings.total_s)
        if received.stream:
            params["stream_options"] = {"include_usage": True}
        if "base_url" in self._settings.model_fields_set:
            params["api_base"] = base_url(self._settings)
        if secret := credential(self._settings, received.headers).secret:
            params["api_key"] = secret
        return params


def _outgoing(request: ModelRequest, model: str) -> OutgoingRequest:
    """What litellm is given.

    Raises:
        BadRequest: it cannot be put to the provider.
        TooLarge: 413, litellm would keep everybody waiting over it.
    """
    if len(request.body) > MOST_BYTES:
        raise TooLarge(f"the body: {_MOST} for a translation to the provider's format; {_REMEDY}")
    outgoing = translate_request(request, model, _target(request, model))
    messages = msgspec.json.decode(outgoing.body, type=_Messages).messages
    if len(messages) > MOST_MESSAGES:
        raise TooLarge(f"messages: {_MOST} for a translation to the provider's format; {_REMEDY}")
    if (
        sum(call.function.arguments.count('":') for message in messages for call in message.tool_calls)
        > MOST_KEYS
    ):
        raise TooLarge(
            f"messages: at most {MOST_KEYS:,} keys in the arguments of calls are taken for a "
            f"translation to the provider's format; {_REMEDY}"
        )
    return outgoing


def _target(request: ModelRequest, model: str) -> Target:
    """What stands behind litellm; it takes a conversation in its own dialect as a client arranged it."""
    target = CLAUDE if "claude" in model else OTHERS
    return replace(target, alternating=request.dialect != target.dialect)


class _Arguments(msgspec.Struct):
    arguments: str = ""


class _Call(msgspec.Struct):
    function: _Arguments


class _Message(msgspec.Struct):
    tool_calls: list[_Call] = []


class _Messages(msgspec.Struct):
    messages: list[_Message]


def _transform(plan: Plan, request: OutgoingRequest, model: str, observer: UsageObserver) -> Transform:
    conversation = request.conversation
    if plan.request.dialect == PROVIDER.dialect or conversation is None:
        return Repair(observer, usage=conversation is not None and conversation.stream_usage)
    encoder = DIALECTS[plan.request.dialect].reply_encoder(
        model=model, conversation=conversation, prompt_tokens=plan.features.context_tokens
    )
    return Translation(ChatReplyDecoder(), encoder, observer)


def _reply(
    model: str,
    request: OutgoingRequest,
    headers: Headers,
    chunks: AsyncGenerator[bytes],
    observer: UsageObserver,
) -> Reply:
    return Reply(
        track="cloud",
        model=model,
        status=HTTPStatus.OK,
        headers=headers,
        chunks=chunks,
        tap=observer,
        dropped=request.dropped,
    )


def _whole(plan: Plan, request: OutgoingRequest, model: str, body: bytes, observer: UsageObserver) -> Reply:
    events, body = read_reply(body)
    observer.observe(events)
    conversation = request.conversation
    if plan.request.dialect != PROVIDER.dialect and conversation is not None:
        body = DIALECTS[plan.request.dialect].encode_reply(
            events, model=model, conversation=conversation, prompt_tokens=plan.features.context_tokens
        )
    return _reply(model, request, JSON_HEADERS, single_chunk(body), observer)


def _refused(request: ModelRequest, model: str, failure: LitellmFailure) -> Reply:
    """The provider's refusal of this client, in the client's words; its own failures are raised.

    Raises:
        TrackError: `cloud_error`; `no_credential`; `unsupported`, another address was wanted.
        BadRequest: litellm could not make a request of it.
    """
    transport, response = failure.transport, failure.transport.response
    if transport.forbidden is not None:
        raise transport.forbidden from failure
    if transport.broken is not None:
        late = isinstance(transport.broken, TimeoutError)
        raise unreachable(
            f"could not be reached: {transport.broken}",
            HTTPStatus.GATEWAY_TIMEOUT if late else HTTPStatus.BAD_GATEWAY,
            fault=fault_of(transport.broken),
        ) from failure
    if response is None:
        raise _unsent(failure.failure) from failure
    if response.status < HTTPStatus.BAD_REQUEST:
        raise unreachable("broke off its answer, or gave one that cannot be read") from failure
    refusal, status, headers = _read_upstream_error(transport, response)
    observer = UsageObserver(model)
    observer.error = refusal.message or f"status {status}"
    observer.complete = True
    body = refusal_body(request.dialect, status, refusal)
    if failed(status):
        raise cloud_failure(model=model, status=status, headers=headers, body=body, tap=observer) from failure
    return Reply(
        track="cloud", model=model, status=status, headers=headers, chunks=single_chunk(body), tap=observer
    )


def _unsent(failure: Exception) -> TurnoutError:
    """Why litellm sent nothing: for want of a key, or since it could not translate this request."""
    refused = getattr(failure, "status_code", 0) in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if refused or "Missing credentials" in str(failure):
        return TrackError(
            "No credential for the cloud track: set `cloud.api_key_env`, or the provider's own variable.",
            cause="no_credential",
            status=HTTPStatus.BAD_REQUEST,
            kind="invalid_request_error",
        )
    # What litellm says is of its own code, and may cite the conversation: no client's matter.
    match = _INVALID.search(str(failure))
    return BadRequest(
        f"{match['field'] if match else 'a message, tool or option'}: cannot be translated for the provider; "
        "see the reference of Chat Completions for its values"
    )


def _read_upstream_error(
    transport: "LitellmTransport", response: aiohttp.ClientResponse
) -> tuple[UpstreamError, int, Headers]:
    """What the provider said, its status and the fields worth passing on."""
    fields = response_headers(response.raw_headers)
    passed = tuple((name, value) for name in ("retry-after", "request-id") if (value := field(fields, name)))
    return read_upstream_error(transport.refusal), response.status, (*JSON_HEADERS, *passed)
