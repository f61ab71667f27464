"""Writes a line for each request that ended. Four rules hold here.

1. The event loop and the ledger's thread only put something into a queue: a terminal that is stopped
   (Ctrl-S) or a slow disk holds up neither an answer nor a bill.
2. A line waits for its bill, which the ledger makes a moment after the end; not for long.
3. Where more comes than can be written, lines are left out, and their number is told.
4. What is refused before it is decided on has a line, too, but no stranger can fill a log with those.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import structlog

from router.billing.bill import BilledRequest
from router.telemetry.request_line import RequestLine
from router.types import Outcome, Plan

PATIENCE_S = 3.0
"""How long a line waits for its bill."""
MOST_WAITING = 10_000
"""Entries in the queue; beyond it lines are left out."""
CLOSING_S = 2.0
REFUSALS, REFUSALS_S = 60, 60.0
"""So many lines of refusals in so many seconds."""
LONGEST_PATH = 80

log = structlog.get_logger("turnout")


class _Bill(NamedTuple):
    id: str
    cost_usd: float | None


class Refusal(NamedTuple):
    """A request that was refused before anything was decided; no row of the ledger has it."""

    id: str
    client: str
    """The user-agent, as it was sent."""
    method: str
    path: str
    status: int
    record: str
    """Why, in our words alone (`TurnoutError.record`)."""


class _LeftOut(NamedTuple):
    refusals: int


class _End(NamedTuple):
    """The queue's last entry."""


class RequestLog:
    """An observer of requests (`router.telemetry.observers.Observer`) with a thread that writes."""

    def __init__(self, write: Callable[[RequestLine], None]) -> None:
        """Take what writes a line; it may block, and is called on a thread of our own."""
        self._write = write
        self._entries: queue.SimpleQueue[RequestLine | _Bill | _LeftOut | _End] = queue.SimpleQueue()
        self._ended: dict[str, RequestLine] = {}
        self._bills: dict[str, _Bill] = {}
        self.left_out = 0
        """Lines that were not written."""
        self._refusals_since = 0.0
        self._refusals = 0
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def began(self, plan: Plan) -> None:
        """See `router.telemetry.observers.Observer`."""

    def finished(self, plan: Plan, outcome: Outcome) -> None:
        """See `router.telemetry.observers.Observer`."""
        if self._entries.qsize() > MOST_WAITING:
            self.left_out += 1
            return
        self._entries.put(line_of(plan, outcome, time.time()))

    def billed(self, bills: Sequence[BilledRequest]) -> None:
        """Take bills; on the ledger's thread."""
        if self._entries.qsize() <= MOST_WAITING:
            for request in bills:
                cost = request.bill.cost_usd if request.bill else None
                self._entries.put(_Bill(request.id, cost))

    def refused(self, refusal: Refusal) -> None:
        """Take a request that was refused; on the event loop."""
        now = time.monotonic()
        if now - self._refusals_since >= REFUSALS_S:
            if self._refusals > REFUSALS:
                self._entries.put(_LeftOut(self._refusals - REFUSALS))
            self._refusals_since, self._refusals = now, 0
        self._refusals += 1
        if self._refusals <= REFUSALS:
            self._entries.put(line_of_refusal(refusal, time.time()))

    def close(self) -> None:
        """Write what waits; give up on a terminal that takes nothing."""
        self._entries.put(_End())
        self._thread.join(CLOSING_S)

    def _run(self) -> None:
        while True:
            try:
                entry = self._entries.get(timeout=PATIENCE_S if self._ended else None)
            except queue.Empty:
                entry = None
            match entry:
                case RequestLine() if entry.asked:
                    self._write(entry)
                case _LeftOut():
                    log.warning("refused requests without a line of their own", number=entry.refusals)
                case RequestLine():
                    self._ended[entry.id] = entry
                    self._join(entry.id)
                case _Bill():
                    self._bills[entry.id] = entry
                    self._join(entry.id)
                    self._forget_bills()
                case _End():
                    self._write_late(0.0)
                    return
            self._write_late(PATIENCE_S)

    def _join(self, request_id: str) -> None:
        if request_id in self._ended and request_id in self._bills:
            line, bill = self._ended.pop(request_id), self._bills.pop(request_id)
            self._write(with_cost(line, bill.cost_usd))

    def _write_late(self, patience_s: float) -> None:
        """Write the lines whose bill is not to come, such as while the database is locked."""
        before = time.time() - patience_s
        while self._ended:
            request_id, line = next(iter(self._ended.items()))  # in the order of their ends
            if line.finished_at > before:
                return
            del self._ended[request_id]
            self._write(line)

    def _forget_bills(self) -> None:
        """Keep no bills of lines that were written without them."""
        while len(self._bills) > MOST_WAITING:
            del self._bills[next(iter(self._bills))]


def with_cost(line: RequestLine, cost_usd: float | None) -> RequestLine:
    """Put the cost into a line."""
    return replace(line, cost_usd=cost_usd)


def line_of_refusal(refusal: Refusal, now: float) -> RequestLine:
    """Make the line of a request that was refused before it was read."""
    path = refusal.path if len(refusal.path) <= LONGEST_PATH else f"{refusal.path[: LONGEST_PATH - 1]}…"
    return RequestLine(
        id=refusal.id,
        finished_at=now,
        client=refusal.client.partition("/")[0],
        kind="",
        track="",
        model="",
        rule="refused",
        input=0,
        output=0,
        first_byte_s=None,
        cost_usd=None,
        status=refusal.status,
        end="failed",
        error=refusal.record,
        asked=f"{refusal.method} {path}",
    )


def line_of(plan: Plan, outcome: Outcome, now: float) -> RequestLine:
    """Make the line of a request that ended, without its cost."""
    first = outcome.attempts[0] if outcome.attempts else None
    moved = first.cause if first and first.cause and first.track != outcome.track else outcome.moved
    return RequestLine(
        id=plan.request.id,
        finished_at=now,
        client=plan.features.client or plan.request.client,
        kind="count" if plan.request.operation == "count" else plan.kind,
        track=outcome.track,
        model=outcome.model,
        rule=plan.decision.rule,
        input=outcome.usage.prompt,
        output=outcome.usage.output,
        first_byte_s=outcome.first_byte_s,
        cost_usd=None,
        status=outcome.status,
        end=outcome.end,
        error=outcome.error.partition(": ")[0],
        moved=moved,
    )
