"""A streamed reply on its way to the client: read once, held back until its first useful unit is there.

    upstream's bytes ─ decoder ▶ events ─┬─ observer (usage, error, end)
                                         ├─ first unit: is there anything worth a client's while?
                                         └─ the same bytes, repaired bytes, or an encoder's

- Closing the chunks closes the upstream connection at once, whether or not the first one was ever taken.
- An upstream that drops, or falls silent, raises `ConnectionError`: whoever relays drops the client, too.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol

import aiohttp

from router.tracks.circuit_breaker import StreamHealth
from router.types import Headers
from router.wire.document_stream import is_document
from router.wire.events import UnreadableReply
from router.wire.usage_observer import UsageObserver

EVENT_STREAM = "text/event-stream"
JSON_HEADERS: Headers = (("content-type", "application/json"),)
AFTER_END_S = 5.0
"""How long a connection is waited for on which the reply is complete already."""


class StalledStream(ConnectionResetError):
    """The upstream sent nothing for longer than its limit allows."""


class Transform(Protocol):
    """Turns what the upstream sends into what the client reads."""

    observer: UsageObserver
    ready: bool
    """The first useful unit has come."""

    def feed(self, chunk: bytes) -> bytes:
        """Take the upstream's next bytes, cut anywhere; return the client's, maybe none.

        Raises:
            TrackError: nothing useful can come of this reply.
            UnreadableReply: the upstream does not speak its dialect.
        """
        ...

    def end(self) -> bytes:
        """Return what is still owed when the upstream's bytes have ended.

        Raises:
            ConnectionError: the reply was not complete.
        """
        ...


class StreamBody(ABC):
    """The bytes of a response; from `limit` on, a wait for them that takes too long breaks it.

    One timer for the stream, not one for each read. Only the time in which we wait for the upstream
    counts: a client that reads slowly is no fault of the upstream's.
    """

    def __init__(self, source: Callable[[], Awaitable[bytes]]) -> None:
        """Take what returns the next bytes, empty at the end."""
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._waiting = False
        self._asked_at = 0.0
        self._limit_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    @abstractmethod
    def response(self) -> aiohttp.ClientResponse | None:
        """What the bytes come over; None before it is there."""

    def limit(self, seconds: float) -> None:
        """Raise `StalledStream` from a read that waits longer."""
        self._limit_s = seconds
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._check)

    async def read(self) -> bytes:
        """Return the next bytes as they come; empty at the end.

        Raises:
            ConnectionError: the upstream dropped the connection before the body's end, or stalled.
            TimeoutError: the whole took longer than its session allows.
        """
        self._asked_at = self._loop.time()
        self._waiting = True
        try:
            chunk = await self._source()
        except aiohttp.ClientError as dropped:
            raise ConnectionResetError("the upstream dropped the connection") from dropped
        self._waiting = False
        return chunk

    def close(self) -> None:
        """Close the connection; a complete body has given it back to the pool already."""
        if self._timer is not None:
            self._timer.cancel()
        if self.response is not None:
            self.response.close()

    def _check(self) -> None:
        waited_s = self._loop.time() - self._asked_at if self._waiting else 0.0
        if waited_s < self._limit_s:
            self._timer = self._loop.call_later(self._limit_s - waited_s, self._check)
        elif self.response is not None:
            self.response.content.set_exception(
                StalledStream(f"the upstream sent nothing for {self._limit_s:g} s")
            )


class UpstreamBody(StreamBody):
    """The bytes as they come."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        closed: Callable[[], None] = lambda: None,
        *,
        stream_of: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """Take the response, whose head is here.

        Args:
            response: what is read.
            closed: called once nothing more is read of it.
            stream_of: puts a whole JSON document, sent where a stream was asked for, as that stream; None
                leaves it as it is.
        """
        super().__init__(self._begin if stream_of else response.content.readany)
        self._response = response
        self._closed = closed
        self._stream_of = stream_of

    @property
    def response(self) -> aiohttp.ClientResponse:
        """See `StreamBody`."""
        return self._response

    async def _begin(self) -> bytes:
        """Read up to where it shows whether this is a stream."""
        content, beginning = self._response.content, b""
        while not beginning.strip() and (chunk := await content.readany()):
            beginning += chunk
        self._source = content.readany
        if self._stream_of is None or not is_document(beginning):
            return beginning
        return self._stream_of(beginning + await content.read())

    def close(self) -> None:
        """See `StreamBody`."""
        super().close()
        self._closed()


async def open_stream(
    body: StreamBody, transform: Transform, *, stall_s: float, health: StreamHealth
) -> AsyncGenerator[bytes]:
    """Read a reply until its first useful unit, an error or its end; return its chunks for the client.

    What came of it so far is in `transform`. Whoever does not want the chunks closes them.

    Args:
        body: closed with the chunks.
        transform: makes the client's bytes.
        stall_s: seconds that the upstream may be silent from the first useful unit on.
        health: is told how it ended.

    Raises:
        ConnectionError: the upstream dropped the connection, or ended too early.
        TimeoutError: the whole took longer than its session allows.
        TrackError, UnreadableReply: see `Transform.feed`.
    """
    chunks = _chunks(body, transform, stall_s, health)
    await anext(chunks)  # a generator that never started would skip its `finally`
    return chunks


async def _chunks(
    body: StreamBody, transform: Transform, stall_s: float, health: StreamHealth
) -> AsyncGenerator[bytes]:
    observer = transform.observer
    try:
        buffered, ended = await _until_ready(body, transform)
        yield b""  # taken by `open_stream`
        body.limit(AFTER_END_S if observer.complete else stall_s)
        if buffered:
            yield buffered
        while not ended and (chunk := await body.read()):
            if text := transform.feed(chunk):
                yield text
            if observer.complete:
                body.limit(AFTER_END_S)
        if not ended and (text := transform.end()):
            yield text
        health.completed()
    except UnreadableReply as unreadable:
        if not transform.ready:
            raise
        raise ConnectionResetError(str(unreadable)) from unreadable
    except ConnectionError as broken:
        if observer.complete and transform.ready:
            health.completed()
            return  # the client has all of it
        if isinstance(broken, StalledStream):
            health.stalled()
        raise
    finally:
        body.close()


async def _until_ready(body: StreamBody, transform: Transform) -> tuple[bytes, bool]:
    """What was read until the first useful unit or an error came, and whether the reply ended before."""
    buffered: list[bytes] = []
    while not (transform.ready or transform.observer.error):
        if not (chunk := await body.read()):
            buffered.append(transform.end())
            return b"".join(buffered), True
        buffered.append(transform.feed(chunk))
    return b"".join(buffered), False


async def single_chunk(body: bytes) -> AsyncGenerator[bytes]:
    """The chunks of a reply that is there in full; nothing is open behind it."""
    yield body
