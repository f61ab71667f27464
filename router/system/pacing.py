"""Drives long work in turns on the event loop; see `router.system.time_slices`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from router.system.time_slices import Turns

T = TypeVar("T")

LARGE = 1 << 20
"""Bytes of a body above which it is decoded apart: a megabyte of the worst JSON takes 25 ms."""


class Pacing:
    """Serves others between two turns; of several long bodies, one at a time takes turns with the rest."""

    def __init__(self, apart: Callable[..., Awaitable[Any]] | None = None) -> None:
        """Take who makes calls apart: awaited with a function and its arguments; None makes them here."""
        self._apart = apart or _here
        self._long = asyncio.Lock()

    async def call(self, size: int, function: Callable[..., T], *arguments: Any) -> T:
        """Make a call on `size` bytes: here, or apart where they are many."""
        if size <= LARGE:
            return function(*arguments)
        return await self._apart(function, *arguments)

    async def drive(self, turns: Turns[T]) -> T:
        """Do the work and return its result; what it raises is raised."""
        try:
            step = turns.send(None)
        except StopIteration as end:  # as nearly all of it: done in its first turn
            return end.value  # type: ignore[no-any-return]
        async with self._long:
            try:
                while True:
                    if step is None:
                        await asyncio.sleep(0)
                        step = turns.send(None)
                        continue
                    try:
                        result = await self._apart(step.function, *step.arguments)
                    except Exception as failure:
                        step = turns.throw(failure)
                    else:
                        step = turns.send(result)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            finally:
                turns.close()


async def _here(function: Callable[..., T], *arguments: Any) -> T:
    return function(*arguments)
