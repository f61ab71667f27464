"""One call of an upstream: the request as it gets it, and the reply as the client gets it."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import msgspec

from policies.decision import TrackName
from router.engine.fields import READ
from router.errors import BadRequest, NotFound
from router.features.tokens import estimate
from router.tracks.failures import cloud_failure, failed, refusal_body
from router.tracks.streaming import JSON_HEADERS, single_chunk
from router.types import RAW_DIALECTS, Headers, ModelRequest, Plan, Reply, TrackError, Usage
from router.wire import DIALECTS, ollama_request
from router.wire.arguments import repair_body
from router.wire.body import UNSET
from router.wire.capabilities import adapt, drop_fields
from router.wire.chat_request import has_free_text
from router.wire.conversation import Conversation
from router.wire.events import (
    CallArguments,
    Event,
    ReplyEncoder,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from router.wire.raw_prompts import encode_completion
from router.wire.target import LOCAL, Target
from router.wire.upstream_errors import UpstreamError
from router.wire.usage_observer import UsageObserver

_NOT_COMPACTED = (
    "only a provider that speaks Responses compacts conversations: ask for a summary in a request to "
    "/v1/responses"
)
CHAT_PATH, COMPLETION_PATH, INFILL_PATH = "/chat/completions", "/completions", "/infill"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """What is sent, and what its answer's translation needs to know of it."""

    body: bytes
    conversation: Conversation | None = None
    """What the client asked for, but for its turns; None where it speaks the upstream's dialect, and its
    body was passed on."""
    dropped: tuple[str, ...] = ()
    """What it asked for that the upstream lacks, by the client's names."""
    path: str = CHAT_PATH
    """Where a local server takes it."""


def _with_usage(events: Iterable[Event], prompt_tokens: int) -> Iterator[Event]:
    """A whole reply's events; where its upstream reports no usage, with an estimate by its length."""
    written, reported = 0, False
    for event in events:
        if isinstance(event, UsageReport):
            reported = True
        elif isinstance(event, TextDelta | ThinkingDelta | CallArguments):
            written += len(event.text.encode(errors="replace"))
        elif isinstance(event, Stopped) and not reported:
            yield UsageReport(Usage(input=prompt_tokens, output=estimate(written), estimated=True))
        yield event


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCall:
    """A request that was sent, and what it takes to answer its client."""

    track: TrackName
    plan: Plan
    model: str
    """That the upstream was asked for."""
    request: OutgoingRequest
    observer: UsageObserver

    @property
    def stream_headers(self) -> Headers:
        """The head of a stream in the client's dialect."""
        return DIALECTS[self.plan.request.dialect].framing_of(self.plan.request.query).headers

    def encoder(self, conversation: Conversation) -> ReplyEncoder:
        """Make what writes a streamed reply in the client's dialect."""
        return DIALECTS[self.plan.request.dialect].reply_encoder(
            model=self.model,
            conversation=conversation,
            prompt_tokens=self.plan.features.context_tokens,
        )

    @property
    def ends_by_error(self) -> bool:
        """See `Dialect`."""
        return DIALECTS[self.plan.request.dialect].ends_by_error

    def encode(self, events: Iterable[Event], conversation: Conversation) -> bytes:
        """Write a whole reply in the client's dialect."""
        return DIALECTS[self.plan.request.dialect].encode_reply(
            _with_usage(events, self.plan.features.context_tokens),
            model=self.model,
            conversation=conversation,
            prompt_tokens=self.plan.features.context_tokens,
        )

    def reply(self, headers: Headers, chunks: AsyncGenerator[bytes], status: int = HTTPStatus.OK) -> Reply:
        """Make the reply; `chunks` are the client's bytes."""
        return Reply(
            track=self.track,
            model=self.model,
            status=status,
            headers=headers,
            chunks=chunks,
            tap=self.observer,
            dropped=self.request.dropped,
        )

    def document(self, body: bytes) -> Reply:
        """Make a reply of a whole document."""
        return self.reply(JSON_HEADERS, single_chunk(body))

    def refusal(self, status: int, headers: Headers, error: UpstreamError) -> Reply:
        """Make a reply of the provider's refusal of this client, in the client's dialect.

        Raises:
            TrackError: it is a failure of the provider's own.
        """
        self.observer.error = error.message or f"status {status}"
        self.observer.complete = True
        body = refusal_body(self.plan.request.dialect, status, error)
        if failed(status):
            raise cloud_failure(
                model=self.model, status=status, headers=headers, body=body, tap=self.observer
            )
        return self.reply(headers, single_chunk(body), status)


PIECE = 200
"""Bytes of plain JSON that cost as much to decode as one message or part costs to translate."""


def weight(body: bytes) -> int:
    """How much work it is to translate a body: its size, or more where it is many small messages or parts.

    A megabyte of the smallest messages takes 120 ms, one of a coding assistant's 5 ms.
    """
    return max(len(body), PIECE * (body.count(b'"role"') + body.count(b'"type"')))


