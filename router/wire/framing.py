"""How a dialect's stream is sent: the fields of its head, and what may stand between its pieces."""

from collections.abc import Callable
from dataclasses import dataclass

from router.types import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """One way to send a stream."""

    headers: Headers
    keep_alive: bytes
    """Sent while nothing answers yet; says nothing to any client."""
    comments: bool = False
    """Whether lines may stand in it that every client skips."""
    wrap_error: Callable[[bytes], bytes] | None = None
    """Makes the whole of a stream of an error's JSON body, where the dialect's `error_event` does not fit."""


SSE = Framing(
    headers=(("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")),
    keep_alive=b": keepalive\n\n",
    comments=True,
)
"""Server-sent events (WHATWG HTML, 9.2)."""
