"""Budgets: reserved before a request goes out, settled with its bill. Four rules hold here.

1. What was spent is what the ledger's rows say: `spending` grows in the transaction that
   bills a row, once for each row, whoever posts it.
2. A process allocates money in the database a piece at a time, and reserves from that piece
   in memory: most requests wait for no database. Nobody can allocate what others have.
3. Money leaves an allocation in the transaction in which it becomes spent, so that
   anyone, at any moment, counts every dollar once.
4. The allocations of a process lapse soon after its end. What it spent is in its journal, and
   is posted by whoever opens the ledger next.
"""

import asyncio
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
import structlog

from router.accounts.periods import Span, span
from router.accounts.teams import BudgetLimit, Period
from router.billing.bill import BilledRequest
from router.ledger.database import BUSY_S, writing
from router.ledger.tables import INSERT, reservations, spending

log = structlog.get_logger(__name__)

QUARTER_S = 900
"""Spending is summed by quarters of an hour."""
SHARE = 0.1
"""Of what is left, allocated at once; the next hundred requests or so then need no database."""
LAPSE_S = 30.0
"""How long an allocation outlives its process."""
IDLE_S = 5.0
"""An allocation that nobody reserved from for so long is given back, for other processes."""
FORGET_S = 60.0
PATIENCE_S = 2.0
"""How long a request waits for the database; after that, what is left of its budget is unknown."""
THREADS = 2
"""For requests that wait: a database that does not answer must not take the threads of others."""
EXPIRE_S = 6 * 3600.0
"""How long a reservation waits for its bill: longer than any request. It is for rows that got lost."""
FRESH_S = 1.0
"""A reading of the database that is younger is trusted when it says that there is too little."""
ROUNDING_USD = 1e-9
"""By how much sums of floating-point numbers may be off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsufficientBudget:
    """A budget with less left than a request may cost."""

    limit: BudgetLimit
    left_usd: float | None
    """None where the ledger did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What was spent of a budget in one period."""

    since: float
    until: float
    limit_usd: float
    spent_usd: float


@dataclass(slots=True, kw_only=True)
class Allocation:
    """What this process may spend under one limit, in one period, without the database."""

    limit: str
    """`BudgetLimit.name`."""
    scope: str
    span: Span
    limit_usd: float
    usd: float = 0.0
    """As the database has it."""
    used_usd: float = 0.0
    """Of it, what is reserved for requests that are under way or not yet posted."""
    committed_usd: float = 0.0
    """What all processes together had spent or allocated at `checked_at`."""
    checked_at: float = 0.0
    """0: never."""
    expires_at: float = 0.0
    used_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def free(self, now: float) -> float:
        """Dollars that may be reserved without the database."""
        return self.usd - self.used_usd if now < self.expires_at else 0.0

    def remaining(self, now: float) -> float:
        """Dollars that may still be reserved, by what this process knows."""
        return self.free(now) + self.limit_usd - self.committed_usd


@dataclass(frozen=True, slots=True)
class _Reservation:
    allocations: tuple[Allocation, ...]
    usd: float
    at: float


def _adding(table: sa.Table, keys: tuple[str, ...], also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Insert, or add `usd` to the row with these keys; by dialect."""
    statements = {}
    for dialect, insert in INSERT.items():
        row = insert(table)
        sums = {"usd": table.c.usd + row.excluded.usd} | {column: row.excluded[column] for column in also}
        statements[dialect] = row.on_conflict_do_update(index_elements=keys, set_=sums)
    return statements


