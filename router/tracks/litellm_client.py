"""Other providers, through litellm.

litellm translates; the connection is ours (`router.tracks.litellm_transport`), so that a hang-up ends
the call at once, and statuses, `retry-after` and dropped connections are the provider's
own. What litellm takes and gives is Chat Completions, one of the dialects like any other.

Only fields that stand in the table of `router.wire.capabilities` are handed over: litellm takes addresses,
keys and callbacks from the same argument list, and a client must not set those.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import msgspec

from router.errors import BadRequest, TooLarge, TurnoutError
from router.settings import CloudSettings
from router.system.time_slices import Pacing
from router.tracks.circuit_breaker import StreamHealth
from router.tracks.credentials import credential
from router.tracks.egress import Egress, LitellmFailure
from router.tracks.failures import connection_failure, unreachable
from router.tracks.litellm_answer import LitellmBody, document_of
from router.tracks.providers import base_url
from router.tracks.streaming import (
    JSON_HEADERS,
    Transform,
    open_stream,
)
from router.tracks.transforms import ENVELOPE, Repair, Translation
from router.tracks.upstream_call import OutgoingRequest, UpstreamCall, translate_request, weight
from router.types import ModelRequest, Plan, Progress, Reply, TrackError
from router.wire.chat_reply import ChatReplyDecoder, read_reply
from router.wire.conversation import Conversation, free_text_tools
from router.wire.events import UnreadableReply
from router.wire.headers import field, response_headers
from router.wire.target import PROVIDER, Target
from router.wire.upstream_errors import read_upstream_error
from router.wire.usage_observer import UsageObserver

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
        progress.tap = observer = UsageObserver(model)
        request = await self._pacing.call(weight(plan.request.body), _outgoing, plan.request, model)
        call = UpstreamCall(track="cloud", plan=plan, model=model, request=request, observer=observer)
        try:
            params = self._params(plan.request, request, model)
            answer, transport = await self._egress.chat(plan.clearance, params, progress)
            if not plan.request.stream:
                return _document(call, document_of(answer, transport, model))
            body = LitellmBody(answer, transport, model)
            transform = _transform(call)
            chunks = await open_stream(body, transform, stall_s=self._settings.stall_s, health=health)
        except LitellmFailure as failure:
            evidence = failure.transport.evidence
            if evidence is not None and not plan.request.stream:
                observer.written = max(evidence.size - ENVELOPE, 0)
            return refusal_of(call, failure)
        except UnreadableReply as unreadable:
            raise unreachable(f"gave an answer that cannot be read: {unreadable}") from unreadable
        return call.reply(call.stream_headers, chunks)

    def _params(self, received: ModelRequest, request: OutgoingRequest, model: str) -> dict[str, Any]:
        params = msgspec.json.decode(request.body, type=dict[str, Any])
        params.update(FIXED, model=model, timeout=self._settings.total_s)
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


def _translated_for(call: UpstreamCall) -> Conversation | None:
    """The client's request where its reply must be translated; None where litellm's own fits."""
    conversation = call.request.conversation
    if conversation is None or (
        conversation.dialect == PROVIDER.dialect and not free_text_tools(conversation)
    ):
        return None
    return conversation


def _transform(call: UpstreamCall) -> Transform:
    if (conversation := _translated_for(call)) is not None:
        encoder = call.encoder(conversation)
        return Translation(ChatReplyDecoder(), encoder, call.observer, ends_by_error=call.ends_by_error)
    conversation = call.request.conversation
    return Repair(call.observer, usage=conversation is not None and conversation.stream_usage)


def _document(call: UpstreamCall, body: bytes) -> Reply:
    events, body = read_reply(body)
    call.observer.observe(events)
    if (conversation := _translated_for(call)) is not None:
        body = call.encode(events, conversation)
    return call.document(body)


def refusal_of(
    call: UpstreamCall, failure: LitellmFailure, *, key_setting: str = "cloud.api_key_env"
) -> Reply:
    """The provider's refusal of this client, in the client's dialect; its own failures are raised.

    Args:
        call: What was asked.
        failure: What became of it.
        key_setting: The setting that names the variable with the key.

    Raises:
        TrackError: `cloud_error`; `no_credential`; `unsupported`, another address was wanted.
        BadRequest: litellm could not make a request of it.
    """
    transport, response = failure.transport, failure.transport.response
    if transport.forbidden is not None:
        raise transport.forbidden from failure
    if transport.broken is not None:
        raise connection_failure(transport.broken) from failure
    if response is None:
        raise _unsent(failure.failure, key_setting) from failure
    if response.status < HTTPStatus.BAD_REQUEST:
        raise unreachable("broke off its answer, or gave one that cannot be read") from failure
    fields = response_headers(response.raw_headers)
    passed = tuple((name, value) for name in ("retry-after", "request-id") if (value := field(fields, name)))
    return call.refusal(response.status, (*JSON_HEADERS, *passed), read_upstream_error(transport.refusal))


def _unsent(failure: Exception, key_setting: str) -> TurnoutError:
    """Why litellm sent nothing: for want of a key, or since it could not translate this request."""
    refused = getattr(failure, "status_code", 0) in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if refused or "Missing credentials" in str(failure):
        return TrackError(
            f"No credential for the cloud track: set `{key_setting}`, or the provider's own variable.",
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
