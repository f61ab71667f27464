"""What reads and writes the replies of one dialect; `router.wire.dialects` lists them.

Upstream's bytes go into a decoder, events come out; events go into an encoder, the client's bytes come out.
"""

from collections.abc import Iterable
from typing import Protocol

from router.wire.events import Event


class UnreadableReply(Exception):
    """An upstream's reply is not of its dialect; the text says what could not be read."""


class UnreadableCall(UnreadableReply):
    """A tool call came in pieces that cannot be put together: the model's fault rather than the server's."""


class ReplyDecoder(Protocol):
    """Reads one streamed reply."""

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, cut anywhere; return the events that they complete.

        Raises:
            UnreadableReply: never from a decoder that only observes.
        """
        ...

    def end(self) -> list[Event]:
        """Return what is still owed once the bytes have ended: `Stopped`, where the reply was complete."""
        ...


class DecoderFactory(Protocol):
    """Makes a `ReplyDecoder`."""

    def __call__(self, *, observing: bool = False) -> ReplyDecoder:
        """Make one.

        Args:
            observing: the bytes are relayed as they are and nobody encodes the events. What cannot be
                read is then left out, and an end counts whether or not it gave its reason.
        """
        ...


class ReplyEncoder(Protocol):
    """Writes one streamed reply."""

    def feed(self, events: Iterable[Event]) -> bytes:
        """Return the complete frames that say these events; empty where nothing is to be said yet."""
        ...