_spend = _adding(spending, ("scope", "at"))
_allocate = _adding(reservations, ("holder", "cap", "since"), ("expires_at",))
_own = (
    reservations.c.holder == sa.bindparam("of_holder"),
    reservations.c.cap == sa.bindparam("of_cap"),
    reservations.c.since == sa.bindparam("of_since"),
)
_consume = (
    sa.update(reservations)
    .where(*_own)
    .values(
        usd=sa.case(
            (reservations.c.usd > sa.bindparam("used"), reservations.c.usd - sa.bindparam("used")), else_=0.0
        )
    )
)
_delete = sa.delete(reservations).where(*_own)
_delete_lapsed = sa.delete(reservations).where(reservations.c.expires_at < sa.bindparam("before"))
_spent = sa.select(sa.func.coalesce(sa.func.sum(spending.c.usd), 0.0)).where(
    spending.c.scope == sa.bindparam("scope"),
    spending.c.at >= sa.bindparam("of_since"),
    spending.c.at < sa.bindparam("until"),
)
_committed = sa.select(  # one statement, so that it reads one moment
    _spent.scalar_subquery()
    + sa.select(sa.func.coalesce(sa.func.sum(reservations.c.usd), 0.0))
    .where(
        reservations.c.cap == sa.bindparam("of_cap"),
        reservations.c.since == sa.bindparam("of_since"),
        (reservations.c.expires_at > sa.bindparam("now"))
        | (reservations.c.holder == sa.bindparam("of_holder")),
    )
    .scalar_subquery()
)
_lock_limit = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(sa.bindparam("of_cap"))))


