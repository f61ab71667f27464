"""uvicorn's HTTP protocol with bounds that it lacks: on connections, on heads, on unread answers.

uvicorn stops its one timer at a request's first byte and starts it after the answer, so a half-sent
head stays open for ever, and httptools takes heads of any size. (Kludex/uvicorn, issue 157.)
What httptools alone lacks is in `router.app.httptools_protocol`.
"""

import asyncio
from collections.abc import Collection
from importlib.util import find_spec
from time import monotonic
from typing import Any, cast

from router.app.connections import IDLE_S, Connections

CONNECTION = "connection"
"""Key of `scope["state"]` under which the application finds its connection."""
HTTPTOOLS = find_spec("httptools") is not None
"""Not on Windows; h11 parses there."""
MOST_HEAD = 64 * 2**10
"""Bytes of a head that comes in pieces, or of what frames a body; in one piece it is bounded by a read."""


class BoundedProtocol(asyncio.Protocol):
    """What is put before uvicorn's protocol by `bounded`."""

    registry: Connections
    # uvicorn's own:
    app_state: dict[str, Any]
    cycle: Any
    headers: list[tuple[bytes, bytes]]
    transport: asyncio.Transport

    pipeline: Collection[Any] = ()
    """Requests that wait for an answer before theirs."""

    proven = False
    _head = 0
    """Bytes of a head that is not complete."""
    _served = False
    _since = 0.0
    """When it began to wait for a head."""
    _unread_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, CONNECTION: self}
        self._since = monotonic()
        self.registry.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self.registry.closed(self)
        self.app_state = {}  # it leads back here
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        before = self.cycle
        in_body = before is not None and before.more_body and not before.response_complete
        super().data_received(data)
        if self.cycle is not before:
            self._head = 0
            self.work()
        elif not in_body:
            self._take_head(len(data))

    def on_response_complete(self) -> None:
        """Called by uvicorn."""
        super().on_response_complete()  # type: ignore[misc]
        self._served = True
        if not self._in_request:  # else the next one is there already
            self._since = monotonic()
            self.wait()

    def pause_writing(self) -> None:
        """See asyncio."""
        self._unread_since = monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """See asyncio."""
        self._unread_since = None
        super().resume_writing()

    def wait(self) -> None:
        """Let it give way to others."""
        self.registry.waits(self)

    def work(self) -> None:
        """Keep it."""
        self.registry.works(self)

    def overdue(self, now: float) -> bool:
        """Whether it has waited too long: for a head, for the next request, or for the client to read."""
        if self._unread_since is not None:
            return now - self._unread_since > self.registry.unread_s
        if self._in_request:
            return False  # a body's pace is watched by whoever reads it
        idle = self._served and not self._head
        return now - self._since > (IDLE_S if idle else self.registry.header_s)

    def end(self) -> None:
        """Close it; whoever has begun a head is told why."""
        if self._head and not self._in_request and not self.transport.is_closing():
            self._answer(b"408 Request Timeout", b"the request's head came too slowly")
        else:
            self.transport.abort()

    def refuse_frame(self) -> None:
        """Close it: a head, or what frames a body, is too large."""
        if self._in_request and (self.cycle.response_started or self.pipeline):
            self.transport.close()  # an answer is under way
        else:
            self._answer(
                b"431 Request Header Fields Too Large",
                b"a head, or what stands around a body's chunks, is larger than 64 kB",
            )

    def refuse(self) -> None:
        """Close it for want of room."""
        self._answer(b"503 Service Unavailable", b"too many connections; try again", b"retry-after: 2\r\n")

    @property
    def _in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _take_head(self, size: int) -> None:
        if not self._head and not self._in_request:
            self._since = monotonic()
        self._head += size
        if self._head > MOST_HEAD and not self.transport.is_closing():
            self.refuse_frame()

    def _answer(self, status: bytes, message: bytes, field: bytes = b"") -> None:
        # No path is known that would tell the dialect; clients of both find the message here.
        body = b'{"type": "error", "error": {"type": "api_error", "message": "%b"}}' % message
        fields = b"content-type: application/json\r\n%bconnection: close\r\n" % field
        head = b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n" % (status, fields, len(body))
        self.transport.write(head + body)
        self.transport.close()


def bounded(registry: Connections, *, httptools: bool = HTTPTOOLS) -> type[asyncio.Protocol]:
    """Make the protocol for uvicorn's `http`, with the parser that is installed."""
    bases: tuple[type, ...]
    if httptools:
        from router.app.httptools_protocol import HttptoolsProtocol

        bases = (HttptoolsProtocol,)
    else:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        bases = (BoundedProtocol, H11Protocol)
    return cast("type[asyncio.Protocol]", type("Protocol", bases, {"registry": registry}))
