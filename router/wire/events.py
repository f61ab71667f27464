"""A reply, piece by piece, in neutral form; and the interfaces of what reads and writes it for a dialect.

A whole reply is the same events as a streamed one, in fewer pieces: a decoder yields them in the order
in which the reply gives them, an encoder writes its own framing around them.

- Exactly one `Started` comes first, exactly one `Stopped` or `Failed` last. A reply that breaks off has
  no last event: whoever relays it drops the connection, which clients recover from best.
- A call is `CallStarted`, any number of `CallArguments`, `CallEnded`; calls do not interleave.
- `UsageReport` may come anywhere and again; the last one counts.

Structs rather than dataclasses: one is made for every token (0.1 µs against 0.6 µs).
"""

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

from router.types import Usage

StopReason = Literal[
    "end", "stop_sequence", "output_limit", "tool_calls", "refusal", "pause", "overflow", "unstated"
]
"""`pause`: the provider wants to be asked to go on; `overflow`: the window is full; `unstated`: an end
without a reason, which encoders write as `end`."""


class Started(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The reply began."""

    id: str = ""
    model: str = ""
    """The model that the upstream names; empty where it names none."""


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """Text of the answer."""

    text: str


class RefusalDelta(msgspec.Struct, frozen=True, gc=False):
    """Text in which the model refuses to answer."""

    text: str


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False):
    """Reasoning."""

    text: str


class Signature(msgspec.Struct, frozen=True, gc=False):
    """The provider's signature of the reasoning before it, or encrypted reasoning in place of it."""

    signature: str = ""
    redacted: str = ""


class CallStarted(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A tool call began; its id is unique within the conversation."""

    id: str
    name: str


class CallArguments(msgspec.Struct, frozen=True, gc=False):
    """More of the JSON text of the arguments of the call that began last."""

    text: str


class CallEnded(msgspec.Struct, frozen=True, gc=False):
    """The arguments are all there; missing for a call that the output limit cut off."""


class Foreign(msgspec.Struct, frozen=True, gc=False):
    """A block began that only its own dialect knows: a call that the provider runs itself, or its result."""

    kind: str
    """Its `type`."""


class UsageReport(msgspec.Struct, frozen=True):
    """Tokens, as far as the upstream has reported them."""

    usage: Usage


class Stopped(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The reply ended as its dialect requires."""

    reason: StopReason
    sequence: str = ""
    """The stop sequence that ended it, where the upstream names it."""


class Failed(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The upstream reported an error inside its reply."""

    message: str
    kind: str = "api_error"
    """The error's type, as Anthropic names it."""


Event = (
    Started
    | TextDelta
    | RefusalDelta
    | ThinkingDelta
    | Signature
    | CallStarted
    | CallArguments
    | CallEnded
    | Foreign
    | UsageReport
    | Stopped
    | Failed
)


class UnreadableReply(Exception):
    """An upstream's reply is not of its dialect; the message names what could not be read."""


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
        """Return the complete frames for these events; empty while there is none to write."""
        ...
