"""The table of dialects: what can be done with each, as plain functions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, cast
from urllib.parse import parse_qs

import msgspec

from router.types import DialectName
from router.wire import (
    anthropic_reply,
    anthropic_reply_encoder,
    anthropic_request,
    anthropic_request_encoder,
    chat_errors,
    chat_reply,
    chat_reply_encoder,
    chat_request,
    chat_request_encoder,
    embedding_reply,
    embedding_request,
    gemini_reply,
    gemini_reply_encoder,
    gemini_request,
    gemini_request_encoder,
    gemini_shape,
    ollama_reply,
    ollama_reply_encoder,
    ollama_request,
    ollama_request_encoder,
    raw_prompts,
    responses_errors,
    responses_reply,
    responses_reply_encoder,
    responses_request,
    responses_request_encoder,
)
from router.wire.body import UNREADABLE, Envelope, name_model
from router.wire.conversation import Conversation
from router.wire.events import DecoderFactory, Event, ReplyEncoder
from router.wire.framing import SSE, Framing
from router.wire.target import Target


class ErrorBody(Protocol):
    """Writes an error in a dialect's format; `kind` is Anthropic's, see `router.errors`."""

    def __call__(self, kind: str, message: str, *, request_id: str = "") -> bytes:
        """Return the bytes."""
        ...


class Overflow(Protocol):
    """Writes the 400 body for a prompt that does not fit; clients compact when they read it."""

    def __call__(self, tokens: int, limit: int, *, request_id: str = "") -> bytes:
        """Return the bytes; `tokens` is the prompt's size, `limit` the model's window."""
        ...


class EncodeRequest(Protocol):
    """Writes a request's body, of a conversation that was adapted to the target."""

    def __call__(self, conversation: Conversation, *, model: str, target: Target) -> bytes:
        """Return the bytes; `model` is the name to ask for."""
        ...


class EncodeReply(Protocol):
    """Writes a whole reply."""

    def __call__(
        self, events: Iterable[Event], *, model: str, conversation: Conversation, prompt_tokens: int = 0
    ) -> bytes:
        """Return the bytes; `model` is the name the client is shown, `prompt_tokens` our own estimate."""
        ...


class EncoderFactory(Protocol):
    """Makes a `ReplyEncoder`."""

    def __call__(self, *, model: str, conversation: Conversation, prompt_tokens: int = 0) -> ReplyEncoder:
        """Make one; the arguments are those of `EncodeReply`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One wire format."""

    name: DialectName
    read: Callable[[bytes], Envelope]
    """The body's envelope; raises `BadRequest`."""
    name_model: Callable[[bytes, str], bytes]
    """The body with another model name and no other change."""
    decode_request: Callable[[bytes], Conversation]
    """The body in neutral form; raises `BadRequest`."""
    encode_request: EncodeRequest
    decode_reply: Callable[[bytes], list[Event]]
    """The events of a whole reply; raises `UnreadableReply`."""
    reply_decoder: DecoderFactory
    """Reads a streamed reply."""
    encode_reply: EncodeReply
    reply_encoder: EncoderFactory
    """Writes a streamed reply."""
    error: ErrorBody
    """The JSON body of an error answer."""
    error_event: ErrorBody
    """An error inside a stream that has begun, as complete bytes of its framing."""
    overflow: Overflow
    """The JSON body of a 400 for a prompt that is too long."""
    ends_by_error: bool = False
    """Whether a stream ends whole behind an error in it. Else its connection is dropped there, so that no
    client takes what came before for all; one that drops what it has not read yet never sees the error."""
    framing: Framing = SSE
    other_framing: Framing | None = None
    """Of a stream whose query has no `alt=sse`; None where all are sent alike."""
    normalise: Callable[[bytes], bytes] | None = None
    """Writes a body in the one spelling that everything here reads; raises `BadRequest`."""
    load_reply: Callable[[bytes], bytes | None] | None = None
    """What is said to a body that only wants a model loaded, None to any other."""
    no_completion: Callable[[bytes, str, bool], bytes] | None = None
    """The end of a completion that has no more text: for a body, a model's name, and whether it streams;
    all of it where it does not. None for a dialect without completions."""

    def framing_of(self, query: str) -> Framing:
        """How a stream is sent to a request with this query."""
        if self.other_framing is None or "sse" in parse_qs(query).get("alt", ()):
            return self.framing
        return self.other_framing


