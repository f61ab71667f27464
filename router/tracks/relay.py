"""An upstream's bytes on their way to the client, held until the first useful unit is there.

- What reads the upstream feeds the tap before a byte goes on.
- Closing the chunks closes the upstream connection at once, whether or not the first
  chunk was ever taken.
- An upstream that drops raises `ConnectionError`: whoever relays drops the client, too.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from router.types import Tap
from router.wire.translate_reply import ReplyStream


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
