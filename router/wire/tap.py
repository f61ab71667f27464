"""The two shapes of a reply, read as they pass: an event stream, or one JSON document.

A tap never changes, delays or drops a byte, and what it cannot read it leaves alone: a
reply nobody understands is still the upstream's answer. What an event or a document
means is the dialect's; it gives the functions that note it.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec

from router.types import Usage
from router.wire.body import UNREADABLE
from router.wire.sse import Event, Splitter, parse

Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""A count of tokens as an upstream may report it."""
NOTHING = msgspec.Raw()
_MOST_TRIED = 16
"""How often each byte of a document is decoded, on average."""
ENVELOPE = 300
"""Bytes about a short document's text; what comes beyond them is taken for content until it can be read."""
_SURELY_TRIED = 16 << 20
"""Bytes that are decoded in any case."""


class Seen:
    """What a reply has said so far; see `router.types.Tap` for each field."""

    __slots__ = ("complete", "error", "model", "started", "usage", "written")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.model = ""
        self.started = False
        self.complete = False
        self.error = ""
        self.written = 0


class StreamTap(Seen):
    """Reads an event stream.

    Most blocks bring a piece of the answer and are never parsed. What they bring is known from
    their length: the first that was parsed tells how much of a block is not content.
    """

    __slots__ = ("_frame", "_matters", "_note", "_splitter")

    def __init__(self, *, note: Callable[[Seen, Event], None], matters: Callable[[bytes], object]) -> None:
        """Take the dialect's two functions.

        Args:
            note: writes down what one event says.
            matters: whether a raw block may say anything once the reply has started; must be cheap,
                for most blocks are content and say nothing new.
        """
        super().__init__()
        self._note = note
        self._matters = matters
        self._splitter = Splitter()
        self._frame = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        for block in self._splitter.feed(chunk):
            if self.started and not self._matters(block):
                if (more := len(block) - self._frame) > 0:
                    self.written += more
                continue
            event = parse(block)
            if not event.data:
                continue
            before = self.written
            try:
                self._note(self, event)
            except UNREADABLE:
                continue  # not for us to judge: the bytes pass unchanged
            if self.written > before:
                self._frame = len(block) - (self.written - before)


class WholeTap(Seen):
    """Reads one JSON document."""

    __slots__ = ("_note", "_parts", "_size", "_tried")

    def __init__(self, *, note: Callable[[Seen, bytes], None]) -> None:
        """Take the dialect's function that writes down what the whole document says."""
        super().__init__()
        self._note = note
        self._parts: list[bytes] = []
        self._size = self._tried = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        self._parts.append(chunk)
        self._size += len(chunk)
        self.written = max(self._size - ENVELOPE, 0)
        # Most chunks of a long document end elsewhere; one that ends so again and again is given up.
        if not chunk.rstrip().endswith(b"}") or self._tried > _MOST_TRIED * self._size + _SURELY_TRIED:
            return
        self._tried += self._size
        body = b"".join(self._parts)
        self._parts = [body]
        passed, self.written = self.written, 0
        try:
            self._note(self, body)
        except UNREADABLE:
            self.written = passed
            return  # a brace inside the document
        self.complete = True
        self.started = not self.error
