"""A request's body on its way in: how large it may be, how slow, and how much memory all bodies may take.

Nothing is read before someone calls `Body.read`, so a request that is refused by its head costs no
memory, and `Expect: 100-continue` is answered only when the body is wanted. What was not read by the
time the answer is out is dropped by `Body.drain`, within bounds: a client that still sends gets to
read its answer.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from time import monotonic
from typing import Any, Self

from router.app.asgi_types import Message, Receive, Scope
from router.app.connections import LATE_S, PERIOD_S, BoundedProtocol
from router.errors import BadRequest, TooLarge, TurnoutError
from router.settings import Settings
from router.types import Headers
from router.wire.encodings import Oversized, decode

UNCOUNTED = 64 * 2**10
"""Bytes of a body that counts for nothing: about what one read of a socket brings."""
SLOWEST = 4 * 2**10
"""Bytes per second; a body that is slower on average is given up."""
DRAIN_BYTES = 64 * 2**20
"""Bytes dropped after an early answer."""
DRAIN_S = 5.0
"""Seconds in which they may come."""
MEGABYTE = 2**20


class Overloaded(TurnoutError):
    """Too much is in flight now."""

    status = 503
    kind = "overloaded_error"
    retry_after = 2.0


class Uploads:
    """All bodies that are read or held now.

    Memory is counted as bytes arrive, not as they are declared: who announces much and sends
    little keeps nobody out. One owner (a key, else an address) gets at most half of it.
    """

    def __init__(self, *, max_body: int, max_bytes: int, idle_s: float) -> None:
        """Take the bounds: `max_body` and `max_bytes` in bytes, `idle_s` in seconds."""
        self.max_body = max_body
        self.in_use = 0
        """Bytes held by requests in flight."""
        self._max_bytes = max_bytes
        self._idle_s = idle_s
        self._owners: Counter[str] = Counter()
        self._pending: set[Body] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._looked = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make it from the settings."""
        max_body = settings.max_body_mb * MEGABYTE
        return cls(
            max_body=max_body,
            max_bytes=settings.max_bodies_mb * MEGABYTE or 10 * max_body,
            idle_s=settings.timeouts.body_s,
        )

    def body(self, scope: Scope, receive: Receive) -> "Body":
        """Return the body of the request that `scope` describes; nothing is read yet."""
        return Body(self, scope, receive)

    def check_room(self, size: int, owner: str) -> None:
        """Check that `size` more bytes have room.

        Raises:
            Overloaded: they have none, in all or for this owner.
        """
        if self.in_use + size > self._max_bytes:
            raise Overloaded("too many large bodies are in flight; try again, or raise `max_bodies_mb`")
        if self._owners[owner] + size > max(self._max_bytes // 2, self.max_body):
            raise Overloaded("too many large bodies of yours are in flight; try again when one is answered")

    def take(self, size: int, owner: str) -> None:
        """Count `size` more bytes; raises `Overloaded` where there is no room."""
        self.check_room(size, owner)
        self.in_use += size
        self._owners[owner] += size

    def give_back(self, size: int, owner: str) -> None:
        """Free what `take` counted."""
        self.in_use -= size
        self._owners[owner] -= size
        if not self._owners[owner]:
            del self._owners[owner]

    def watch(self, body: "Body") -> None:
        """Give `body` up once it is too slow, until `unwatch`."""
        self._pending.add(body)
        if self._timer is None:
            self._timer = self._next_look()

    def unwatch(self, body: "Body") -> None:
        """Stop watching."""
        self._pending.discard(body)

    def _end_slow(self) -> None:
        # One timer for all bodies: most are complete before it fires, and a timer each would cost more.
        now = monotonic()
        if now - self._looked < LATE_S:
            for body in self._pending:
                body.end_if_slow(now, self._idle_s)
        self._timer = self._next_look() if self._pending else None

    def _next_look(self) -> asyncio.TimerHandle:
        self._looked = monotonic()
        return asyncio.get_running_loop().call_later(PERIOD_S, self._end_slow)


class Body:
    """One request's body."""

    __slots__ = (
        "_complete",
        "_connection",
        "_counted",
        "_headers",
        "_owner",
        "_progress",
        "_reader",
        "_receive",
        "_size",
        "_slow",
        "_started",
        "_uploads",
    )  # fmt: skip

    def __init__(self, uploads: Uploads, scope: Scope, receive: Receive) -> None:
        self._uploads = uploads
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._receive = receive
        self._connection: BoundedProtocol | None = scope.get("state", {}).get("connection")
        self._complete = False
        self._size = 0
        self._counted = 0
        self._owner = ""
        self._reader: asyncio.Task[Any] | None = None
        self._slow = False

    @property
    def complete(self) -> bool:
        """Whether all of it was received, or there is none."""
        if not self._complete and not self._size:
            fields = dict(self._headers)
            self._complete = (
                fields.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in fields
            )
        return self._complete

    @property
    def limit(self) -> int:
        """Bytes that any body may have at most."""
        return self._uploads.max_body

    async def read(self, limit: int, owner: str = "") -> bytes:
        """Return all bytes as they were sent, at most `limit`; `owner` is whose memory they count to.

        Raises:
            TooLarge: there are more, or the head says so.
            Overloaded: they have no room beside the bodies in flight.
            BadRequest: 400, the connection closed; 408, it was too slow.
        """
        self._owner = owner
        self._check_length(limit)
        message = await self._next()
        if not message.get("more_body", False) and len(message.get("body", b"")) <= min(UNCOUNTED, limit):
            return bytes(message.get("body", b""))
        chunks: list[bytes] = []
        while True:
            chunk: bytes = message.get("body", b"")
            if self._size > limit:
                raise too_large(limit)
            self.count(len(chunk))
            chunks.append(chunk)
            if self._complete:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)
            message = await self._next()

    def let_in(self) -> None:
        """Take note that the request's head was accepted: its connection is no stranger's."""
        if self._connection is not None:
            self._connection.proven = True

    def count(self, size: int) -> None:
        """Count `size` bytes more that are held for this request; raises `Overloaded`."""
        self._uploads.take(size, self._owner)
        self._counted += size

    def release(self) -> None:
        """Free what this request held. Call it when the answer is complete."""
        if self._counted:
            self._uploads.give_back(self._counted, self._owner)
            self._counted = 0

    async def drain(self) -> None:
        """Drop what still comes, so that the client reads the answer that is already out."""
        if self.complete or self._slow:
            return
        if self._connection is not None:
            self._connection.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                end = self._size + DRAIN_BYTES
                while not self.complete and self._size < end:
                    await self.receive()

    async def receive(self) -> Message:
        """Receive as the ASGI specification says, taking note of what came."""
        message = await self._receive()
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        return message

    def end_if_slow(self, now: float, idle_s: float) -> None:
        """Cancel the reading where nothing came for `idle_s`, or less than `SLOWEST` on average."""
        allowed_s = idle_s + self._size / SLOWEST
        if self._reader is not None and (now - self._progress > idle_s or now - self._started > allowed_s):
            self._slow = True
            self._reader.cancel()

    async def _next(self) -> Message:
        arrived = self._connection is not None and not self._connection.cycle.more_body
        message = await (self.receive() if arrived else self._wait())
        if message["type"] == "http.disconnect":
            raise BadRequest("the connection closed before the body was complete")
        return message

    async def _wait(self) -> Message:
        """Receive, and let the connection give way to others meanwhile."""
        self._progress = monotonic()
        if self._reader is None:
            self._started = self._progress
            self._reader = asyncio.current_task()
        self._uploads.watch(self)
        if self._connection is not None:
            self._connection.wait()
        try:
            return await self.receive()
        except asyncio.CancelledError:
            if not self._slow or (self._reader is not None and self._reader.uncancel() > 0):
                raise
            raise BadRequest(
                "the body came too slowly; send it faster, or raise `timeouts.body_s`", status=408
            ) from None
        finally:
            self._uploads.unwatch(self)
            if self._connection is not None:
                self._connection.work()

    def _check_length(self, limit: int) -> None:
        declared = next((value for name, value in self._headers if name == b"content-length"), b"")
        if not declared.isdigit() or len(declared) > 18:  # noqa: PLR2004 - the server refuses what is none
            return
        if int(declared) > limit:
            raise too_large(limit)
        if int(declared) > UNCOUNTED:
            self._uploads.check_room(int(declared), self._owner)


async def take_body(body: Body, headers: Headers, *, owner: str = "", limit: int | None = None) -> bytes:
    """The whole body, its content encodings undone, at most `limit` bytes (by default `max_body_mb`).

    Raises:
        TooLarge: the body is larger, as sent or once decoded.
        Overloaded: it has no room beside the bodies in flight.
        BadRequest: it ended early, was too slow, or its encoding is unknown or broken.
    """
    limit = body.limit if limit is None else limit
    encodings = [value for name, value in headers if name == "content-encoding"]
    sent = await body.read(limit, owner)
    if not encodings:
        return sent
    try:
        plain = decode(sent, ",".join(encodings), limit)
    except Oversized as error:
        raise too_large(limit) from error
    if plain is not sent:
        body.count(len(plain))
    return plain


def too_large(limit: int) -> TooLarge:
    """Word the refusal of a body over `limit` bytes."""
    return TooLarge(
        f"the body is larger than {limit // MEGABYTE} MB; raise `max_body_mb` (TURNOUT_MAX_BODY_MB) for it"
    )