def _raw(
    name: DialectName,
    read: Callable[[bytes], Envelope],
    decode_reply: Callable[[bytes], list[Event]],
    reply_decoder: DecoderFactory,
    no_completion: Callable[[bytes, str, bool], bytes] | None = None,
) -> Dialect:
    """A dialect without conversations; see `raw_prompts`."""
    return Dialect(
        name=name,
        read=read,
        name_model=name_model,
        decode_request=raw_prompts.decode_request,
        encode_request=raw_prompts.encode_request,
        decode_reply=decode_reply,
        reply_decoder=reply_decoder,
        encode_reply=raw_prompts.encode_reply,
        reply_encoder=raw_prompts.reply_encoder,
        error=chat_errors.error,
        error_event=chat_errors.error_event,
        overflow=chat_errors.overflow,
        no_completion=no_completion,
    )


def _embedding(name: DialectName) -> Dialect:
    """A dialect of embeddings: its replies are read and written by `embedding_reply`, and by nothing here."""
    read, raw = partial(embedding_request.read_envelope, name), raw_prompts
    form = _raw(name, read, raw.decode_completion, raw.completion_decoder)
    if not name.startswith("ollama"):
        return replace(form, overflow=embedding_reply.overflow)
    return replace(
        form,
        error=ollama_reply_encoder.error,
        error_event=ollama_reply_encoder.error_event,
        overflow=ollama_reply_encoder.overflow,
        load_reply=partial(embedding_reply.load_reply, name),
    )


DIALECTS: Mapping[DialectName, Dialect] = {
    "openai_chat": Dialect(
        name="openai_chat",
        read=chat_request.read,
        name_model=name_model,
        decode_request=chat_request.decode_request,
        encode_request=chat_request_encoder.encode_request,
        decode_reply=chat_reply.decode_reply,
        reply_decoder=chat_reply.ChatReplyDecoder,
        encode_reply=chat_reply_encoder.encode_reply,
        reply_encoder=chat_reply_encoder.ChatReplyEncoder,
        error=chat_errors.error,
        error_event=chat_errors.error_event,
        overflow=chat_errors.overflow,
    ),
    "openai_responses": Dialect(
        name="openai_responses",
        read=responses_request.read,
        name_model=name_model,
        decode_request=responses_request.decode_request,
        encode_request=responses_request_encoder.encode_request,
        decode_reply=responses_reply.decode_reply,
        reply_decoder=responses_reply.Decoder,
        encode_reply=responses_reply_encoder.encode_reply,
        reply_encoder=responses_reply_encoder.ResponsesReplyEncoder,
        error=chat_errors.error,
        error_event=responses_errors.error_event,
        overflow=responses_errors.overflow,
    ),
    "anthropic_messages": Dialect(
        name="anthropic_messages",
        read=anthropic_request.read,
        name_model=name_model,
        decode_request=anthropic_request.decode_request,
        encode_request=anthropic_request_encoder.encode_request,
        decode_reply=anthropic_reply.decode_reply,
        reply_decoder=anthropic_reply.Decoder,
        encode_reply=anthropic_reply_encoder.encode_reply,
        reply_encoder=anthropic_reply_encoder.Encoder,
        error=anthropic_reply_encoder.error,
        error_event=anthropic_reply_encoder.error_event,
        overflow=anthropic_reply_encoder.overflow,
    ),
    "gemini": Dialect(
        name="gemini",
        read=gemini_request.read,
        name_model=name_model,
        decode_request=gemini_request.decode_request,
        encode_request=gemini_request_encoder.encode_request,
        decode_reply=gemini_reply.decode_reply,
        reply_decoder=gemini_reply.Decoder,
        encode_reply=gemini_reply_encoder.encode_reply,
        reply_encoder=gemini_reply_encoder.GeminiReplyEncoder,
        error=gemini_reply_encoder.error,
        error_event=gemini_reply_encoder.error_event,
        overflow=gemini_reply_encoder.overflow,
        ends_by_error=True,
        framing=gemini_reply_encoder.EVENTS,
        other_framing=gemini_reply_encoder.LIST,
        normalise=gemini_shape.normalise,
    ),
    "ollama": Dialect(
        name="ollama",
        read=ollama_request.read,
        name_model=name_model,
        decode_request=ollama_request.decode_request,
        encode_request=ollama_request_encoder.encode_request,
        decode_reply=ollama_reply.decode_reply,
        reply_decoder=ollama_reply.Decoder,
        encode_reply=ollama_reply_encoder.encode_reply,
        reply_encoder=ollama_reply_encoder.OllamaReplyEncoder,
        error=ollama_reply_encoder.error,
        error_event=ollama_reply_encoder.error_event,
        overflow=ollama_reply_encoder.overflow,
        framing=ollama_reply_encoder.NDJSON,
        load_reply=ollama_request.load_reply,
        no_completion=ollama_reply_encoder.no_completion,
    ),
    "openai_completions": _raw(
        "openai_completions",
        raw_prompts.read_completion,
        raw_prompts.decode_completion,
        raw_prompts.completion_decoder,
        raw_prompts.no_completion,
    ),
    "llama_infill": _raw(
        "llama_infill",
        raw_prompts.read_infill,
        raw_prompts.decode_infill,
        raw_prompts.infill_decoder,
        raw_prompts.no_infill,
    ),
    **{name: _embedding(name) for name in embedding_request.FORMS},
}

