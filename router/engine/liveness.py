"""Whether the engine's process works or hangs: stopped, swapped out for good, or stuck in a driver.

It answers health checks from a thread of its own while the model computes, so silence means that all
of it stands still; a batch takes about a second, so a count of batches that stays the same while there
is work means that the model does. A long prompt is many batches and is never taken for a hang.
"""

from dataclasses import dataclass

CHECK_S = 1.0
"""Seconds between two health checks."""
SILENT_CHECKS, SILENT_S = 5, 10.0
"""So many checks in a row without an answer, over at least so many seconds, are a hang.

Not time alone: after the endpoint itself was stopped, much time has passed and only one check failed.
"""
STUCK_CHECKS, STUCK_S = 60, 120.0
"""The same for checks at which a busy engine had computed nothing since the last one."""
START_SILENCE_S = 60.0
"""Seconds that a starting engine may be silent."""


@dataclass(slots=True)
class _Streak:
    """Checks in a row with the same result."""

    checks: int = 0
    since: float = 0.0

    def extend(self, now: float) -> None:
        self.since = self.since if self.checks else now
        self.checks += 1

    def reached(self, checks: int, seconds: float, now: float) -> bool:
        return self.checks >= checks and now - self.since >= seconds


class Liveness:
    """Decides from health checks whether one process hangs."""

    def __init__(self) -> None:
        self._silent = _Streak()
        self._stuck = _Streak()
        self._steps = -1

    def observe(self, steps: int | None, *, busy: bool, now: float) -> str:
        """Take the result of one health check.

        Args:
            steps: Batches computed since the process started; None where it did not answer.
            busy: Whether it had work when it last answered.
            now: Seconds on a clock that never goes back.

        Returns:
            Why it hangs, for a person; empty while it works.
        """
        if steps is None:
            self._silent.extend(now)
            if self._silent.reached(SILENT_CHECKS, SILENT_S, now):
                return f"it answered no health check for {now - self._silent.since:.0f} s and was ended"
            return ""
        self._silent = _Streak()
        if busy and steps == self._steps:
            self._stuck.extend(now)
        else:
            self._stuck = _Streak()
        self._steps = steps
        if self._stuck.reached(STUCK_CHECKS, STUCK_S, now):
            return f"it computed nothing for {now - self._stuck.since:.0f} s, with work to do, and was ended"
        return ""
