"""Bounds on open connections: how many, how long one may be idle, and which to close for a new one.

An idle connection (waiting for a head, for the next request, for more of a body) costs a descriptor.
When all are taken, the one idle longest is closed for the new one: unauthenticated ones first. A
connection whose request is being answered is never closed. So half-sent heads, however many, cannot
lock out clients with a key.

uvicorn bounds none of this: it stops its one timer at a request's first byte and starts it after the
answer, so a half-sent head stays open forever, and httptools takes heads of any size (Kludex/uvicorn,
issue 157). What httptools alone lacks is in `router.app.httptools_protocol`.
"""

import asyncio
import errno
import os
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog

from router.settings import Settings

log = structlog.get_logger(__name__)

IDLE_S = 75
"""Keep-alive between two requests: longer than clients pool a connection."""
UNREAD_S = 120.0
"""Longest time a client may leave an answer unread."""
PERIOD_S = 1.0
LATE_S = PERIOD_S + 0.5
"""A sweep that runs later than this skips its checks: this machine was slow, not the clients."""
LOG_AGAIN_S = 60.0
RESERVED = 128
"""Descriptors kept for the ledger, logs, the engine's pipes, files and libraries."""
MIN_CONNECTIONS, MAX_CONNECTIONS = 16, 8192
"""Bounds of the default limit."""
MAX_DESCRIPTORS = 65_536
"""Highest limit of descriptors to request."""
DESCRIPTOR_LIMITS = (MAX_DESCRIPTORS, 10_240, 4096, 1024)
"""Limits to try if the hard limit is infinite."""
BACKLOG = 1024
"""Connections waiting in the kernel. The loops accept them one by one, so none goes stale unread."""
CLOSED_PER_SWEEP = 16
"""Idle connections to close when descriptors run out."""
CONNECTION = "connection"
"""Key of `scope["state"]` under which the application finds its connection."""
MAX_HEAD_BYTES = 64 * 2**10
"""Bytes of a head that comes in pieces, or of a body's framing; one piece is bounded by a read."""


class BoundedProtocol(asyncio.Protocol):
    """A connection: mixin before uvicorn's protocol, see `router.app.http_protocol`."""

    registry: "ConnectionRegistry"
    # uvicorn's own:
    app_state: dict[str, Any]
    cycle: Any
    headers: list[tuple[bytes, bytes]]
    transport: asyncio.Transport

    pipeline: Collection[Any] = ()
    """Requests waiting for earlier answers."""

    authenticated = False
    _head = 0
    """Bytes of an incomplete head."""
    _served = False
    _since = 0.0
    """When it began waiting for a head."""
    _unread_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, CONNECTION: self}
        self._since = monotonic()
        self.registry.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self.registry.remove(self)
        self.app_state = {}  # breaks a reference cycle
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        before = self.cycle
        in_body = before is not None and before.more_body and not before.response_complete
        super().data_received(data)
        if self.cycle is not before:
            self._head = 0
            self.mark_busy()
        elif not in_body:
            self._count_head_bytes(len(data))

    def on_response_complete(self) -> None:
        """Called by uvicorn."""
        super().on_response_complete()  # type: ignore[misc]
        self._served = True
        if not self._in_request:  # else the next one is already here
            self._since = monotonic()
            self.mark_idle()

    def pause_writing(self) -> None:
        """See asyncio."""
        self._unread_since = monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """See asyncio."""
        self._unread_since = None
        super().resume_writing()

    def mark_idle(self) -> None:
        """Allow closing it for a new connection."""
        self.registry.mark_idle(self)

    def mark_busy(self) -> None:
        """Forbid closing it: its request is being answered."""
        self.registry.mark_busy(self)

    def is_overdue(self, now: float) -> bool:
        """Return whether it waited too long for a head, for a request, or for the client to read."""
        if self._unread_since is not None:
            return now - self._unread_since > self.registry.unread_s
        if self._in_request:
            return False  # a body's pace is watched by whoever reads it
        idle = self._served and not self._head
        return now - self._since > (IDLE_S if idle else self.registry.header_s)

    def close(self) -> None:
        """Close it, with 408 after a partial head."""
        if self._head and not self._in_request and not self.transport.is_closing():
            self._answer(b"408 Request Timeout", b"the request's head came too slowly")
        else:
            self.transport.abort()

    def refuse_frame(self) -> None:
        """Close it with 431: a head or a body's framing is too large."""
        if self._in_request and (self.cycle.response_started or self.pipeline):
            self.transport.close()  # an answer is under way
        else:
            self._answer(
                b"431 Request Header Fields Too Large",
                b"a head, or the framing of a body, is larger than 64 kB",
            )

    def refuse(self) -> None:
        """Close it with 503 and `retry-after`."""
        self._answer(b"503 Service Unavailable", b"too many connections; try again", b"retry-after: 2\r\n")

    @property
    def _in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _count_head_bytes(self, size: int) -> None:
        if not self._head and not self._in_request:
            self._since = monotonic()
        self._head += size
        if self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.refuse_frame()

    def _answer(self, status: bytes, message: bytes, field: bytes = b"") -> None:
        # Without a path the dialect is unknown; clients of both find the message here.
        body = b'{"type": "error", "error": {"type": "api_error", "message": "%b"}}' % message
        fields = b"content-type: application/json\r\n%bconnection: close\r\n" % field
        head = b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n" % (status, fields, len(body))
        self.transport.write(head + body)
        self.transport.close()


