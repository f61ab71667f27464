"""OpenAI Chat Completions, the reply: whole or as a stream, read into events and written from them.

- Usage comes once: in the document, or in a last chunk with empty `choices`. `prompt_tokens` includes
  the cached ones; `router.types.Usage` does not.
- Calls are repaired first (`router.wire.call_repair`), in the document that the events are read from, so
  that a client of this dialect gets the repaired bytes without a second parse.
- Events of calls come one call after the other; servers may send pieces of several in turns.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from router.wire.arguments import is_object
from router.wire.body import NOTHING, UNREADABLE
from router.wire.call_order import ENDED, CallOrder, lasting_id
from router.wire.call_repair import Call, Calls, ended_otherwise, finish, own_id, spell_arguments
from router.wire.chat_errors import read_failure
from router.wire.chat_usage import read_usage
from router.wire.codec import UnreadableCall, UnreadableReply
from router.wire.delta_template import DeltaTemplate
from router.wire.events import (
    CallArguments,
    CallStarted,
    Event,
    RefusalDelta,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from router.wire.sse import Splitter, data_of

DONE = b"[DONE]"
_DATA = b"data: "
_NULL = len(b"null")
"""Several servers write a null, or an empty list, into every chunk; what says something is longer."""
_REASONS: Mapping[str | None, StopReason] = {
    None: "unstated",
    "length": "output_limit",
    "content_filter": "refusal",
    "stop_sequence": "stop_sequence",
}

Json = dict[str, Any]


class _Part(msgspec.Struct, frozen=True, gc=False):
    text: str | None = None


class _Delta(msgspec.Struct, frozen=True, gc=False):
    """A whole message or one delta of it; calls are read from the repaired document."""

    content: str | list[_Part] | None = None
    """Text; a list of parts from a few servers."""
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: msgspec.Raw = NOTHING

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""


class _Choice(msgspec.Struct, frozen=True, gc=False):
    index: int = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    """vLLM's and our engine's word for the stop sequence that ended the text."""
    matched_stop: Any = None
    """SGLang's."""
    usage: msgspec.Raw = NOTHING
    """Moonshot's place for it."""


class _Reply(msgspec.Struct, frozen=True, gc=False):
    """A whole document or one chunk of a stream."""

    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = NOTHING
    service_tier: Any = None
    error: Any = None


_REPLY = msgspec.json.Decoder(_Reply)
_NO_ERROR = (None, "", False)


