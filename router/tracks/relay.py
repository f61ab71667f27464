"""An upstream's bytes on their way to the client, held until the first useful unit is there.

- What reads the upstream feeds the tap before a byte goes on.
- Closing the chunks closes the upstream connection at once, whether or not the first
  chunk was ever taken.
- An upstream that drops raises `ConnectionError`: whoever relays drops the client, too.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import aiohttp

from router.tracks.evidence import FINISHED
from router.types import Tap
from router.wire.translate_reply import ReplyStream

EVENT_STREAM = "text/event-stream"
TAIL = 8192
"""Bytes at a stream's end among which its finish reason is looked for: usage may come behind it."""
DONE = b"\n\ndata: [DONE]\n\n"


async def body_of(response: aiohttp.ClientResponse, tap: Tap) -> AsyncGenerator[bytes]:
    """The response's bytes exactly as they come.

    Raises:
        ConnectionError: the upstream dropped the connection before the body's end.
        TimeoutError: the whole took longer than its session allows.
    """
    try:
        async for chunk in response.content.iter_any():
            tap.feed(chunk)
            yield chunk
    except aiohttp.ClientError as dropped:
        raise ConnectionResetError("the upstream dropped the connection") from dropped
    finally:
        response.close()  # a complete body has given its connection back to the pool already


async def complete(source: AsyncGenerator[bytes], tap: Tap) -> AsyncGenerator[bytes]:
    """The same Chat Completions stream, which must end as its dialect says.

    One that gave its finish reason is complete: what some servers leave out behind it is added.

    Raises:
        ConnectionError: it ended before that.
    """
    tail = b""
    async with aclosing(source):
        async for chunk in source:
            tail = (tail + chunk)[-TAIL:]
            yield chunk
    if not tap.complete and not tap.error and FINISHED.search(tail):
        tap.feed(DONE)
        yield DONE
    if not tap.complete:
        raise ConnectionResetError(tap.error or "the upstream ended before its answer was complete")


async def tapped(source: AsyncGenerator[bytes], tap: Tap, upstream: Tap) -> AsyncGenerator[bytes]:
    """The same stream, read by `tap` as it passes; its usage is what `upstream` reported.

    A translation reports usage in any case, if need be its own count.
    """
    async with aclosing(source):
        async for chunk in source:
            tap.feed(chunk)
            tap.usage = upstream.usage
            yield chunk


async def first_unit(source: AsyncGenerator[bytes], tap: Tap) -> bytes:
    """Read until a useful unit has passed, an error was told or the reply ended."""
    held: list[bytes] = []
    async for chunk in source:
        held.append(chunk)
        if tap.started or tap.error:
            break
    return b"".join(held)


async def resume(held: bytes, source: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The chunks of a reply: what was held, then the rest as it comes."""
    chunks = _resumed(held, source)
    await anext(chunks)  # a generator that never started would skip its `finally`
    return chunks


async def _resumed(held: bytes, source: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        yield b""  # taken by `resume`
        if held:
            yield held
        async for chunk in source:
            yield chunk
    finally:
        await source.aclose()


async def turned(source: AsyncGenerator[bytes], stream: ReplyStream) -> AsyncGenerator[bytes]:
    """A Chat Completions stream as a Messages one.

    Raises:
        ConnectionError: the source ended before its answer was complete.
    """
    async with aclosing(source):
        async for chunk in source:
            if out := stream.feed(chunk):
                yield out
    if out := stream.end():
        yield out
    if not stream.complete:
        raise ConnectionResetError("the upstream ended before its answer was complete")


async def said(body: bytes) -> AsyncGenerator[bytes]:
    """The chunks of a reply that is there in full; nothing is open behind it."""
    yield body
