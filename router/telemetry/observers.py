"""The ledger, and observers of requests as they begin and end: metrics, traces. Two rules hold here.

1. The ledger comes first: no observer can keep a row from being written.
2. An observer that fails is logged, and changes nothing for the client.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from router.types import Ledger, Outcome, Plan

log = structlog.get_logger(__name__)


class Observer(Protocol):
    """Called on the event loop, between a client and its answer: it must take microseconds."""

    def began(self, plan: Plan) -> None:
        """A request was decided on and is under way."""
        ...

    def finished(self, plan: Plan, outcome: Outcome) -> None:
        """The request ended with `outcome`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlightRequest:
    """A request between its decision and its end."""

    plan: Plan
    begun_at: float
    """Seconds since the epoch."""


class ObservedLedger:
    """A ledger with observers; knows what is in flight. Implements `router.types.Ledger`."""

    def __init__(self, ledger: Ledger, observers: Sequence[Observer] = ()) -> None:
        self._ledger = ledger
        self._observers = tuple(observers)
        self._in_flight: dict[str, InFlightRequest] = {}

    def begin(self, plan: Plan) -> None:
        """Write the row, then call the observers."""
        self._ledger.begin(plan)
        self._in_flight[plan.request.id] = InFlightRequest(plan=plan, begun_at=time.time())
        for observer in self._observers:
            try:
                observer.began(plan)
            except Exception:  # whatever an observer does, the request goes on
                log.exception("observer failed")

    def move(self, request_id: str) -> None:
        """Note in the ledger that a request goes on to the cloud."""
        self._ledger.move(request_id)

    def finish(self, request_id: str, outcome: Outcome) -> None:
        """Complete the row, then call the observers."""
        self._ledger.finish(request_id, outcome)
        request = self._in_flight.pop(request_id, None)
        if request is None:
            return
        for observer in self._observers:
            try:
                observer.finished(request.plan, outcome)
            except Exception:  # as above
                log.exception("observer failed")

    def in_flight(self) -> list[InFlightRequest]:
        """List the requests under way, the oldest first; callable from any thread."""
        return sorted(self._in_flight.copy().values(), key=lambda request: request.begun_at)