class ConnectionRegistry:
    """The open connections, and the order in which to close idle ones."""

    def __init__(self, *, limit: int, header_s: float, unread_s: float = UNREAD_S) -> None:
        """Allow `limit` connections, `header_s` for a head, and `unread_s` for reading an answer."""
        self.limit = limit
        self.header_s = header_s
        self.unread_s = unread_s
        self._open: set[BoundedProtocol] = set()
        self._idle_unauthenticated: OrderedDict[BoundedProtocol, None] = OrderedDict()
        self._idle_authenticated: OrderedDict[BoundedProtocol, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._swept = 0.0
        self._logged: dict[str, float] = {}

    @classmethod
    def of(cls, settings: Settings) -> "ConnectionRegistry":
        """Derive the limits from the settings; raises the process's descriptor limit if allowed."""
        descriptors = raise_descriptors()
        cloud = min(settings.cloud.connections, descriptors // 2)
        room = max(MIN_CONNECTIONS, descriptors - RESERVED - cloud)
        if settings.max_connections > room:
            log.warning(
                "max_connections_lowered",
                from_=settings.max_connections,
                to=room,
                why=f"{descriptors} descriptors are allowed; raise `ulimit -n`",
            )
        limit = min(settings.max_connections or MAX_CONNECTIONS, room)
        return cls(limit=limit, header_s=settings.timeouts.header_s)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: BoundedProtocol) -> None:
        """Register a new connection; at the limit, close the one idle longest."""
        self._open.add(connection)
        if self._timer is None:
            self._timer = self._next_sweep()
        if len(self._open) > self.limit:
            self._log("connections_full", limit=self.limit, remedy="raise `max_connections` or `ulimit -n`")
            if not self._close_waiting(1):
                self.remove(connection)
                connection.refuse()
                return
        self.mark_idle(connection)

    def remove(self, connection: BoundedProtocol) -> None:
        """Unregister a connection that is closed, or about to be."""
        self._open.discard(connection)
        self.mark_busy(connection)

    def mark_idle(self, connection: BoundedProtocol) -> None:
        """Allow closing it for a new connection."""
        if connection in self._open:
            (self._idle_authenticated if connection.authenticated else self._idle_unauthenticated)[
                connection
            ] = None

    def mark_busy(self, connection: BoundedProtocol) -> None:
        """Forbid closing it: its request is being answered."""
        self._idle_unauthenticated.pop(connection, None)
        self._idle_authenticated.pop(connection, None)

    def _close_waiting(self, count: int) -> bool:
        for _ in range(count):
            queue = self._idle_unauthenticated or self._idle_authenticated
            if not queue:
                return False
            connection, _nothing = queue.popitem(last=False)
            self.remove(connection)
            connection.close()
        return True

    def _sweep(self) -> None:
        # One timer for all: a timer each would cost every request more than this costs a second.
        now = monotonic()
        if now - self._swept < LATE_S:  # else what came meanwhile is yet to be read
            for connection in [waiting for waiting in self._open if waiting.is_overdue(now)]:
                self.remove(connection)
                connection.close()
        if not has_descriptor():
            self._log("descriptors_used_up", connections=len(self._open), remedy="raise `ulimit -n`")
            self._close_waiting(CLOSED_PER_SWEEP)
        self._timer = self._next_sweep() if self._open else None

    def _next_sweep(self) -> asyncio.TimerHandle:
        self._swept = monotonic()
        return asyncio.get_running_loop().call_later(PERIOD_S, self._sweep)

    def _log(self, event: str, **facts: object) -> None:
        now = monotonic()
        if now - self._logged.get(event, -LOG_AGAIN_S) >= LOG_AGAIN_S:
            self._logged[event] = now
            log.warning(event, **facts)


def raise_descriptors() -> int:
    """Raise the soft limit of descriptors towards the hard one; returns the limit in force."""
    try:
        import resource
    except ImportError:  # on Windows sockets are not counted
        return MAX_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    if soft == infinite:
        return MAX_DESCRIPTORS
    for target in DESCRIPTOR_LIMITS if hard == infinite else (min(hard, MAX_DESCRIPTORS),):
        if soft < target:
            with suppress(OSError, ValueError):  # macOS names no limit and allows 10,240
                resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
                return target
    return soft


def has_descriptor() -> bool:
    """Return whether this process can open another file."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in {errno.EMFILE, errno.ENFILE}
    return True
