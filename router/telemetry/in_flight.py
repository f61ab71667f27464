"""What this process carries right now. Implements `router.telemetry.observers.Watcher`."""

import time
from dataclasses import dataclass

from router.types import Outcome, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One request under way."""

    plan: Plan
    begun_at: float
    """Seconds since the epoch."""


class Running:
    """Requests between their decision and their end."""

    def __init__(self) -> None:
        self._carried: dict[str, Carried] = {}

    def began(self, plan: Plan) -> None:
        """Take note that a request is under way."""
        self._carried[plan.request.id] = Carried(plan=plan, begun_at=time.time())

    def finished(self, plan: Plan, outcome: Outcome) -> None:
        """Take note that it ended."""
        del outcome
        self._carried.pop(plan.request.id, None)

    def now(self) -> list[Carried]:
        """All that are under way, the oldest first; may be asked from any thread."""
        return sorted(self._carried.copy().values(), key=lambda one: one.begun_at)
