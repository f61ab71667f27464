"""Long work in turns: a generator that pauses every few milliseconds, so that others are served in between.

It does not know who drives it: `finish` does all of it at once, `Pacing` one turn after another on the
event loop. A single call that takes long, and no pause divides, is made `Apart`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

TURN_S = 0.004
"""How long one turn takes, in seconds."""
MANY = 2_000
"""Cheap steps, of about a microsecond, between two pauses."""


class Apart(NamedTuple):
    """A call to be made where it stops nobody; its result is sent back."""

    function: Callable[..., Any]
    """Of a module, without side effects."""
    arguments: tuple[Any, ...]


class Aside(NamedTuple):
    """A call to be made in another thread, one at a time: it mostly leaves the interpreter free."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


Turns = Generator[Apart | Aside | None, Any, T]


LARGE_BODY = 1 << 20
"""Bytes of a body above which it is decoded apart: a megabyte of the worst JSON takes 25 ms."""
SMALL = 16 << 10
"""Bytes on which no work takes a turn."""
LARGE = 128 << 10
"""Bytes of a piece above which it is read apart: one call on it may take longer than a turn."""


def apart_if_large(size: int, function: Callable[..., T], *arguments: Any) -> Turns[T]:
    """Make a call on `size` bytes, apart where they are many."""
    if size <= LARGE:
        return function(*arguments)
    return (yield Apart(function, arguments))  # type: ignore[no-any-return]


Pauses = Iterable[None]
"""Iterated between two steps of a work, with `yield from`: pauses if the turn is over."""


def pauses_for(size: int) -> Pauses:
    """Make the pauses of work on `size` bytes. On few there are none, and nobody looks at the clock."""
    return _Pace() if size > SMALL else ()


class _Pace:
    """Pauses when a turn is over."""

    def __init__(self) -> None:
        self._until = perf_counter() + TURN_S

    def __iter__(self) -> Iterator[None]:
        if perf_counter() >= self._until:
            yield
            self._until = perf_counter() + TURN_S


def finish(turns: Turns[T]) -> T:
    """Do all of it now."""
    result: Any = None
    try:
        while True:
            step = turns.send(result)
            result = step.function(*step.arguments) if step else None
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


class Pacing:
    """Serves others between two turns; of several long bodies, one at a time takes turns with the rest."""

    def __init__(self, apart: Callable[..., Awaitable[Any]] | None = None) -> None:
        """Take who makes calls apart: awaited with a function and its arguments; None makes them here."""
        self._apart = apart or _here
        self._long = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aside")

    async def call(self, size: int, function: Callable[..., T], *arguments: Any) -> T:
        """Make a call on `size` bytes: here, or apart where they are many."""
        if size <= LARGE_BODY:
            return function(*arguments)
        return await self._apart(function, *arguments)

    async def drive(self, turns: Turns[T]) -> T:
        """Do the work and return its result; what it raises is raised."""
        try:
            step = turns.send(None)
            while isinstance(step, Aside):
                step = _resume(turns, *await self._outcome(step))
            async with self._long:
                while True:
                    step = _resume(turns, *await self._outcome(step))
        except StopIteration as end:  # nearly all of it is done in its first turn
            return end.value  # type: ignore[no-any-return]
        finally:
            turns.close()

    async def _outcome(self, step: Apart | Aside | None) -> tuple[Any, Exception | None]:
        """Do what a step asks for; return its result, or what it raised."""
        if step is None:
            await asyncio.sleep(0)
            return None, None
        try:
            if isinstance(step, Aside):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, step.function, *step.arguments), None
            return await self._apart(step.function, *step.arguments), None
        except Exception as failure:
            return None, failure


def _resume(turns: Turns[Any], result: Any, failure: Exception | None) -> Apart | Aside | None:
    return turns.throw(failure) if failure else turns.send(result)


async def _here(function: Callable[..., T], *arguments: Any) -> T:
    return function(*arguments)
