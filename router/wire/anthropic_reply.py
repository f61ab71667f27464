"""Anthropic Messages: a reply, whole or streamed, read as events."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec

from router.types import Usage
from router.wire.body import NOTHING, UNREADABLE
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    Failed,
    Foreign,
    Signature,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UnreadableReply,
    UsageReport,
)
from router.wire.sse import DeltaTemplate, Splitter, data_of
from router.wire.usage import merge_messages_usage

REASONS: Mapping[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "stop_sequence",
    "max_tokens": "output_limit",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "overflow",
}
"""Why a reply ended; a word that is not known here is an end like any other."""


class _Block(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    id: str | None = None
    name: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    input: msgspec.Raw = NOTHING


class _Delta(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Message(msgspec.Struct, frozen=True):
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = NOTHING


class _Error(msgspec.Struct, frozen=True):
    message: str | None = None
    type: str | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: msgspec.Raw = NOTHING
    error: _Error | None = None


class _Whole(msgspec.Struct, frozen=True):
    id: str | None = None
    model: str | None = None
    content: list[_Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: msgspec.Raw = NOTHING
    error: _Error | None = None


_EVENT = msgspec.json.Decoder(_Event)
_WHOLE = msgspec.json.Decoder(_Whole)
_END = b"\n\n"
_Piece = type[TextDelta] | type[ThinkingDelta] | type[CallArguments]


def decode_reply(body: bytes) -> list[Event]:
    """Read one document.

    Raises:
        UnreadableReply: it is no message, and no error either.
    """
    try:
        message = _WHOLE.decode(body)
    except UNREADABLE as error:
        raise UnreadableReply(f"it is no message of the Messages API: {error}") from error
    if message.error is not None:
        return [_failed(message.error)]
    if message.content is None and not message.model:
        raise UnreadableReply("it has no content")
    events: list[Event] = [Started(id=message.id or "", model=message.model or "")]
    for block in message.content or ():
        events += _block_events(block)
    if usage := merge_messages_usage(None, message.usage):
        events.append(UsageReport(usage))
    events.append(_stopped(message.stop_reason, message.stop_sequence))
    return events


def _block_events(block: _Block) -> Iterator[Event]:
    match block.type:
        case "tool_use":
            yield CallStarted(id=block.id or "", name=block.name or "")
            if block.input:
                yield CallArguments(_text(block.input))
            yield CallEnded()
        case "text" | "thinking" | "redacted_thinking":
            yield from _spoken(block)
        case _:
            yield Foreign(block.type)


def _spoken(block: _Block) -> Iterator[Event]:
    """The events of a block that is no call; in a stream, of its start."""
    if block.text:
        yield TextDelta(block.text)
    if block.thinking:
        yield ThinkingDelta(block.thinking)
    if block.signature or block.data:
        yield Signature(block.signature or "", block.data or "")


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def _failed(error: _Error) -> Failed:
    return Failed(message=error.message or error.type or "unknown error", kind=error.type or "api_error")


def _stopped(reason: str | None, sequence: str | None) -> Stopped:
    if reason is None:
        return Stopped(reason="unstated")
    return Stopped(reason=REASONS.get(reason, "end"), sequence=sequence or "")


class Decoder:
    """Reads one stream; see `router.wire.events.ReplyDecoder`."""

    def __init__(self, *, observing: bool = False) -> None:
        """See `router.wire.events.DecoderFactory`."""
        self._observing = observing
        self._splitter = Splitter()
        self._block = ""
        """Type of the content block that is open."""
        self._input = ""
        """Arguments that came with the start of a call, until it is known that no other come."""
        self._reason: str | None = None
        self._sequence: str | None = None
        self._usage: Usage | None = None
        self._ended = False
        self._template = DeltaTemplate()
        self._piece: _Piece = TextDelta
        """What a block that fits the template is."""

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; see `ReplyDecoder`."""
        if self._splitter.empty and (text := self._template.text_of(chunk)) is not None:
            return [self._piece(text)]  # most chunks are one block like the last
        events: list[Event] = []
        for block in self._splitter.feed(chunk):
            if self._ended:
                break
            text = self._template.text_of(block + _END)
            if text is not None:
                events.append(self._piece(text))
            elif data := data_of(block):
                self._read(block, data, events)
        return events

    def end(self) -> list[Event]:
        """The reason that came, where only `message_stop` was left out behind it."""
        if self._ended or self._observing or self._reason is None:
            return []
        self._ended = True
        return [_stopped(self._reason, self._sequence)]

    def _read(self, block: bytes, data: bytes, events: list[Event]) -> None:
        try:
            event = _EVENT.decode(data)
        except UNREADABLE as error:
            if self._observing:
                return  # the bytes pass unchanged
            raise UnreadableReply(f"its stream is not readable: {error}") from error
        if event.type == "content_block_delta" and event.delta is not None:
            self._read_delta(event.delta, block, events)
        else:
            self._read_other(event, events)

    def _read_delta(self, delta: _Delta, block: bytes, events: list[Event]) -> None:
        if delta.partial_json:
            self._input = ""
            if self._block == "tool_use":
                self._add(CallArguments, delta.partial_json, block, events)
        elif delta.text:
            self._add(TextDelta, delta.text, block, events)
        elif delta.thinking:
            self._add(ThinkingDelta, delta.thinking, block, events)
        elif delta.signature:
            events.append(Signature(delta.signature))

    def _add(self, piece: _Piece, text: str, block: bytes, events: list[Event]) -> None:
        events.append(piece(text))
        self._piece = piece
        self._template.learn(block + _END, text)

    def _read_other(self, event: _Event, events: list[Event]) -> None:
        if event.message is not None:
            events.append(Started(id=event.message.id or "", model=event.message.model or ""))
            usage = merge_messages_usage(
                self._usage, event.message.usage
            )  # of the output, what is there by then
            self._report(usage and replace(usage, estimated=True), events)
        if event.content_block is not None:
            self._begin(event.content_block, events)
        if event.type == "content_block_stop":
            self._close(events)
        if event.delta is not None:
            self._reason = event.delta.stop_reason or self._reason
            self._sequence = event.delta.stop_sequence or self._sequence
        if event.usage:
            self._report(merge_messages_usage(self._usage, event.usage), events)
        if event.error is not None:
            self._stop(_failed(event.error), events)
        elif event.type == "message_stop" and (self._reason is not None or self._observing):
            self._stop(_stopped(self._reason, self._sequence), events)

    def _stop(self, event: Event, events: list[Event]) -> None:
        self._ended = True
        self._template.forget()
        events.append(event)

    def _report(self, usage: Usage | None, events: list[Event]) -> None:
        if usage is not None and usage is not self._usage:
            self._usage = usage
            events.append(UsageReport(usage))

    def _begin(self, block: _Block, events: list[Event]) -> None:
        self._block = block.type
        if block.type == "tool_use":
            self._input = _text(block.input) if block.input and bytes(block.input) != b"{}" else ""
            events.append(CallStarted(id=block.id or "", name=block.name or ""))
        elif block.type in {"text", "thinking", "redacted_thinking"}:
            events += _spoken(block)
        else:
            events.append(Foreign(block.type))

    def _close(self, events: list[Event]) -> None:
        if self._block == "tool_use":
            if self._input:
                events.append(CallArguments(self._input))
            events.append(CallEnded())
        self._block = self._input = ""
