"""Connections that no request is lost on, and none is sent twice over.

A POST is not idempotent (RFC 9110, section 9.2.2): once a byte of it was written, nobody
but the upstream knows whether it was processed, and it is not sent again. What can be known
is known before that: a pooled connection on which anything arrived while it was idle, its
end or a byte that nobody asked for, is not used (RFC 9112, sections 9.3.1 and 9.5).
"""

import asyncio
import re
import select
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.payload import Payload

from router.types import Progress

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

PIECE = 2**18
"""Bytes of a large body written at once: one write of all would keep the loop from others."""
AT_ONCE = 2**20
"""Bytes up to which a body is written in one call."""


_TIMEOUT = re.compile(r"\btimeout\s*=\s*(\d{1,6})", re.IGNORECASE)
SPARE_S = 1.0
"""Before a server closes an idle connection it is not used any more: its end may be under way already."""


class _Protocol(ResponseHandler):
    """Heeds how long its server keeps an idle connection, where it sends `Keep-Alive: timeout=5`.

    Counted from the head of the last answer, so a connection may be given up early, never late.
    """

    reused = False
    """It has carried a request before."""
    _until = float("inf")

    async def read(self) -> Any:
        """See aiohttp."""
        message, payload = await super().read()
        if match := _TIMEOUT.search(message.headers.get("keep-alive", "")):
            self._until = time.monotonic() + int(match[1]) - SPARE_S
        return message, payload

    @property
    def should_close(self) -> bool:
        """See aiohttp."""
        return super().should_close or time.monotonic() > self._until


class Connector(aiohttp.TCPConnector):
    """Hands out no pooled connection that its server has closed, or has written to, meanwhile."""

    def __init__(self, *, limit: int, keepalive_s: float) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_s)
        self._factory = partial(cast("type[ResponseHandler]", _Protocol), loop=self._loop)
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> "Connection":
        """See aiohttp."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is None or protocol not in self._used:
                if protocol is not None:
                    self._used.add(protocol)
                return connection
            if not (protocol.should_close or _readable(connection.transport)):
                cast("_Protocol", protocol).reused = True
                return connection
            connection.close()


def _readable(transport: "asyncio.BaseTransport | None") -> bool:
    """Whether something waits in a connection's socket, be it only its end.

    The loop may not have come to it yet: what the transport says of itself is older.
    """
    socket = transport.get_extra_info("socket") if transport is not None else None
    if socket is None:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _has_ended(protocol: Any) -> bool:
    """Whether a connection has closed since it was chosen, before anything was sent over it."""
    transport: asyncio.Transport | None = getattr(protocol, "transport", None)
    if transport is None or transport.is_closing():
        return True
    return isinstance(protocol, _Protocol) and protocol.reused and _readable(transport)


class Body(Payload):
    """The body of a POST; notes in `progress` that it is about to be written.

    The head goes out with its first bytes, so of a connection that has closed by then nothing was sent.
    """

    def __init__(self, body: bytes, progress: Progress) -> None:
        super().__init__(body)
        self._size = len(body)
        self._progress = progress

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """See aiohttp."""
        return str(self._value, encoding, errors)

    async def write(self, writer: "AbstractStreamWriter") -> None:
        """See aiohttp."""
        if _has_ended(getattr(writer, "protocol", None)):
            raise aiohttp.ClientConnectionResetError("the connection closed before the request was sent")
        self._progress.sent = True
        body: bytes = self._value
        if len(body) <= AT_ONCE:
            await writer.write(body)
            return
        view = memoryview(body)
        for start in range(0, len(body), PIECE):
            await writer.write(view[start : start + PIECE])

    async def write_with_length(self, writer: "AbstractStreamWriter", content_length: int | None) -> None:
        """See aiohttp; the length is the body's own."""
        del content_length
        await self.write(writer)
