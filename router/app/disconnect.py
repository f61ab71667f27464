"""Notice that a client has hung up, while something else is under way.

Under ASGI a hang-up is only told to whoever waits in `receive`; a block that runs
under `cancel_on_hangup` is cancelled when that happens, so that an upstream
connection or an engine slot is freed at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any

LOOK_AFTER_S = 0.05
"""A hang-up before that is noticed then: it stays to be received."""

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@asynccontextmanager
async def cancel_on_hangup(receive: Receive) -> AsyncIterator[None]:
    """Cancel the enclosed block when the client goes; ends quietly if that is what happened."""
    block = asyncio.current_task()
    assert block is not None  # noqa: S101 - for the type checker: a coroutine always runs in a task
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        block.cancel()

    watcher: asyncio.Task[None] | None = None

    def begin() -> None:
        nonlocal watcher
        watcher = asyncio.ensure_future(watch())

    # Most answers are complete before anyone could hang up, and a task costs more than a timer.
    timer = asyncio.get_running_loop().call_later(LOOK_AFTER_S, begin)
    try:
        yield
    except asyncio.CancelledError:
        if not gone or block.uncancel() > 0:
            raise
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
