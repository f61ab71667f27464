"""Whoever wants to know of requests as they begin and end: metrics, traces. Two rules hold here.

1. The ledger comes first; nobody who watches can keep a row from being written.
2. A watcher that fails is said in the log and changes nothing for the client.
"""

from collections.abc import Sequence
from typing import Protocol

import structlog

from router.types import Ledger, Outcome, Plan

log = structlog.get_logger(__name__)


class Watcher(Protocol):
    """Is told on the event loop, between a client and its answer: it must take microseconds."""

    def began(self, plan: Plan) -> None:
        """Take note that a request is under way."""
        ...

    def finished(self, plan: Plan, outcome: Outcome) -> None:
        """Take note of how it ended."""
        ...


class Watched:
    """A ledger with watchers. Implements `router.types.Ledger`."""

    def __init__(self, ledger: Ledger, watchers: Sequence[Watcher]) -> None:
        """Take the ledger that is told first."""
        self._ledger = ledger
        self._watchers = tuple(watchers)
        self._plans: dict[str, Plan] = {}

    def begin(self, plan: Plan) -> None:
        """Write the row, then tell."""
        self._ledger.begin(plan)
        self._plans[plan.request.id] = plan
        for watcher in self._watchers:
            try:
                watcher.began(plan)
            except Exception:  # whatever a watcher does, the request goes on
                log.exception("watcher failed")

    def finish(self, request_id: str, outcome: Outcome) -> None:
        """Complete the row, then tell."""
        self._ledger.finish(request_id, outcome)
        plan = self._plans.pop(request_id, None)
        if plan is None:
            return
        for watcher in self._watchers:
            try:
                watcher.finished(plan, outcome)
            except Exception:  # as above
                log.exception("watcher failed")
