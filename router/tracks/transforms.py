"""Three ways from an upstream's stream to a client's: as it is, repaired, or in another dialect.

Until the first useful unit of a local model's reply is there, another track may still serve.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Protocol

import msgspec

from router.types import TrackError
from router.wire.arguments import is_object
from router.wire.body import UNREADABLE
from router.wire.chat_reply import ChatReplyDecoder
from router.wire.chat_reply_encoder import DONE
from router.wire.events import (
    CallArguments,
    CallEnded,
    CallStarted,
    Event,
    RefusalDelta,
    ReplyDecoder,
    ReplyEncoder,
    Signature,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UnreadableReply,
)
from router.wire.usage_observer import UsageObserver

TOO_EARLY = "the upstream ended before its answer was complete"
NOTHING_CAME = "the upstream ended its answer before anything useful came"
ENVELOPE = 300
"""Bytes about a short document's text; what comes beyond them counts as content until it can be read."""
_REASONING = frozenset({ThinkingDelta, Signature})


class FirstUnit:
    """Looks for text, or a first tool call that is complete and sound."""

    def __init__(self, *, thinking: bool, heard: Callable[[], None] = lambda: None) -> None:
        """Take what makes a unit, and whom to tell of what comes before it.

        Args:
            thinking: whether the client is sent the model's reasoning, which is then a unit, too.
            heard: called at every event up to the first unit, of whatever kind.
        """
        self._heard = heard
        self._texts = (TextDelta, RefusalDelta, ThinkingDelta) if thinking else (TextDelta, RefusalDelta)
        self._name = ""
        self._arguments: list[str] = []

    def reached(self, events: Iterable[Event]) -> bool:
        """Whether one has come with these events, or an end that counts as an answer.

        Raises:
            TrackError: `bad_tool_call`, the first call's arguments are no JSON object.
        """
        return any(self._reached(event) for event in events)

    def _reached(self, event: Event) -> bool:
        self._heard()
        match event:
            case CallStarted():
                self._name, self._arguments = event.name, []
            case CallArguments():
                self._arguments.append(event.text)
            case CallEnded():
                check_call(self._name, "".join(self._arguments))
                return True
            case Stopped():
                return event.reason != "unstated"
            case _:
                return isinstance(event, self._texts) and bool(event.text)
        return False


def check_call(name: str, arguments: str) -> None:
    """Hold a complete tool call against what a client can use.

    Raises:
        TrackError: `bad_tool_call`, it has no name or its arguments are no JSON object.
    """
    if not name or not is_object(arguments.strip() or "{}"):
        raise TrackError(
            f"the local model's call of the tool `{name}` is not valid: its arguments are no JSON object",
            cause="bad_tool_call",
            status=HTTPStatus.BAD_GATEWAY,
        )


def check_reply(events: Iterable[Event]) -> None:
    """Hold a whole reply against what a client can use: something in it, and every complete call sound.

    Raises:
        TrackError: `bad_tool_call`, or `local_error` where there is nothing in it.
    """
    unit, useful = FirstUnit(thinking=True), False
    for event in events:
        useful = unit.reached((event,)) or isinstance(event, CallStarted) or useful
    if not useful:
        raise TrackError("the local model's answer is empty", cause="local_error", fault="server_error")


class _Observed:
    """What all three do with the events."""

    def __init__(
        self, decoder: ReplyDecoder, observer: UsageObserver, first_unit: FirstUnit | None = None
    ) -> None:
        self.observer = observer
        self.ready = False
        self._decoder = decoder
        self._first_unit = first_unit
        """None where any token will do."""

    def _note(self, events: list[Event]) -> None:
        observer = self.observer
        observer.observe(events)
        if not self.ready:
            first = self._first_unit
            self.ready = observer.started if first is None else first.reached(events)

    def _check_end(self) -> None:
        observer = self.observer
        if not observer.complete:
            raise ConnectionResetError(observer.error or TOO_EARLY)
        if not self.ready and (self._first_unit is not None or observer.reason == "unstated"):
            raise ConnectionResetError(NOTHING_CAME)


class Relay(_Observed):
    """The bytes as they came; an end that is missing is the client's to see."""

    def feed(self, chunk: bytes) -> bytes:
        """See `streaming.Transform`."""
        events = self._decoder.feed(chunk)
        if self.ready:
            self.observer.observe(events)  # what `_note` comes to, without its call
        else:
            self._note(events)
        return chunk

    def end(self) -> bytes:
        """See `streaming.Transform`."""
        self._note(self._decoder.end())
        return b""