class Budgets:
    """What this process may spend. `charge` and `settle` are for whoever posts rows."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._holder = secrets.token_hex(8)
        self._allocations: dict[tuple[str, float], Allocation] = {}
        self._reservations: dict[str, _Reservation] = {}
        self._lost: deque[str] = deque()
        self._spans: dict[tuple[Period, str], Span] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="budgets")

    def remaining(self, limit: BudgetLimit) -> float:
        """Return the dollars left, by what this process knows; infinite where it never read the ledger."""
        now = time.time()
        allocation = self._allocation(limit, now)
        return allocation.remaining(now) if allocation.checked_at else float("inf")

    async def reserve(
        self, request_id: str, limits: Sequence[BudgetLimit], usd: float
    ) -> InsufficientBudget | None:
        """Reserve `usd` under every one of `limits`, within `PATIENCE_S`.

        Returns:
            The budget that has too little, or that could not be read in time; nothing is reserved then.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while True:
            allocations = [self._allocation(limit, time.time()) for limit in limits]
            if self._take(request_id, allocations, usd):
                return None
            for limit, allocation in zip(limits, allocations, strict=True):
                try:
                    async with asyncio.timeout_at(deadline), allocation.lock:
                        insufficient = await self._ensure(limit, allocation, usd)
                except TimeoutError:  # what the thread still allocates is there for the next request
                    log.warning("budget_unknown", cap=limit.name, why=f"no answer within {PATIENCE_S:g} s")
                    insufficient = InsufficientBudget(limit=limit, left_usd=None)
                if insufficient:
                    return insufficient

    def release(self, request_id: str) -> None:
        """Forget a reservation that nothing will be billed for."""
        with self._lock:
            self._end_reservation(request_id, 0.0)

    def reserved(self, request_id: str) -> float:
        """Return how many dollars are reserved for a request; 0 where none are."""
        reservation = self._reservations.get(request_id)
        return reservation.usd if reservation else 0.0

    def forfeit(self, request_ids: Iterable[str]) -> list[BilledRequest]:
        """Bill requests whose row got lost with what was reserved for them.

        The caller charges and settles these, as any other bill.
        """
        forfeits = []
        for request_id in request_ids:
            reservation = self._reservations.get(request_id)
            if reservation is None:
                continue
            scopes = dict(allocation.scope.split(":", 1) for allocation in reservation.allocations)
            forfeits.append(
                BilledRequest(
                    id=request_id,
                    team=scopes.get("team", ""),
                    key_id=scopes.get("key", ""),
                    begun_at=reservation.at,
                    usd=reservation.usd,
                )
            )
        return forfeits

    def mark_lost(self, request_id: str) -> None:
        """Note that a request's end could not be written down; `renew` charges what was reserved."""
        if request_id in self._reservations:
            self._lost.append(request_id)

    def charge(self, connection: sa.Connection, billed: Iterable[BilledRequest]) -> None:
        """Write down what was spent, in the transaction that bills it."""
        by_scope: dict[tuple[str, int], float] = defaultdict(float)
        by_allocation: dict[tuple[str, float], float] = defaultdict(float)
        for request in billed:
            if not request.usd:
                continue
            at = int(request.begun_at // QUARTER_S) * QUARTER_S
            for kind, name in (("team", request.team), ("key", request.key_id)):
                if name:
                    by_scope[f"{kind}:{name}", at] += request.usd
            reservation = self._reservations.get(request.id)
            for allocation in reservation.allocations if reservation else ():
                by_allocation[allocation.limit, allocation.span.since] += request.usd
        if by_scope:  # in order: two who post at once must not wait for each other
            sums = [{"scope": scope, "at": at, "usd": usd} for (scope, at), usd in sorted(by_scope.items())]
            connection.execute(_spend[connection.dialect.name], sums)
        if by_allocation:
            uses = sorted(by_allocation.items())
            rows = [self._bind(limit, since) | {"used": usd} for (limit, since), usd in uses]
            connection.execute(_consume, rows)

    def settle(self, billed: Iterable[BilledRequest]) -> None:
        """End the reservations of requests that are billed and committed."""
        with self._lock:
            for request in billed:
                self._end_reservation(request.id, request.usd)

    def balance(self, limit: BudgetLimit, now: float | None = None) -> Balance:
        """Sum up what was spent in the period that `now` lies in, as the database has it."""
        period = span(limit.budget.per, limit.zone, time.time() if now is None else now)
        params = {"scope": limit.scope, "of_since": period.since, "until": period.until}
        with self._engine.connect() as connection:
            spent_usd = float(connection.execute(_spent, params).scalar_one())
        return Balance(
            since=period.since, until=period.until, limit_usd=limit.budget.usd, spent_usd=spent_usd
        )

    def renew(self) -> None:
        """Prolong allocations in use, give back idle ones, and read how much is left. May block."""
        now = time.time()
        self._charge_lost()
        for request_id, reservation in list(self._reservations.items()):
            if now - reservation.at > EXPIRE_S:
                self.release(request_id)
        for key, allocation in list(self._allocations.items()):
            idle_s = now - allocation.used_at
            if idle_s > FORGET_S and allocation.used_usd < ROUNDING_USD:
                self._allocations.pop(key, None)
                self._give_back(allocation)
            elif idle_s > IDLE_S and allocation.free(now) > ROUNDING_USD:
                self._resize(allocation, lambda _room: float("-inf"))
            elif now > allocation.expires_at - LAPSE_S / 2:
                self._resize(allocation, lambda _room: 0.0)
            else:
                with self._engine.connect() as connection:
                    self._read_room(connection, allocation)

    def close(self) -> None:
        """Give all allocations back."""
        self._threads.shutdown(cancel_futures=True)
        for allocation in self._allocations.values():
            self._give_back(allocation)
        self._allocations.clear()

    def _charge_lost(self) -> None:
        lost = [self._lost.popleft() for _ in range(len(self._lost))]
        forfeits = self.forfeit(lost)
        if not forfeits:
            return
        try:
            with writing(self._engine) as connection:
                self.charge(connection, forfeits)
        except BaseException:
            self._lost.extend(lost)
            raise
        self.settle(forfeits)

    async def _ensure(
        self, limit: BudgetLimit, allocation: Allocation, usd: float
    ) -> InsufficientBudget | None:
        """Allocate more where less than `usd` is free."""
        now = time.time()
        if now - allocation.checked_at < FRESH_S and allocation.remaining(now) + ROUNDING_USD < usd:
            return InsufficientBudget(limit=limit, left_usd=max(allocation.remaining(now), 0.0))

        def more(room: float) -> float:
            need = usd - allocation.free(time.time())
            return min(room, max(need, SHARE * room)) if room + ROUNDING_USD >= need else 0.0

        if allocation.free(now) + ROUNDING_USD < usd:
            try:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._threads, self._resize, allocation, more, PATIENCE_S)
            except sa.exc.SQLAlchemyError as error:
                log.warning("budget_unknown", cap=limit.name, why=type(error).__name__)
                return InsufficientBudget(limit=limit, left_usd=None)
        now = time.time()
        if allocation.free(now) + ROUNDING_USD < usd:
            return InsufficientBudget(limit=limit, left_usd=max(allocation.remaining(now), 0.0))
        return None

    def _resize(
        self, allocation: Allocation, wish: Callable[[float], float], patience_s: float = BUSY_S
    ) -> None:
        """Change an allocation by what `wish` says of the room there is, and prolong it."""
        with writing(self._engine, patience_s) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_lock_limit, {"of_cap": allocation.limit})
            room = self._read_room(connection, allocation)
            now = time.time()
            with self._lock:  # what is given back is out of reach before anyone else can have it
                unused = min(allocation.used_usd - allocation.usd, 0.0)
                change = max(min(wish(room), max(room, 0.0)), unused)
                if room < 0:  # it had lapsed, and others have it now
                    change = max(room, unused)
                allocation.usd += min(change, 0.0)
            row = self._bind(allocation.limit, allocation.span.since)
            values = {"usd": change, "expires_at": now + LAPSE_S}
            connection.execute(
                _allocate[connection.dialect.name],
                {name.removeprefix("of_"): value for name, value in row.items()} | values,
            )
            connection.execute(_delete_lapsed, {"before": now - FORGET_S * FORGET_S})
        with self._lock:
            allocation.usd += max(change, 0.0)
            allocation.committed_usd += change
            allocation.expires_at = now + LAPSE_S

    def _read_room(self, connection: sa.Connection, allocation: Allocation) -> float:
        """Read how many dollars nobody has spent or allocated; below 0 where there are too few."""
        now = time.time()
        params = {"scope": allocation.scope, "until": allocation.span.until, "now": now}
        committed = connection.execute(
            _committed, self._bind(allocation.limit, allocation.span.since) | params
        )
        allocation.committed_usd, allocation.checked_at = float(committed.scalar_one()), now
        return allocation.limit_usd - allocation.committed_usd

    def _give_back(self, allocation: Allocation) -> None:
        with self._engine.begin() as connection:
            connection.execute(_delete, self._bind(allocation.limit, allocation.span.since))

    def _take(self, request_id: str, allocations: Sequence[Allocation], usd: float) -> bool:
        now = time.time()
        with self._lock:
            if any(allocation.free(now) + ROUNDING_USD < usd for allocation in allocations):
                return False
            for allocation in allocations:
                allocation.used_usd += usd
            self._reservations[request_id] = _Reservation(tuple(allocations), usd, now)
        return True

    def _end_reservation(self, request_id: str, spent_usd: float) -> None:
        reservation = self._reservations.pop(request_id, None)
        if reservation is None:
            return
        for allocation in reservation.allocations:
            allocation.used_usd = max(allocation.used_usd - reservation.usd, 0.0)
            allocation.usd = max(allocation.usd - spent_usd, 0.0)

    def _allocation(self, limit: BudgetLimit, now: float) -> Allocation:
        """Look up or begin the allocation of the period that `now` lies in."""
        period = self._spans.get((limit.budget.per, limit.zone))
        if period is None or not period.since <= now < period.until:
            period = self._spans[limit.budget.per, limit.zone] = span(limit.budget.per, limit.zone, now)
        allocation = self._allocations.get((limit.name, period.since))
        if allocation is None:
            allocation = Allocation(
                limit=limit.name, scope=limit.scope, span=period, limit_usd=limit.budget.usd
            )
            self._allocations[limit.name, period.since] = allocation
        allocation.limit_usd, allocation.used_at = limit.budget.usd, now
        return allocation

    def _bind(self, limit: str, since: float) -> dict[str, str | float]:
        return {"of_holder": self._holder, "of_cap": limit, "of_since": since}
