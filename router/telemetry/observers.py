"""Observers of requests as they begin and end: metrics, traces. Two rules hold here.

1. The ledger comes first: no observer can keep a row from being written.
2. An observer that fails is logged, and changes nothing for the client.
"""

from collections.abc import Sequence
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


class ObservedLedger:
    """A ledger with observers. Implements `router.types.Ledger`."""

    def __init__(self, ledger: Ledger, observers: Sequence[Observer]) -> None:
        self._ledger = ledger
        self._observers = tuple(observers)
        self._plans: dict[str, Plan] = {}

    def begin(self, plan: Plan) -> None:
        """Write the row, then call the observers."""
        self._ledger.begin(plan)
        self._plans[plan.request.id] = plan
        for observer in self._observers:
            try:
                observer.began(plan)
            except Exception:  # whatever an observer does, the request goes on
                log.exception("observer failed")

    def finish(self, request_id: str, outcome: Outcome) -> None:
        """Complete the row, then call the observers."""
        self._ledger.finish(request_id, outcome)
        plan = self._plans.pop(request_id, None)
        if plan is None:
            return
        for observer in self._observers:
            try:
                observer.finished(plan, outcome)
            except Exception:  # as above
                log.exception("observer failed")
