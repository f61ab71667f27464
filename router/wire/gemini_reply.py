"""Gemini, the reply: its objects as events. A whole reply is one, a stream of events or a list several."""

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
from router.wire.gemini_reasoning import unseal
from router.wire.gemini_reply_encoder import kind_of


class _Call(msgspec.Struct):
    name: str
    args: msgspec.Raw = msgspec.Raw(b"{}")
    id: str | None = None


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None
    executable_code: Any = None
    code_execution_result: Any = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: Tokens | None = None
    candidates_token_count: Tokens | None = None
    thoughts_token_count: Tokens | None = None
    cached_content_token_count: Tokens | None = None


class _Error(msgspec.Struct):
    code: int = 500
    message: str = ""
    status: str = ""


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Object(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _Usage | None = None
    model_version: str = ""
    response_id: str = ""
    prompt_feedback: _Feedback | None = None
    error: _Error | None = None


_OBJECT = msgspec.json.Decoder(_Object)
REASONS: Mapping[str, StopReason] = {
    "STOP": "end",
    "MAX_TOKENS": "output_limit",
    "FINISH_REASON_UNSPECIFIED": "unstated",
}
"""`refusal` for the rest, which are all of them names of what was not to be said."""


def decode_reply(body: bytes) -> list[Event]:
    """The events of a whole reply.

    Raises:
        UnreadableReply: it is none.
    """
    decoder = Decoder()
    return decoder.feed(b"data: " + b" ".join(body.split(b"\n")) + b"\n") + decoder.end()


class Decoder:
    """Reads a streamed reply, in either form; see `router.wire.events.ReplyDecoder`."""

    def __init__(self, *, observing: bool = False) -> None:
        """Start; `observing`: what cannot be read is left out."""
        self._observing = observing
        self._buffered = b""
        self._started = self._called = False
        self._usage: Usage | None = None
        self._reason: StopReason | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; return the events that they complete.

        Raises:
            UnreadableReply: a line is no object of Gemini's.
        """
        *lines, self._buffered = (self._buffered + chunk).split(b"\n")
        return [event for line in lines for event in self._line(line)]

    def end(self) -> list[Event]:
        """Return the end, where the reply was complete; usage may come behind its reason."""
        events = self.feed(b"\n") if self._buffered else []
        if self._reason is not None:
            if self._usage is not None:
                events.append(UsageReport(self._usage))
            events.append(Stopped(reason=self._reason))
        return events

    def _line(self, line: bytes) -> Iterator[Event]:
        """An object stands on one line: behind `data:`, or as an item of a list."""
        data = line.strip().removeprefix(b"data:").strip()
        if not data.startswith(b"{"):
            data = data.lstrip(b"[,").strip()
        data = data.removesuffix(b"]") if data.endswith(b"}]") else data.rstrip(b",")
        if data.strip(b"]") == b"":
            return
        try:
            piece = _OBJECT.decode(data)
        except UNREADABLE as error:
            if self._observing:
                return
            raise UnreadableReply(f"a line of the stream: {error}") from error
        yield from self._read(piece)

    def _read(self, piece: _Object) -> Iterator[Event]:
        if piece.error is not None:
            kind = kind_of(piece.error.code, piece.error.status)
            yield Failed(message=piece.error.message or "unknown error", kind=kind)
            return
        if not self._started:
            self._started = True
            yield Started(id=piece.response_id, model=piece.model_version)
        if reported := piece.usage_metadata:
            self._usage = _usage(reported)
        if piece.prompt_feedback is not None and piece.prompt_feedback.block_reason:
            self._reason = "refusal"
        for candidate in (piece.candidates or [])[:1]:
            for part in (candidate.content and candidate.content.parts) or ():
                yield from self._part(part)
            if candidate.finish_reason:
                reason = REASONS.get(candidate.finish_reason, "refusal")
                self._reason = "tool_calls" if self._called and reason == "end" else reason

    def _part(self, part: _Part) -> Iterator[Event]:
        for thought in unseal(part.thought_signature or "") or ():
            yield Signature(signature=thought.signature, redacted=thought.redacted)
        if part.text:
            yield ThinkingDelta(part.text) if part.thought else TextDelta(part.text)
        if call := part.function_call:
            self._called = True
            yield CallStarted(id=call.id or f"call_{uuid4().hex[:12]}", name=call.name)
            yield CallArguments(bytes(call.args).decode())
            yield CallEnded()
        for kind in ("executable_code", "code_execution_result"):
            if getattr(part, kind) is not None:
                yield Foreign(kind)


def _usage(reported: _Usage) -> Usage:
    cached, thought = reported.cached_content_token_count or 0, reported.thoughts_token_count or 0
    return Usage(
        input=max((reported.prompt_token_count or 0) - cached, 0),
        output=(reported.candidates_token_count or 0) + thought,
        cache_read=cached,
        reasoning=thought,
        estimated=reported.prompt_token_count is None,
    )
