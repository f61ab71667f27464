"""All open connections: how many there may be, how long one may wait, and which gives way to a new one.

A connection that waits (for a head, for the next request, for a body's rest) costs a descriptor and does
nothing. When all are taken, the one that waits longest is closed for the new one: first of strangers, who
have shown no key, and only then of others. A connection whose request is being answered is never closed.
So half-sent heads, however many, keep nobody out who has a key.

uvicorn bounds none of this: it stops its one timer at a request's first byte and starts it after the
answer, so a half-sent head stays open for ever, and httptools takes heads of any size. (Kludex/uvicorn,
issue 157.) What httptools alone lacks is in `router.app.httptools_protocol`.
"""

import asyncio
import errno
import os
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from importlib.util import find_spec
from time import monotonic
from typing import Any, cast

import structlog

from router.settings import Settings

log = structlog.get_logger(__name__)

IDLE_S = 75
"""How long a connection is kept between two requests: longer than clients pool one."""
UNREAD_S = 120.0
"""How long a client may leave an answer unread."""
PERIOD_S = 1.0
LATE_S = PERIOD_S + 0.5
"""A look at clients that comes later finds none overdue: this machine was slow, not they."""
LOG_AGAIN_S = 60.0
RESERVED = 128
"""Descriptors for the ledger, logs, the engine's pipes, files that are read, and the libraries."""
FEWEST, MOST = 16, 8192
"""Bounds of the number that is derived."""
MOST_DESCRIPTORS = 65_536
"""How far the process's limit is raised."""
HIGHER_DESCRIPTORS = (MOST_DESCRIPTORS, 10_240, 4096, 1024)
"""What is tried where no hard limit is named."""
BACKLOG = 1024
"""Connections that wait in the kernel; the loops take them one by one, so each is read before it is old."""
FREED = 16
"""Waiting connections that are closed when descriptors run out."""
CONNECTION = "connection"
"""Key of `scope["state"]` under which the application finds its connection."""
HTTPTOOLS = find_spec("httptools") is not None
"""Not on Windows; h11 parses there."""
MOST_HEAD = 64 * 2**10
"""Bytes of a head that comes in pieces, or of what frames a body; in one piece it is bounded by a read."""


class BoundedProtocol(asyncio.Protocol):
    """A connection: what is put before uvicorn's protocol by `bounded`."""

    registry: "Connections"
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


class Connections:
    """The open ones."""

    def __init__(self, *, limit: int, header_s: float, unread_s: float = UNREAD_S) -> None:
        """Take the bounds: `limit` connections, seconds for a head, and for an answer to be read."""
        self.limit = limit
        self.header_s = header_s
        self.unread_s = unread_s
        self._open: set[BoundedProtocol] = set()
        self._strangers: OrderedDict[BoundedProtocol, None] = OrderedDict()
        self._others: OrderedDict[BoundedProtocol, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._swept = 0.0
        self._logged: dict[str, float] = {}

    @classmethod
    def of(cls, settings: Settings) -> "Connections":
        """Make it from the settings; raises this process's limit of descriptors where that is allowed."""
        descriptors = raise_descriptors()
        cloud = min(settings.cloud.connections, descriptors // 2)
        room = max(FEWEST, descriptors - RESERVED - cloud)
        if settings.max_connections > room:
            log.warning(
                "max_connections_lowered",
                from_=settings.max_connections,
                to=room,
                why=f"{descriptors} descriptors are allowed; raise `ulimit -n`",
            )
        limit = min(settings.max_connections or MOST, room)
        return cls(limit=limit, header_s=settings.timeouts.header_s)

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: BoundedProtocol) -> None:
        """Take a new one in; the longest waiting one gives way where all are taken."""
        self._open.add(connection)
        if self._timer is None:
            self._timer = self._next_sweep()
        if len(self._open) > self.limit:
            self._log("connections_full", limit=self.limit, remedy="raise `max_connections` or `ulimit -n`")
            if not self._close_waiting(1):
                self.closed(connection)
                connection.refuse()
                return
        self.waits(connection)

    def closed(self, connection: BoundedProtocol) -> None:
        """Forget one."""
        self._open.discard(connection)
        self.works(connection)

    def waits(self, connection: BoundedProtocol) -> None:
        """Let it give way to others from now on."""
        if connection in self._open:
            (self._others if connection.proven else self._strangers)[connection] = None

    def works(self, connection: BoundedProtocol) -> None:
        """Keep it: its request is being answered."""
        self._strangers.pop(connection, None)
        self._others.pop(connection, None)

    def _close_waiting(self, count: int) -> bool:
        for _ in range(count):
            queue = self._strangers or self._others
            if not queue:
                return False
            connection, _nothing = queue.popitem(last=False)
            self.closed(connection)
            connection.end()
        return True

    def _sweep(self) -> None:
        # One timer for all: a timer each would cost every request more than this costs a second.
        now = monotonic()
        if now - self._swept < LATE_S:  # else what came meanwhile is yet to be read
            for connection in [waiting for waiting in self._open if waiting.overdue(now)]:
                self.closed(connection)
                connection.end()
        if not has_descriptor():
            self._log("descriptors_used_up", connections=len(self._open), remedy="raise `ulimit -n`")
            self._close_waiting(FREED)
        self._timer = self._next_sweep() if self._open else None

    def _next_sweep(self) -> asyncio.TimerHandle:
        self._swept = monotonic()
        return asyncio.get_running_loop().call_later(PERIOD_S, self._sweep)

    def _log(self, event: str, **facts: object) -> None:
        now = monotonic()
        if now - self._logged.get(event, -LOG_AGAIN_S) >= LOG_AGAIN_S:
            self._logged[event] = now
            log.warning(event, **facts)


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


def raise_descriptors() -> int:
    """Raise this process's soft limit of descriptors towards its hard one; returns what is allowed."""
    try:
        import resource
    except ImportError:  # on Windows sockets are not counted
        return MOST_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    if soft == infinite:
        return MOST_DESCRIPTORS
    for target in HIGHER_DESCRIPTORS if hard == infinite else (min(hard, MOST_DESCRIPTORS),):
        if soft < target:
            with suppress(OSError, ValueError):  # macOS names no limit and allows 10,240
                resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
                return target
    return soft


def has_descriptor() -> bool:
    """Whether this process could open another file."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in {errno.EMFILE, errno.ENFILE}
    return True
