"""Whether an upstream seems alive, judged by how the last requests went.

Only the upstream's own failures count: no connection, a 5xx. One client's 4xx, or a
rate limit that belongs to one key, never makes another client wait.
"""

import time
from collections.abc import Callable

FAILURES = 3
"""In a row, until an upstream counts as down."""
WITHIN_S = 30.0
"""Failures further apart than this are not a row."""
DOWN_S = 10.0
"""After the last failure; then the next request is the probe."""


class Pulse:
    """Down for a short while after several failures in a row."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._last = float("-inf")

    @property
    def up(self) -> bool:
        """False from the third failure in a row until `DOWN_S` after the last one."""
        return self._failures < FAILURES or self._clock() - self._last >= DOWN_S

    def beat(self) -> None:
        """The upstream answered."""
        self._failures = 0

    def miss(self) -> None:
        """The upstream failed."""
        now = self._clock()
        self._failures = self._failures + 1 if now - self._last <= WITHIN_S else 1
        self._last = now
