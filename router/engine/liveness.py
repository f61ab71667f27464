"""Whether the engine's process still works, or hangs: stopped, swapped out for good, or stuck in a driver.

It answers health checks from a thread of its own while the model computes, so silence means that all
of it stands still; a batch takes about a second, so a count of batches that stays the same while there
is work means that the model does. A long prompt is many batches and is never taken for a hang.
"""

from dataclasses import dataclass

LOOK_S = 1.0
"""Seconds between two looks."""
SILENT_LOOKS, SILENT_S = 5, 10.0
"""So many looks in a row without an answer, over at least so many seconds, are a hang.

Not time alone: after the endpoint itself was stopped, much time has passed and only one look failed.
"""
STUCK_LOOKS, STUCK_S = 60, 120.0
"""The same for looks at which a busy engine had computed nothing since the last."""
START_SILENCE_S = 60.0
"""How long a starting engine may show no sign of life."""


@dataclass(slots=True)
class _Run:
    """Looks in a row that were alike."""

    looks: int = 0
    since: float = 0.0

    def extend(self, now: float) -> None:
        self.since = self.since if self.looks else now
        self.looks += 1

    def reached(self, looks: int, seconds: float, now: float) -> bool:
        return self.looks >= looks and now - self.since >= seconds


class Liveness:
    """Judges one process from looks at it."""

    def __init__(self) -> None:
        self._silent = _Run()
        self._stuck = _Run()
        self._steps = -1

    def observe(self, steps: int | None, *, busy: bool, now: float) -> str:
        """Take a look in.

        Args:
            steps: Batches computed since the process started; None where it did not answer.
            busy: Whether it had work when it last answered.
            now: Seconds on a clock that never goes back.

        Returns:
            Why it hangs, for a person; empty while it works.
        """
        if steps is None:
            self._silent.extend(now)
            if self._silent.reached(SILENT_LOOKS, SILENT_S, now):
                return f"it answered no health check for {now - self._silent.since:.0f} s and was ended"
            return ""
        self._silent = _Run()
        if busy and steps == self._steps:
            self._stuck.extend(now)
        else:
            self._stuck = _Run()
        self._steps = steps
        if self._stuck.reached(STUCK_LOOKS, STUCK_S, now):
            return f"it computed nothing for {now - self._stuck.since:.0f} s, with work to do, and was ended"
        return ""
