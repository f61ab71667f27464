"""How fast the model reads or writes, as it was measured lately, and as it is when nothing else runs."""

import math
from collections.abc import Callable

HALF_LIFE_S = 60.0
"""After so many seconds a measurement under load counts half, and what was measured when idle the rest."""
WEIGHT = 0.3
"""Of the newest measurement in a moving average."""


class Rate:
    """Tokens per second; 0 until measured.

    What was measured under load says little an hour later. So the current rate moves from the
    last measurements to the idle rate as time passes, also while nothing is served. It stays as
    it is where no idle rate is known.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock in seconds, of which only differences count."""
        self._clock = clock
        self._idle = self._recent = self._at = 0.0

    @property
    def current(self) -> float:
        """What is to be expected of the next batch."""
        return self._idle + (self._recent - self._idle) * self._left if self._idle else self._recent

    @property
    def _left(self) -> float:
        """How much the last measurements still count, from 1 to 0."""
        return math.exp2((self._at - self._clock()) / HALF_LIFE_S)

    def calibrate(self, rate: float) -> None:
        """Take what was measured before anything was served."""
        self._idle = self._recent = rate
        self._at = self._clock()

    def measure(self, rate: float, *, alone: bool) -> None:
        """Take a measurement; a better one, made while nothing else ran or waited, raises the idle rate."""
        # The older the last measurements are, the less they say beside a new one.
        earlier = (1 - WEIGHT) * self._left if self._recent else 0.0
        self._recent = rate + (self._recent - rate) * earlier
        self._at = self._clock()
        if alone and rate > self._idle:
            self._idle = average(self._idle, rate) if self._idle else rate


def average(mean: float, value: float) -> float:
    """Move a mean towards a new value."""
    return mean + WEIGHT * (value - mean)