class ChatReplyDecoder:
    """Reads a streamed reply; see `router.wire.codec`."""

    __slots__ = (
        "_call",
        "_calls",
        "_finish",
        "_observing",
        "_order",
        "_over",
        "_splitter",
        "_started",
        "_stop_sequence",
        "_template",
        "relayed",
        "usage_only",
    )

    def __init__(self, *, observing: bool = False) -> None:
        """Start; see `codec.DecoderFactory`."""
        self.relayed = b""
        """The block that was read last, as clients of this dialect count on it."""
        self.usage_only = False
        """That block was the usage chunk alone, which not every client has asked for."""
        self._observing = observing
        self._splitter = Splitter()
        self._template = DeltaTemplate()
        self._calls = Calls()
        self._call: Call | None = None
        """Whose arguments the template's string is."""
        self._order = CallOrder(lenient=observing)
        self._started = self._over = False
        self._finish: str | None = None
        self._stop_sequence = ""

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, cut anywhere.

        Raises:
            UnreadableReply: not while observing; something is no chunk, or goes back to a call that ended.
        """
        blocks = self._splitter.feed(chunk)
        if len(blocks) == 1:
            return self.read(blocks[0])
        return [event for block in blocks for event in self.read(block)]

    def read(self, block: bytes) -> list[Event]:
        """Take one block of the stream, without the blank line behind it; otherwise as `feed`."""
        self.relayed = block
        self.usage_only = False
        if self._over:
            return []
        if (text := self._template.text_of(block)) is not None:
            return self._read_text(text)
        data = data_of(block)
        if not data:
            return []
        if data.strip() == DONE:
            return self._stop()
        try:
            events = self._read(data)
        except UNREADABLE as error:
            if self._observing:
                return []
            raise UnreadableReply(f"its stream is not readable: {error}") from error
        return events

    def end(self) -> list[Event]:
        """Say what is owed once the bytes have ended: an end that gave its reason needs no `[DONE]`."""
        return [] if self._over or self._finish is None else self._stop()

    def _read_text(self, text: str) -> list[Event]:
        """Take a block that differs from the one before by this text alone."""
        events: list[Event] = []
        if not text:
            return events
        if self._template.key == "content":
            self._order.tell(TextDelta(text), events)
        elif self._call is None:
            self._order.tell(ThinkingDelta(text), events)
        else:
            self._call.pieces.append(text)
            self._order.grow(self._call, text, events)
        return events

    def _read(self, data: bytes) -> list[Event]:
        reply = _REPLY.decode(data)
        events: list[Event] = []
        if reply.error not in _NO_ERROR:
            self._over = True
            return self._start(reply, [read_failure(reply.error)])
        self._template.forget()
        self._call = None
        for choice in reply.choices or ():
            if choice.index and not self._observing:
                continue  # no other dialect has more than one
            if choice.delta is not None:
                self._say(choice.delta, events)
            self._finish = choice.finish_reason or self._finish
            self._stop_sequence = _sequence(choice) or self._stop_sequence
        if reply.choices and self._must_repair(reply.choices[0]):
            self._repair(data, events)
        self.usage_only = reply.choices == [] and len(reply.usage) > _NULL
        self._report(reply, events)
        if not self._started:
            return self._start(reply, events)
        if len(events) == 1:
            self._learn(reply, events[0])
        return events

    def _start(self, reply: _Reply, events: list[Event]) -> list[Event]:
        """Put `Started` in front, as soon as the model is known or anything else is."""
        if self._started or not (reply.model or events or reply.choices):
            return events
        self._started = True
        return [Started(id=reply.id or "", model=reply.model or ""), *events]

    def _learn(self, reply: _Reply, event: Event) -> None:
        """Take the block for a template where it says nothing but one string."""
        (choice,) = reply.choices if reply.choices and len(reply.choices) == 1 else (None,)
        if choice is None or choice.finish_reason or choice.usage:
            return
        match event:
            case TextDelta(text) | ThinkingDelta(text):
                self._template.learn(self.relayed, text)
            case CallArguments(text) if self._call is not None:
                self._template.learn(self.relayed, text)

    def _say(self, delta: _Delta, events: list[Event]) -> None:
        if thought := delta.reasoning_content or delta.reasoning:
            self._order.tell(ThinkingDelta(thought), events)
        if text := delta.text:
            self._order.tell(TextDelta(text), events)
        if delta.refusal:
            self._order.tell(RefusalDelta(delta.refusal), events)

    def _report(self, reply: _Reply, events: list[Event]) -> None:
        raw = reply.usage
        if len(raw) <= _NULL:
            raw = next((choice.usage for choice in reply.choices or () if choice.usage), NOTHING)
        if raw and (reported := read_usage(raw, reply.service_tier)) is not None:
            events.append(UsageReport(reported))

    def _must_repair(self, choice: _Choice) -> bool:
        calls = choice.delta is not None and len(choice.delta.tool_calls) > _NULL
        return calls or ended_otherwise(choice.finish_reason, called=bool(self._calls.calls))

    def _repair(self, data: bytes, events: list[Event]) -> None:
        """Repair the chunk's calls in a copy that keeps all fields, and tell of them."""
        document = msgspec.json.decode(data)
        choices = document.get("choices") if isinstance(document, dict) else None
        choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
        if not isinstance(choice, dict) or choice.get("index"):
            return
        delta = choice.get("delta")
        listed = delta.get("tool_calls") if isinstance(delta, dict) else None
        pieces = listed if isinstance(listed, list) else []
        placed: tuple[Call, str] | None = None
        for piece in pieces:
            if placed := self._calls.place(piece):
                self._order.grow(*placed, events)
        if finish(choice, called=bool(self._calls.calls)) or self._calls.changed:
            self._calls.changed = False
            self.relayed = _DATA + msgspec.json.encode(document)
        elif placed and len(pieces) == 1:
            self._call = placed[0]

    def _stop(self) -> list[Event]:
        """End the reply, once, if it ever began."""
        self._over = True
        events: list[Event] = []
        self._order.close(events, cut=self._finish == "length")
        if self._started:
            events.append(_stopped(self._finish, self._stop_sequence, called=bool(self._calls.calls)))
        return events


