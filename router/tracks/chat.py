"""A Chat Completions stream put right on its way."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from router.wire.chat_calls import CallStream


async def repaired(source: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The stream as clients count on it; see `wire.chat_calls`."""
    calls = CallStream()
    async with aclosing(source):
        async for chunk in source:
            if out := calls.feed(chunk):
                yield out
    if end := calls.end():
        yield end