def translate_request(
    request: ModelRequest, model: str, target: Target, limit: int | None = None
) -> OutgoingRequest:
    """Write a request in the upstream's dialect.

    Args:
        request: in another one.
        model: the name to ask for.
        target: what the upstream's model takes.
        limit: of the answer, in tokens, instead of the client's own.

    Raises:
        BadRequest: it cannot be put to this model; names the field and the remedy.
    """
    if request.subpath:
        raise NotFound(_NOT_COMPACTED)
    decoded = DIALECTS[request.dialect].decode_request(request.body)
    if limit is not None:
        decoded = replace(decoded, output_limit=limit)
    conversation, dropped = adapt(decoded, target)
    body = DIALECTS[target.dialect].encode_request(conversation, model=model, target=target)
    return OutgoingRequest(body=body, conversation=replace(decoded, turns=()), dropped=dropped)


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_AS_ARRANGED = replace(LOCAL, alternating=False, prefill="native")
"""The local model for a client of its own dialect: the messages stay as they are."""


class _Streaming(msgspec.Struct):
    stream_options: Any = None


def local_request(
    request: ModelRequest, model: str, limit: int | None = None, *, engine: bool = False
) -> OutgoingRequest:
    """Write the body for the local server; a stream always reports its usage.

    It is that of `POST /v1/chat/completions`, but for a prompt that is completed as it is.

    Args:
        request: in any dialect.
        model: the name to ask for.
        limit: of the answer, in tokens, instead of the client's own.
        engine: our engine answers, which knows fewer fields than servers do: the others are named.

    Raises:
        BadRequest: it cannot be put to a local model.
        TrackError: `unsupported`, a tool that takes plain text asks for more than a function can give.
    """
    if request.dialect in RAW_DIALECTS:
        return _as_it_is(request, model, limit)
    if request.dialect == "ollama" and (bare := _bare_prompt(request, model, limit)):
        return bare
    if request.dialect != LOCAL.dialect:
        return translate_request(request, model, LOCAL, limit)
    if b'"custom"' in request.body and has_free_text(request.body):
        return _with_functions(request, model, limit)
    fields, dropped = drop_fields(_FIELDS.decode(repair_body(request.body)), LOCAL)
    if engine:
        dropped += tuple(name for name, raw in fields.items() if name not in READ and bytes(raw) not in UNSET)
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    if "max_completion_tokens" in fields:
        fields["max_tokens"] = fields.pop("max_completion_tokens")  # the older name is known everywhere
    if limit is not None:
        fields["max_tokens"] = msgspec.Raw(b"%d" % limit)
    if request.stream:
        fields["stream_options"] = msgspec.Raw(b'{"include_usage":true}')
    return OutgoingRequest(body=msgspec.json.encode(fields), dropped=dropped)


def _as_it_is(request: ModelRequest, model: str, limit: int | None) -> OutgoingRequest:
    """Pass on a prompt that is to be completed as it is."""
    fields = _FIELDS.decode(request.body)
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    completion = request.dialect == "openai_completions"
    if limit is not None:
        fields["max_tokens" if completion else "n_predict"] = msgspec.Raw(b"%d" % limit)
    if request.stream and completion:
        fields["stream_options"] = msgspec.Raw(b'{"include_usage":true}')
    path = COMPLETION_PATH if completion else INFILL_PATH
    return OutgoingRequest(body=msgspec.json.encode(fields), path=path)


def _bare_prompt(request: ModelRequest, model: str, limit: int | None) -> OutgoingRequest | None:
    """Write a prompt of Ollama's that is to be completed as it is; None for any other body."""
    decoded = DIALECTS[request.dialect].decode_request(request.body)
    if not ollama_request.is_bare(decoded):
        return None
    ollama_request.check_bare(decoded)
    others = {name: value for name, value in decoded.extras.items() if name not in ollama_request.BARE}
    adapted, dropped = adapt(
        replace(decoded, extras=others, output_limit=limit or decoded.output_limit), LOCAL
    )
    body = encode_completion(adapted, model=model, suffix=str(decoded.extras.get("suffix") or ""))
    conversation = replace(decoded, turns=())
    return OutgoingRequest(body=body, conversation=conversation, dropped=dropped, path=COMPLETION_PATH)


def _with_functions(request: ModelRequest, model: str, limit: int | None) -> OutgoingRequest:
    """Put tools that take plain text as functions of one string, which every local model can be offered."""
    try:
        return translate_request(request, model, _AS_ARRANGED, limit)
    except BadRequest as refusal:
        raise TrackError(
            refusal.message, cause="unsupported", status=refusal.status, kind=refusal.kind
        ) from refusal


def wants_usage(body: bytes) -> bool:
    """Whether the client of a streamed chat asked for the usage chunk."""
    options = msgspec.json.decode(body, type=_Streaming).stream_options
    return isinstance(options, dict) and options.get("include_usage") is True
