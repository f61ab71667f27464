"""OpenAI Chat Completions, the reply: whole or as a stream, read into events.

Calls are repaired first (`router.wire.chat_calls`), in the document that the events are read from, so that a
client of this dialect gets the repaired bytes without a second parse.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from router.wire.body import NOTHING, UNREADABLE
from router.wire.chat_calls import (
    CUT,
    Call,
    CallOrder,
    Calls,
    call_events,
    finish,
    finish_word,
    repair_choice,
)
from router.wire.chat_errors import read_failure
from router.wire.events import (
    CallArguments,
    Event,
    RefusalDelta,
    Started,
    Stopped,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UnreadableReply,
    UsageReport,
)
from router.wire.sse import DeltaTemplate, Splitter, data_of
from router.wire.usage import read_chat_usage

DONE = b"[DONE]"
_DATA = b"data: "
_END = b"\n\n"
_NULL = len(b"null")
"""Several servers write a null, or an empty list, into every chunk; a field with content is longer."""
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

    def events(self) -> Iterator[Event]:
        if thought := self.reasoning_content or self.reasoning:
            yield ThinkingDelta(thought)
        content = self.content
        if text := "".join(part.text or "" for part in content) if isinstance(content, list) else content:
            yield TextDelta(text)
        if self.refusal:
            yield RefusalDelta(self.refusal)


class _Choice(msgspec.Struct, frozen=True, gc=False):
    index: int = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    """vLLM's and our engine's word for the stop sequence that ended the text."""
    matched_stop: Any = None
    """SGLang's."""
    stop_str: Any = None
    """TabbyAPI's."""
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
_UNSAID: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
"""The chunk that a server left out which sent calls, and then nothing but `[DONE]`."""
_NO_ERROR = (None, "", False)


