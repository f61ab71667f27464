"""Bounds on request bodies: their size, their pace, and the memory all of them may take.

Nothing is read before `Body.read` is called. So a request refused by its head costs no memory, and
`Expect: 100-continue` is answered only if the body is needed. `Body.drain` discards, within bounds,
what is still unread after the answer: a client that is still sending can then read it.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from time import monotonic
from typing import Self

from router.app.asgi_types import Message, Receive, Scope
from router.app.connections import LATE_S, PERIOD_S, BoundedProtocol
from router.errors import BadRequest, RequestTimeout, TooLarge, Unavailable
from router.settings import Settings
from router.types import Headers
from router.wire.encodings import Oversized, decode

UNCOUNTED_BYTES = 64 * 2**10
"""Bodies up to this size are not counted; about one read of a socket."""
MIN_BYTES_PER_S = 4 * 2**10
"""Average pace below which a body is refused."""
DRAIN_BYTES = 64 * 2**20
"""Most bytes discarded after an early answer."""
DRAIN_S = 5.0
"""Longest time to discard them."""
MEGABYTE = 2**20


class Overloaded(Unavailable):
    """Too many bytes are in flight."""

    record = "overloaded"
    retry_after = 2.0


class Uploads:
    """All bodies being read or held in memory.

    Bytes are counted as they arrive, not as declared: announcing much and sending little blocks
    nobody. One owner (a key, else an address) gets at most half of the memory.
    """

    def __init__(self, *, max_body: int, max_bytes: int, idle_s: float) -> None:
        """Limit each body to `max_body` bytes, all to `max_bytes`, and pauses to `idle_s` seconds."""
        self.max_body = max_body
        self.in_use = 0
        """Bytes held by requests in flight."""
        self._max_bytes = max_bytes
        self._idle_s = idle_s
        self._owners: Counter[str] = Counter()
        self._pending: set[Body] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._checked_at = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Apply `max_body_mb`, `max_bodies_mb` and `timeouts.body_s`."""
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
        """Check that `size` more bytes fit.

        Raises:
            Overloaded: they exceed the total or the owner's share.
        """
        if self.in_use + size > self._max_bytes:
            raise Overloaded("too many large bodies are in flight; try again, or raise `max_bodies_mb`")
        if self._owners[owner] + size > max(self._max_bytes // 2, self.max_body):
            raise Overloaded("too many large bodies of yours are in flight; try again when one is answered")

    def reserve(self, size: int, owner: str) -> None:
        """Count `size` more bytes.

        Raises:
            Overloaded: they exceed the total or the owner's share.
        """
        self.check_room(size, owner)
        self.in_use += size
        self._owners[owner] += size

    def release_bytes(self, size: int, owner: str) -> None:
        """Release bytes that `reserve` counted."""
        self.in_use -= size
        self._owners[owner] -= size
        if not self._owners[owner]:
            del self._owners[owner]

    def watch(self, body: "Body") -> None:
        """Cancel `body` once it is too slow, until `unwatch`."""
        self._pending.add(body)
        if self._timer is None:
            self._timer = self._schedule_check()

    def unwatch(self, body: "Body") -> None:
        """Stop checking the pace of `body`."""
        self._pending.discard(body)

    def _end_slow(self) -> None:
        # One timer for all bodies: most are complete before it fires, and a timer each would cost more.
        now = monotonic()
        if now - self._checked_at < LATE_S:
            for body in self._pending:
                body.end_if_slow(now, self._idle_s)
        self._timer = self._schedule_check() if self._pending else None

    def _schedule_check(self) -> asyncio.TimerHandle:
        self._checked_at = monotonic()
        return asyncio.get_running_loop().call_later(PERIOD_S, self._end_slow)


class Body:
    """The body of one request, read on demand."""

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
        self._reader: asyncio.Task[object] | None = None
        self._slow = False

    @property
    def complete(self) -> bool:
        """Whether it was received in full, or there is none."""
        if not self._complete and not self._size:
            fields = dict(self._headers)
            self._complete = (
                fields.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in fields
            )
        return self._complete

    @property
    def limit(self) -> int:
        """Largest allowed size in bytes."""
        return self._uploads.max_body

    async def read(self, limit: int, owner: str = "") -> bytes:
        """Return the bytes as sent, at most `limit`, counted towards `owner`.

        Raises:
            TooLarge: there are more, or the head declares more.
            Overloaded: they do not fit beside the bodies in flight.
            RequestTimeout: the body was too slow.
            BadRequest: the connection closed.
        """
        self._owner = owner
        self._check_length(limit)
        message = await self._next()
        if not message.get("more_body", False) and len(message.get("body", b"")) <= min(
            UNCOUNTED_BYTES, limit
        ):
            return bytes(message.get("body", b""))
        chunks: list[bytes] = []
        while True:
            chunk: bytes = message.get("body", b"")
            if self._size > limit:
                raise too_large(limit)
            self.count(len(chunk))
            chunks.append(chunk)
            if self._complete:
                return await _joined(chunks, self._size)
            message = await self._next()

    def mark_authenticated(self) -> None:
        """Mark the connection as authenticated, since the request's head was accepted."""
        if self._connection is not None:
            self._connection.authenticated = True

    def count(self, size: int) -> None:
        """Count `size` more bytes held for this request.

        Raises:
            Overloaded: they exceed the total or the owner's share.
        """
        self._uploads.reserve(size, self._owner)
        self._counted += size

    def release(self) -> None:
        """Release all bytes of this request; call it when the answer is complete."""
        if self._counted:
            self._uploads.release_bytes(self._counted, self._owner)
            self._counted = 0

    async def drain(self) -> None:
        """Discard what still arrives, so that the client can read the answer already sent."""
        if self.complete or self._slow:
            return
        if self._connection is not None:
            self._connection.mark_idle()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                end = self._size + DRAIN_BYTES
                while not self.complete and self._size < end:
                    await self.receive()

    async def receive(self) -> Message:
        """ASGI's `receive`, which also counts bytes and notes the end."""
        message = await self._receive()
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        return message

    def end_if_slow(self, now: float, idle_s: float) -> None:
        """Cancel reading if nothing came for `idle_s`, or the average is below `MIN_BYTES_PER_S`."""
        allowed_s = idle_s + self._size / MIN_BYTES_PER_S
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
            self._connection.mark_idle()
        try:
            return await self.receive()
        except asyncio.CancelledError:
            if not self._slow or (self._reader is not None and self._reader.uncancel() > 0):
                raise
            raise RequestTimeout(
                "the body came too slowly; send it faster, or raise `timeouts.body_s`"
            ) from None
        finally:
            self._uploads.unwatch(self)
            if self._connection is not None:
                self._connection.mark_busy()

    def _check_length(self, limit: int) -> None:
        declared = next((value for name, value in self._headers if name == b"content-length"), b"")
        if not declared.isdigit() or len(declared) > 18:  # noqa: PLR2004 - the server refuses what is none
            return
        if int(declared) > limit:
            raise too_large(limit)
        if int(declared) > UNCOUNTED_BYTES:
            self._uploads.check_room(int(declared), self._owner)


async def _joined(chunks: list[bytes], size: int) -> bytes:
    """All chunks in one; many bytes are joined in a thread, which leaves the interpreter free meanwhile."""
    if size <= MEGABYTE:
        return b"".join(chunks)
    return await asyncio.to_thread(b"".join, chunks)


async def take_body(body: Body, headers: Headers, *, owner: str = "", limit: int | None = None) -> bytes:
    """The whole body, its content encodings undone, at most `limit` bytes (by default `max_body_mb`).

    Raises:
        TooLarge: the body is larger, as sent or once decoded.
        Overloaded: it does not fit beside the bodies in flight.
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
    """Build the error for a body over `limit` bytes."""
    return TooLarge(
        f"the body is larger than {limit // MEGABYTE} MB; raise `max_body_mb` (TURNOUT_MAX_BODY_MB) for it"
    )
