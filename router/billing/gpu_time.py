"""How long the local model worked, and for whom. One rule: a second is counted once.

A request's share is the integral of 1 / n over the time it was there, n being how many were:
answers computed side by side share each second, so all shares add up to the time in which
anything was asked of the model. Waiting in its queue counts as being there; what that time
costs is then shared by the requests that wait or are served.
"""

import time
from collections.abc import Callable


class WorkTime:
    """A clock that runs n times slower while n requests are there. Used on one thread."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        """Take the clock, in seconds."""
        self._now = now
        self._moved = now()
        self._there = 0
        self._share = 0.0
        self._busy_s = 0.0

    @property
    def busy_s(self) -> float:
        """Seconds in which at least one request was there."""
        self._move()
        return self._busy_s

    def begin(self) -> float:
        """Count one more; returns the mark that `end` takes."""
        self._move()
        self._there += 1
        return self._share

    def end(self, mark: float) -> float:
        """Count one less; returns its share in seconds."""
        self._move()
        self._there -= 1
        return self._share - mark

    def _move(self) -> None:
        now = self._now()
        if self._there:
            passed = now - self._moved
            self._share += passed / self._there
            self._busy_s += passed
        self._moved = now
