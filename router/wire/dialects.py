"""The table of dialects: what can be done with each, as plain functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from router.types import DialectName, Tap
from router.wire import anthropic_messages, openai_chat
from router.wire.body import Envelope, name_model


class ErrorBody(Protocol):
    """Writes an error in a dialect's words; `kind` is in Anthropic's, see `router.errors`."""

    def __call__(self, status: int, kind: str, message: str, *, request_id: str = "") -> bytes:
        """Return the bytes."""
        ...


class Overflow(Protocol):
    """Writes the 400 body that says the prompt does not fit; clients compact when they read it."""

    def __call__(self, tokens: int, limit: int, *, request_id: str = "") -> bytes:
        """Return the bytes; `tokens` is the prompt's size, `limit` the model's window."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One wire format."""

    name: DialectName
    read: Callable[[bytes], Envelope]
    """The body's envelope; raises `BadRequest`."""
    name_model: Callable[[bytes, str], bytes]
    """The body with another model name and no other change."""
    tap: Callable[[bool], Tap]
    """A tap for a reply that is an event stream (True) or one JSON document (False)."""
    error: ErrorBody
    """The JSON body of an error answer."""
    error_event: ErrorBody
    """An error inside a stream that has begun, as complete SSE bytes."""
    overflow: Overflow
    """The JSON body of a 400 for a prompt that is too long."""


DIALECTS: Mapping[DialectName, Dialect] = {
    "openai_chat": Dialect(
        name="openai_chat",
        read=openai_chat.read,
        name_model=name_model,
        tap=openai_chat.tap,
        error=openai_chat.error,
        error_event=openai_chat.error_event,
        overflow=openai_chat.overflow,
    ),
    "anthropic_messages": Dialect(
        name="anthropic_messages",
        read=anthropic_messages.read,
        name_model=name_model,
        tap=anthropic_messages.tap,
        error=anthropic_messages.error,
        error_event=anthropic_messages.error_event,
        overflow=anthropic_messages.overflow,
    ),
}