_ANTHROPIC_FIELDS = frozenset(
    {"system", "anthropic_version", "stop_sequences", "thinking", "context_management"}
)
_ANTHROPIC_BLOCKS = frozenset(
    {"tool_use", "tool_result", "thinking", "redacted_thinking", "image", "document"}
)


def detect_dialect(body: bytes) -> DialectName:
    """Detect a body's dialect by its shape; `openai_chat` where both would fit or it is no JSON object."""
    try:
        fields = msgspec.json.decode(body)
    except UNREADABLE:
        return "openai_chat"
    if not isinstance(fields, dict):
        return "openai_chat"
    if named := _by_own_fields(fields):
        return named
    marks = (
        not _ANTHROPIC_FIELDS.isdisjoint(fields),
        any("input_schema" in tool for tool in _objects(fields.get("tools"))),
        any(
            isinstance(kind := block.get("type"), str) and kind in _ANTHROPIC_BLOCKS
            for message in _objects(fields.get("messages"))
            for block in _objects(message.get("content"))
        ),
    )
    return "anthropic_messages" if any(marks) else "openai_chat"


_OLLAMAS = frozenset({"context", "format", "images", "raw", "system", "template", "think"})
"""What of its fields no other dialect has beside a prompt."""


def _by_own_fields(fields: Mapping[str, Any]) -> DialectName | None:
    """The dialect that alone has some of these fields."""
    alone = fields.get("messages") is None
    own: tuple[tuple[DialectName, bool], ...] = (
        ("gemini", "contents" in fields and "messages" not in fields),
        ("llama_infill", bool({"input_prefix", "input_suffix"} & fields.keys())),
        ("openai_responses", "input" in fields and alone),
        ("ollama", isinstance(fields.get("options"), dict) or "keep_alive" in fields),
        ("ollama", "prompt" in fields and not _OLLAMAS.isdisjoint(fields)),
        (
            "openai_completions",
            isinstance(fields.get("prompt"), str | list) and fields.get("messages") is None,
        ),
    )
    return next((name for name, fits in own if fits), None)


def _objects(value: object) -> list[dict[str, Any]]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]