def reply_decoder(*, observing: bool = False) -> ChatReplyDecoder:
    """Make a decoder of a streamed reply; see `router.wire.codec`."""
    return ChatReplyDecoder(observing=observing)


def decode_reply(body: bytes) -> list[Event]:
    """Read a whole reply; an error document is `Failed`.

    Raises:
        UnreadableReply: it is no chat completion.
    """
    return read_reply(body)[0]


def read_reply(body: bytes) -> tuple[list[Event], bytes]:
    """Read a whole reply; return its events, and the body as clients of this dialect count on it.

    Raises:
        UnreadableReply: it is no chat completion.
    """
    try:
        reply = _REPLY.decode(body)
        if reply.error not in _NO_ERROR:
            return [read_failure(reply.error)], body
        if not reply.choices:
            raise UnreadableReply("its answer has no choices")
        called = any(choice.message and len(choice.message.tool_calls) > _NULL for choice in reply.choices)
        document = msgspec.json.decode(body) if called else {}
    except UNREADABLE as error:
        raise UnreadableReply(f"its answer is no chat completion: {error}") from error
    events: list[Event] = [Started(id=reply.id or "", model=reply.model or "")]
    choice = reply.choices[0]
    events += _message_events(choice.message or _Delta())
    changed = False
    for at, other in enumerate(document.get("choices") or ()):
        calls, repaired = _settle(other)
        changed |= repaired
        if at == 0:
            called = bool(calls)
            events += _call_events(calls, cut=choice.finish_reason == "length")
    if (reported := read_usage(reply.usage or choice.usage, reply.service_tier)) is not None:
        events.append(UsageReport(reported))
    events.append(_stopped(choice.finish_reason, _sequence(choice), called=called))
    return events, msgspec.json.encode(document) if changed else body


def _message_events(message: _Delta) -> Iterator[Event]:
    if thought := message.reasoning_content or message.reasoning:
        yield ThinkingDelta(thought)
    if text := message.text:
        yield TextDelta(text)
    if message.refusal:
        yield RefusalDelta(message.refusal)


def _settle(choice: Any) -> tuple[list[Json], bool]:
    """Repair the calls of one choice in place; return them, and whether anything was changed."""
    message = choice.get("message") if isinstance(choice, dict) else None
    listed = message.get("tool_calls") if isinstance(message, dict) else None
    calls = [call for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
    if not calls:
        return [], False
    ids: set[str] = set()
    changed = False
    for call in calls:
        if isinstance(function := call.get("function"), dict):
            changed |= spell_arguments(function)
        changed |= own_id(call, ids)
    return calls, finish(choice, called=True) or changed


def _call_events(calls: list[Json], *, cut: bool) -> Iterator[Event]:
    for call in calls:
        function = call["function"] if isinstance(call.get("function"), dict) else {}
        name, arguments = str(function.get("name") or ""), str(function.get("arguments") or "")
        if cut and not name:
            continue
        if not name:
            raise UnreadableCall("one of its tool calls has no name")
        yield CallStarted(id=lasting_id(call["id"]), name=name)
        if arguments:
            yield CallArguments(arguments)
        if not cut or is_object(arguments):
            yield ENDED


def _sequence(choice: _Choice) -> str:
    marks = (choice.stop_reason, choice.matched_stop)
    return next((mark for mark in marks if isinstance(mark, str)), "")


def _stopped(reason: str | None, sequence: str, *, called: bool) -> Stopped:
    """Say why it ended; servers say `stop` behind a call, and `tool_calls` where none came.

    A stop sequence may be one of the server's own, such as an end-of-turn token.
    """
    plain = _REASONS.get(reason, "end")
    if plain in ("output_limit", "refusal"):
        return Stopped(reason=plain)
    if called:
        return Stopped(reason="tool_calls")
    return Stopped(reason="stop_sequence" if sequence else plain, sequence=sequence)
