"""The requests under way in this process. Implements `router.telemetry.observers.Observer`."""

import time
from dataclasses import dataclass

from router.types import Outcome, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlightRequest:
    """A request under way."""

    plan: Plan
    begun_at: float
    """Seconds since the epoch."""


class InFlight:
    """Requests between their decision and their end."""

    def __init__(self) -> None:
        self._requests: dict[str, InFlightRequest] = {}

    def began(self, plan: Plan) -> None:
        """Add a request."""
        self._requests[plan.request.id] = InFlightRequest(plan=plan, begun_at=time.time())

    def finished(self, plan: Plan, outcome: Outcome) -> None:
        """Remove a request."""
        del outcome
        self._requests.pop(plan.request.id, None)

    def list_requests(self) -> list[InFlightRequest]:
        """List the requests under way, the oldest first; callable from any thread."""
        return sorted(self._requests.copy().values(), key=lambda request: request.begun_at)
