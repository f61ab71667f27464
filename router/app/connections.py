"""All open connections: how many there may be, how long one may wait, and which gives way to a new one.

A connection that waits (for a head, for the next request, for a body's rest) costs a descriptor and does
nothing. When all are taken, the one that waits longest is closed for the new one: first of strangers, who
have shown no key, and only then of others. A connection whose request is being answered is never closed.
So half-sent heads, however many, keep nobody out who has a key.
"""

import asyncio
import errno
import os
from collections import OrderedDict
from contextlib import suppress
from time import monotonic
from typing import Protocol

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


class Connection(Protocol):
    """What is managed here; `router.app.protocol` has the real one."""

    proven: bool
    """It has carried a request that was let in."""

    def wait(self) -> None:
        """Let it give way to others: its request is refused, or its body has yet to come."""
        ...

    def work(self) -> None:
        """Keep it: its request is being answered."""
        ...

    def overdue(self, now: float) -> bool:
        """Whether it has waited too long."""
        ...

    def end(self) -> None:
        """Close it, with an answer where a request has begun."""
        ...

    def refuse(self) -> None:
        """Close it, saying that there is no room."""
        ...


class Connections:
    """The open ones."""

    def __init__(self, *, limit: int, header_s: float, unread_s: float = UNREAD_S) -> None:
        """Take the bounds: `limit` connections, seconds for a head, and for an answer to be read."""
        self.limit = limit
        self.header_s = header_s
        self.unread_s = unread_s
        self._open: set[Connection] = set()
        self._strangers: OrderedDict[Connection, None] = OrderedDict()
        self._others: OrderedDict[Connection, None] = OrderedDict()
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

    def opened(self, connection: Connection) -> None:
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

    def closed(self, connection: Connection) -> None:
        """Forget one."""
        self._open.discard(connection)
        self.works(connection)

    def waits(self, connection: Connection) -> None:
        """Let it give way to others from now on."""
        if connection in self._open:
            (self._others if connection.proven else self._strangers)[connection] = None

    def works(self, connection: Connection) -> None:
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
            for connection in [one for one in self._open if one.overdue(now)]:
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