class ChatReplyDecoder:
    """Reads a streamed reply; see `router.wire.events`."""

    def __init__(self, *, observing: bool = False) -> None:
        """See `router.wire.events.DecoderFactory`."""
        self._block = b""
        """The block that was read last, repaired where its calls need it."""
        self._usage_only = False
        """That block was the usage chunk alone, which not every client has asked for."""
        self._observing = observing
        self._splitter = Splitter()
        self._template = DeltaTemplate()
        self._calls = Calls()
        self._piece: type[TextDelta | ThinkingDelta | CallArguments] = TextDelta
        """What the template's string is."""
        self._call: Call | None = None
        """Whose arguments it is."""
        self._order = CallOrder(lenient=observing)
        self._started = self._over = False
        self._finish: str | None = None
        self._stop_sequence = ""
        self._envelope: Json = {}
        """Of a chunk with a call: what else a chunk of this reply holds."""

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, cut anywhere.

        Raises:
            UnreadableReply: not while observing; something is no chunk, or goes back to a call that ended.
        """
        return self._read_chunk(chunk)

    def repair(self, chunk: bytes, *, usage: bool) -> tuple[list[Event], bytes]:
        """As `feed`; also return the blocks as clients of this dialect count on them.

        The chunk that reports nothing but usage is left out unless `usage` says otherwise.
        """
        blocks: list[bytes] = []
        events = self._read_chunk(chunk, blocks, usage)
        return events, b"".join(blocks)

    def _read_chunk(
        self, chunk: bytes, blocks: list[bytes] | None = None, usage: bool = False
    ) -> list[Event]:
        events: list[Event] = []
        for block in self._splitter.feed(chunk):
            text = self._template.text_of(block)
            if text is not None and not self._comes_again(text):
                if text and self._piece is not CallArguments and not self._order.queue:
                    events.append(self._piece(text))  # nearly all are read here
                elif text:
                    self._read_text(text, events)
                if blocks is not None:
                    blocks.append(block + _END)
                continue
            self._block, self._usage_only = block, False
            events += self._read_block(block)
            if blocks is not None and (usage or not self._usage_only):
                blocks.append(self._block + _END)
        return events

    def _read_block(self, block: bytes) -> list[Event]:
        data = b"" if self._over else data_of(block)
        if not data:
            return []
        if data.strip() == DONE:
            if self._calls.calls and not self._finish:
                envelope = {name: value for name, value in self._envelope.items() if name != "usage"}
                self._block = _DATA + msgspec.json.encode(envelope | _UNSAID) + _END + block
            return self._stop()
        try:
            events = self._read(data)
        except UNREADABLE as error:
            if self._observing:
                return []
            raise UnreadableReply(f"its stream is not readable: {error}") from error
        return events

    def end(self) -> list[Event]:
        """Return the events that remain once the bytes have ended: an end with a reason needs no `[DONE]`."""
        return [] if self._over or self._finish is None else self._stop()

    def _comes_again(self, text: str) -> bool:
        """Whether a block with this text needs repair: it brings arguments once more from their beginning."""
        call = self._call if self._piece is CallArguments else None
        return call is not None and call.rest_of(text) is not None

    def _read_text(self, text: str, events: list[Event]) -> None:
        """Take a block that differs from the one before by this text alone."""
        if self._piece is CallArguments and self._call is not None:
            self._call.pieces.append(text)
            self._order.extend(self._call, text, events)
        else:
            self._order.add(self._piece(text), events)

    def _read(self, data: bytes) -> list[Event]:
        reply = _REPLY.decode(data)
        events: list[Event] = []
        if reply.error not in _NO_ERROR:
            self._over = True
            self._template.forget()
            return self._start(reply, [read_failure(reply.error)])
        self._template.forget()
        self._call = None
        for choice in reply.choices or ():
            if choice.index and not self._observing:
                continue  # no other dialect has more than one
            if choice.delta is not None:
                for event in choice.delta.events():
                    self._order.add(event, events)
            self._finish = choice.finish_reason or self._finish
            self._stop_sequence = _sequence(choice) or self._stop_sequence
        if reply.choices and self._must_repair(reply.choices[0]):
            self._repair(data, events)
        self._usage_only = reply.choices == [] and len(reply.usage) > _NULL
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
        """Use the block as the template where it brings nothing but one string."""
        (choice,) = reply.choices if reply.choices and len(reply.choices) == 1 else (None,)
        if choice is None or choice.finish_reason or choice.usage:
            return
        match event:
            case TextDelta() | ThinkingDelta():
                self._piece = type(event)
                self._template.learn(self._block, event.text)
            case CallArguments() if self._call is not None:
                self._piece = CallArguments
                self._template.learn(self._block, event.text)

    def _report(self, reply: _Reply, events: list[Event]) -> None:
        raw = reply.usage
        if len(raw) <= _NULL:
            raw = next((choice.usage for choice in reply.choices or () if choice.usage), NOTHING)
        if raw and (reported := read_chat_usage(raw, reply.service_tier)) is not None:
            events.append(UsageReport(reported))

    def _must_repair(self, choice: _Choice) -> bool:
        calls = choice.delta is not None and len(choice.delta.tool_calls) > _NULL
        reason = choice.finish_reason
        return calls or finish_word(reason, called=bool(self._calls.calls)) != reason

    def _repair(self, data: bytes, events: list[Event]) -> None:
        """Repair the chunk's calls in a copy that keeps all fields, and add their events."""
        document = msgspec.json.decode(data)
        choices = document.get("choices") if isinstance(document, dict) else None
        choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
        if not isinstance(choice, dict) or choice.get("index"):
            return
        delta = choice.get("delta")
        listed = delta.get("tool_calls") if isinstance(delta, dict) else None
        pieces = listed if isinstance(listed, list) else []
        self._envelope = document
        placed: tuple[Call, str] | None = None
        for piece in pieces:
            if placed := self._calls.place(piece):
                self._order.extend(*placed, events)
        if finish(choice, called=bool(self._calls.calls)) or self._calls.changed:
            self._calls.changed = False
            self._block = _DATA + msgspec.json.encode(document)
        elif placed and len(pieces) == 1:
            self._call = placed[0]

    def _stop(self) -> list[Event]:
        """End the reply, once, if it ever began."""
        self._over = True
        self._template.forget()
        events: list[Event] = []
        self._order.close(events, cut=_cut(self._finish))
        if self._started:
            events.append(_stopped(self._finish, self._stop_sequence, called=bool(self._calls.calls)))
        return events


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
        document = msgspec.json.decode(body) if any(map(_must_look, reply.choices)) else {}
    except UNREADABLE as error:
        raise UnreadableReply(f"its answer is no chat completion: {error}") from error
    events: list[Event] = [Started(id=reply.id or "", model=reply.model or "")]
    choice = reply.choices[0]
    events += (choice.message or _Delta()).events()
    changed = called = False
    for at, other in enumerate(document.get("choices") or ()):
        calls, repaired = repair_choice(other)
        changed |= repaired
        if at == 0:
            called = bool(calls)
            events += call_events(calls, cut=_cut(choice.finish_reason))
    if (reported := read_chat_usage(reply.usage or choice.usage, reply.service_tier)) is not None:
        events.append(UsageReport(reported))
    events.append(_stopped(choice.finish_reason, _sequence(choice), called=called))
    return events, msgspec.json.encode(document) if changed else body


def _must_look(choice: _Choice) -> bool:
    """Whether a choice of a whole reply has calls, or ended for a reason in another word than OpenAI's."""
    calls = choice.message is not None and len(choice.message.tool_calls) > _NULL
    return calls or finish_word(choice.finish_reason, called=False) != choice.finish_reason


def _cut(reason: str | None) -> bool:
    """Whether a reply was cut off, at the limit or by a filter: its last call may be incomplete."""
    return finish_word(reason, called=False) in CUT


def _sequence(choice: _Choice) -> str:
    marks = (choice.stop_reason, choice.matched_stop, choice.stop_str)
    return next((mark for mark in marks if isinstance(mark, str)), "")


def _stopped(reason: str | None, sequence: str, *, called: bool) -> Stopped:
    """Why it ended; servers write `stop` after a call, and `tool_calls` where none came.

    A stop sequence may be one of the server's own, such as an end-of-turn token.
    """
    ended_by_text = reason == "stop_sequence"
    plain = _REASONS.get(reason if ended_by_text else finish_word(reason, called=called), "end")
    if plain in ("output_limit", "refusal"):
        return Stopped(reason=plain)
    if called:
        return Stopped(reason="tool_calls")
    return Stopped(reason="stop_sequence" if sequence else plain, sequence=sequence)