class Document:
    """The bytes of one JSON document as they came, read once it is there in full."""

    ready = False

    def __init__(self, decode: Callable[[bytes], list[Event]], observer: UsageObserver) -> None:
        """Take the dialect's reader."""
        self.observer = observer
        self._decode = decode
        self.events: list[Event] = []
        """Of the whole document, once it has ended."""
        self.unreadable: UnreadableReply | None = None
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def is_json(self) -> bool:
        """Whether it is JSON at all, and not nothing or a proxy's page, once it has ended."""
        if self.unreadable is None:
            return True
        try:
            msgspec.json.decode(b"".join(self._parts))
        except UNREADABLE:
            return False
        return True

    def feed(self, chunk: bytes) -> bytes:
        """See `streaming.Transform`."""
        self._parts.append(chunk)
        self._size += len(chunk)
        self.observer.written = max(self._size - ENVELOPE, 0)
        return chunk

    def end(self) -> bytes:
        """See `streaming.Transform`."""
        try:
            self.events = self._decode(b"".join(self._parts))
        except UnreadableReply as unreadable:  # whatever it is, it is the upstream's answer
            self.unreadable = unreadable
            return b""
        self.observer.written = 0
        self.observer.observe(self.events)
        self.observer.complete = True
        return b""


class RepairingDecoder(ReplyDecoder, Protocol):
    """A decoder that also passes on the bytes."""

    def repair(self, chunk: bytes, *, usage: bool) -> tuple[list[Event], bytes]:
        """Return the events, and the client's bytes: with the usage alone where it asked for that."""
        ...


class Repair(_Observed):
    """A server's stream for a client of the same dialect, repaired where clients would fail.

    A block keeps its bytes unless its tool calls need repair; see `router.wire.chat_calls`.
    """

    def __init__(
        self,
        observer: UsageObserver,
        first_unit: FirstUnit | None = None,
        *,
        usage: bool,
        decoder: RepairingDecoder | None = None,
    ) -> None:
        """Start.

        Args:
            observer: notes what passes.
            first_unit: what is waited for, any token unless given.
            usage: whether the client asked for usage.
            decoder: of another dialect than Chat Completions.
        """
        decoder = decoder or ChatReplyDecoder(observing=True)
        super().__init__(decoder, observer, first_unit)
        self._chat = decoder
        self._usage = usage

    def feed(self, chunk: bytes) -> bytes:
        """See `streaming.Transform`."""
        events, repaired = self._chat.repair(chunk, usage=self._usage)
        self._note(events)
        return repaired

    def end(self) -> bytes:
        """See `streaming.Transform`."""
        events = self._chat.end()
        self._note(events)
        self._check_end()
        return DONE if events else b""


class Translation(_Observed):
    """The client's own dialect, translated from the upstream's."""

    def __init__(
        self,
        decoder: ReplyDecoder,
        encoder: ReplyEncoder,
        observer: UsageObserver,
        *,
        first_unit: FirstUnit | None = None,
        thinking: bool = True,
        ends_by_error: bool = False,
    ) -> None:
        """Take both ends.

        Args:
            decoder: the upstream's.
            encoder: the client's.
            observer: notes what passes.
            first_unit: what is waited for; None where any token will do.
            thinking: whether the client is sent the model's reasoning.
            ends_by_error: whether the stream ends whole behind an error that the client was told.
        """
        super().__init__(decoder, observer, first_unit)
        self._encoder = encoder
        self._thinking = thinking
        self._ends_by_error = ends_by_error

    def feed(self, chunk: bytes) -> bytes:
        """See `streaming.Transform`."""
        return self._translate(self._decoder.feed(chunk))

    def end(self) -> bytes:
        """See `streaming.Transform`."""
        text = self._translate(self._decoder.end())
        if not (self._ends_by_error and self.ready and self.observer.error):
            self._check_end()
        return text

    def _translate(self, events: list[Event]) -> bytes:
        self._note(events)
        return self._encoder.feed(events if self._thinking else without_thinking(events))


def without_thinking(events: list[Event]) -> list[Event]:
    """Leave out a local model's reasoning: later, Claude would refuse thinking that it never signed."""
    return [event for event in events if type(event) not in _REASONING]
