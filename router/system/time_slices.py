"""Long work in turns: a generator that pauses every few milliseconds, so that others are served in between.

It does not know who drives it: `finish` does all of it at once, `router.system.pacing` one turn after
another on the event loop. A single call that takes long, and no pause divides, is made `Apart`.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

TURN_S = 0.004
"""How long one turn takes, in seconds."""
MANY = 2_000
"""Cheap steps, of about a microsecond, done between two looks at the clock."""


class Apart(NamedTuple):
    """A call to be made where it stops nobody; its result is sent back."""

    function: Callable[..., Any]
    """Of a module, without side effects."""
    arguments: tuple[Any, ...]


Turns = Generator[Apart | None, Any, T]


LARGE = 128 << 10
"""Bytes of a piece above which it is read apart: one call on it may take longer than a turn."""


def apart_if_large(size: int, function: Callable[..., T], *arguments: Any) -> Turns[T]:
    """Make a call on `size` bytes, apart where they are many."""
    if size <= LARGE:
        return function(*arguments)
    return (yield Apart(function, arguments))  # type: ignore[no-any-return]


class Pace:
    """Knows when a turn is over."""

    def __init__(self) -> None:
        """A turn begins."""
        self._until = perf_counter() + TURN_S

    def pause(self) -> Turns[None]:
        """Pause if the turn is over."""
        if perf_counter() >= self._until:
            yield None
            self._until = perf_counter() + TURN_S

    def each(self, function: Callable[[list[Any]], Iterable[T]], items: Iterable[Any]) -> Turns[list[T]]:
        """Apply `function` to many items, some at a time; return all results in order."""
        results: list[T] = []
        for some in _some(list(items)):
            results.extend(function(some))
            yield from self.pause()
        return results


def _some(items: list[Any]) -> Iterator[list[Any]]:
    return (items[at : at + MANY] for at in range(0, len(items), MANY))


def finish(turns: Turns[T]) -> T:
    """Do all of it now."""
    result: Any = None
    try:
        while True:
            step = turns.send(result)
            result = step.function(*step.arguments) if step else None
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
