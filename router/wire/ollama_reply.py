"""Ollama, the reply: its objects as events. A stream is one object a line, a whole reply the last of them."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from router.types import Usage
from router.wire.body import UNREADABLE, Tokens
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    Failed,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UnreadableReply,
    UsageReport,
)


class _Function(msgspec.Struct):
    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _Call(msgspec.Struct):
    function: _Function
    id: str = ""


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Piece(msgspec.Struct):
    """One object: of `/api/chat` with a message, of `/api/generate` with a response."""

    model: str = ""
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: Tokens | None = None
    eval_count: Tokens | None = None
    error: Any = None


_PIECE = msgspec.json.Decoder(_Piece)
REASONS: Mapping[str, StopReason] = {
    "stop": "end",
    "length": "output_limit",
    "content_filter": "refusal",
}
"""`content_filter` is ours: Ollama has no word for a refusal."""


def decode_reply(body: bytes) -> list[Event]:
    """The events of a whole reply.

    Raises:
        UnreadableReply: it is none.
    """
    decoder = Decoder()
    return decoder.feed(body + b"\n") + decoder.end()


class Decoder:
    """Reads a streamed reply; see `router.wire.events.ReplyDecoder`."""

    def __init__(self, *, observing: bool = False) -> None:
        """Start; `observing`: what cannot be read is left out."""
        self._observing = observing
        self._buffered = b""
        self._started = self._called = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; return the events that they complete.

        Raises:
            UnreadableReply: a line is no object of Ollama's.
        """
        *lines, self._buffered = (self._buffered + chunk).split(b"\n")
        return [event for line in lines if line.strip() for event in self._read(line)]

    def end(self) -> list[Event]:
        """Return what a last line without its end holds."""
        return self.feed(b"\n") if self._buffered else []

    def _read(self, line: bytes) -> Iterator[Event]:
        try:
            piece = _PIECE.decode(line)
        except UNREADABLE as error:
            if self._observing:
                return
            raise UnreadableReply(f"a line of the stream: {error}") from error
        if piece.error is not None:
            yield Failed(message=str(piece.error) or "unknown error")
            return
        if not self._started:
            self._started = True
            yield Started(model=piece.model)
        message = piece.message or _Message(content=piece.response, thinking=piece.thinking)
        if message.thinking:
            yield ThinkingDelta(message.thinking)
        if message.content:
            yield TextDelta(message.content)
        for call in message.tool_calls or ():
            self._called = True
            yield CallStarted(id=call.id or f"call_{uuid4().hex[:12]}", name=call.function.name)
            yield CallArguments(bytes(call.function.arguments).decode())
            yield CallEnded()
        if piece.done:
            yield from self._end(piece)

    def _end(self, piece: _Piece) -> Iterator[Event]:
        if piece.eval_count is not None:
            yield UsageReport(Usage(input=piece.prompt_eval_count or 0, output=piece.eval_count))
        reason = REASONS.get(piece.done_reason or "", "end" if piece.done_reason else "unstated")
        yield Stopped(reason="tool_calls" if self._called and reason == "end" else reason)
