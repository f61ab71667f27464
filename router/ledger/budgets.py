"""Budgets: reserved before a request goes out, settled with its bill. Four rules hold here.

1. What was spent is what the ledger's rows say: `spending` grows in the transaction that
   bills a row, once for each row, whoever posts it.
2. A process sets money aside in the database a piece at a time, and reserves from that piece
   in memory: most requests wait for no database. Nobody can set aside what others have.
3. Money leaves what is set aside in the transaction in which it becomes spent, so that
   anyone, at any moment, finds every dollar once.
4. What a process set aside lapses soon after its end. What it spent is in its journal, and
   is posted by whoever opens the ledger next.
"""

import asyncio
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from router.accounts.periods import Span, span
from router.accounts.teams import Cap, Period
from router.billing.bill import Bill
from router.ledger.database import BUSY_S, writing
from router.ledger.tables import reservations, spending

log = structlog.get_logger(__name__)

QUARTER_S = 900
"""Spending is summed by quarters of an hour."""
SHARE = 0.1
"""Of what is left, set aside at once; the next hundred requests or so then ask nobody."""
LAPSE_S = 30.0
"""How long what was set aside outlives whoever holds it."""
IDLE_S = 5.0
"""What nobody reserved from for so long is given back, for other processes."""
FORGET_S = 60.0
PATIENCE_S = 2.0
"""How long a request waits for the database; after that, what is left of its budget is unknown."""
THREADS = 2
"""That ask for requests: a database that does not answer must not take the threads of others."""
EXPIRE_S = 6 * 3600.0
"""How long a reservation waits for its bill: longer than any request. It is for rows that got lost."""
FRESH_S = 1.0
"""A look at the database that is younger is believed when it says that there is too little."""
DUST = 1e-9
"""Dollars that sums of floating-point numbers may be off by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """One row's bill, as far as budgets go."""

    id: str
    team: str
    key_id: str
    begun_at: float
    usd: float
    """What providers billed: energy and wear of the own card are no part of a budget."""
    track: str = ""
    """Which served."""
    bill: Bill | None = None
    """The whole of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """There is too little left."""

    cap: Cap
    left_usd: float | None
    """None where the ledger could not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How a budget stands in its period."""

    since: float
    until: float
    limit_usd: float
    spent_usd: float


@dataclass(slots=True, kw_only=True)
class Pot:
    """What this process has set aside under one cap, in one period."""

    cap: str
    scope: str
    span: Span
    limit: float
    usd: float = 0.0
    """As the database has it."""
    used: float = 0.0
    """Of it, what requests have reserved that are under way or not yet posted."""
    committed: float = 0.0
    """What all processes had spent or set aside, together, when last looked."""
    looked_at: float = 0.0
    """0: never."""
    lapses_at: float = 0.0
    touched_at: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def free(self, now: float) -> float:
        """Dollars that may be reserved without asking."""
        return self.usd - self.used if now < self.lapses_at else 0.0

    def left(self, now: float) -> float:
        """Dollars that may still be reserved, as far as is known here."""
        return self.free(now) + self.limit - self.committed


@dataclass(frozen=True, slots=True)
class _Hold:
    pots: tuple[Pot, ...]
    usd: float
    at: float


_inserts: dict[str, Callable[[sa.Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _adding(table: sa.Table, keys: tuple[str, ...], also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Insert, or add `usd` to what is there, by dialect."""
    statements = {}
    for name, insert in _inserts.items():
        made = insert(table)
        over = {"usd": table.c.usd + made.excluded.usd} | {column: made.excluded[column] for column in also}
        statements[name] = made.on_conflict_do_update(index_elements=keys, set_=over)
    return statements


_spend = _adding(spending, ("scope", "at"))
_set_aside = _adding(reservations, ("holder", "cap", "since"), ("expires_at",))
_mine = (
    reservations.c.holder == sa.bindparam("of_holder"),
    reservations.c.cap == sa.bindparam("of_cap"),
    reservations.c.since == sa.bindparam("of_since"),
)
_use_up = (
    sa.update(reservations)
    .where(*_mine)
    .values(
        usd=sa.case(
            (reservations.c.usd > sa.bindparam("used"), reservations.c.usd - sa.bindparam("used")), else_=0.0
        )
    )
)
_give_up = sa.delete(reservations).where(*_mine)
_lapsed = sa.delete(reservations).where(reservations.c.expires_at < sa.bindparam("before"))
_spent = sa.select(sa.func.coalesce(sa.func.sum(spending.c.usd), 0.0)).where(
    spending.c.scope == sa.bindparam("scope"),
    spending.c.at >= sa.bindparam("of_since"),
    spending.c.at < sa.bindparam("until"),
)
_seen = sa.select(  # one statement, so that it sees one moment
    _spent.scalar_subquery().label("spent"),
    sa.select(sa.func.coalesce(sa.func.sum(reservations.c.usd), 0.0))
    .where(
        reservations.c.cap == sa.bindparam("of_cap"),
        reservations.c.since == sa.bindparam("of_since"),
        (reservations.c.expires_at > sa.bindparam("now"))
        | (reservations.c.holder == sa.bindparam("of_holder")),
    )
    .scalar_subquery()
    .label("aside"),
)
_one_at_a_time = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(sa.bindparam("of_cap"))))


class Budgets:
    """What this process may spend. `charge` and `settle` are for whoever posts rows."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._holder = secrets.token_hex(8)
        self._pots: dict[tuple[str, float], Pot] = {}
        self._holds: dict[str, _Hold] = {}
        self._lost: deque[str] = deque()
        self._spans: dict[tuple[Period, str], Span] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="budgets")

    def left(self, cap: Cap) -> float:
        """Tell how much is left, from what is known here; infinite where nobody has looked yet."""
        now = time.time()
        pot = self._pot(cap, now)
        return pot.left(now) if pot.looked_at else float("inf")

    async def reserve(self, request_id: str, caps: Sequence[Cap], usd: float) -> Short | None:
        """Reserve `usd` under every one of `caps`, within `PATIENCE_S`.

        Returns:
            The budget that has too little, or that nobody could look up in time; nothing is reserved then.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while not self._take(request_id, pots := [self._pot(cap, time.time()) for cap in caps], usd):
            for cap, pot in zip(caps, pots, strict=True):
                try:
                    async with asyncio.timeout_at(deadline), pot.asking:
                        short = await self._enough(cap, pot, usd)
                except TimeoutError:  # what the thread still sets aside is there for the next request
                    log.warning("budget_unknown", cap=pot.cap, why=f"no answer within {PATIENCE_S:g} s")
                    short = Short(cap=cap, left_usd=None)
                if short:
                    return short
        return None

    def release(self, request_id: str) -> None:
        """Forget a reservation that nothing will be billed for."""
        with self._lock:
            self._let_go(request_id, 0.0)

    def reserved(self, request_id: str) -> float:
        """Tell how many dollars are reserved for a request; 0 where none are."""
        hold = self._holds.get(request_id)
        return hold.usd if hold else 0.0

    def forfeited(self, request_ids: Iterable[str]) -> list[Spent]:
        """Of requests whose row got lost: what was reserved counts as spent, for want of a bill.

        The caller charges and settles it, as any other bill.
        """
        forfeits = []
        for request_id in request_ids:
            hold = self._holds.get(request_id)
            if hold is None:
                continue
            scopes = dict(pot.scope.split(":", 1) for pot in hold.pots)
            forfeits.append(
                Spent(
                    id=request_id,
                    team=scopes.get("team", ""),
                    key_id=scopes.get("key", ""),
                    begun_at=hold.at,
                    usd=hold.usd,
                )
            )
        return forfeits

    def lose(self, request_id: str) -> None:
        """Note that a request's end could not be written down; `renew` charges what was reserved."""
        if request_id in self._holds:
            self._lost.append(request_id)

    def charge(self, connection: sa.Connection, spent: Iterable[Spent]) -> None:
        """Write down what was spent, in the transaction that bills it."""
        by_scope: dict[tuple[str, int], float] = {}
        by_pot: dict[tuple[str, float], float] = {}
        for one in spent:
            if not one.usd:
                continue
            at = int(one.begun_at // QUARTER_S) * QUARTER_S
            for kind, name in (("team", one.team), ("key", one.key_id)):
                if name:
                    place = (f"{kind}:{name}", at)
                    by_scope[place] = by_scope.get(place, 0.0) + one.usd
            hold = self._holds.get(one.id)
            for pot in hold.pots if hold else ():
                by_pot[pot.cap, pot.span.since] = by_pot.get((pot.cap, pot.span.since), 0.0) + one.usd
        if by_scope:  # in order: two who post at once must not wait for each other
            rows = [{"scope": scope, "at": at, "usd": usd} for (scope, at), usd in sorted(by_scope.items())]
            connection.execute(_spend[connection.dialect.name], rows)
        if by_pot:
            connection.execute(
                _use_up,
                [self._of(cap, since) | {"used": usd} for (cap, since), usd in sorted(by_pot.items())],
            )

    def settle(self, spent: Iterable[Spent]) -> None:
        """Let go of what was reserved for rows that are billed and committed."""
        with self._lock:
            for one in spent:
                self._let_go(one.id, one.usd)

    def account(self, cap: Cap, now: float | None = None) -> Balance:
        """Sum up what was spent in the period that `now` lies in, as the database has it."""
        during = span(cap.budget.per, cap.zone, time.time() if now is None else now)
        asked = {"scope": cap.scope, "of_since": during.since, "until": during.until}
        with self._engine.connect() as connection:
            spent_usd = float(connection.execute(_spent, asked).scalar_one())
        return Balance(since=during.since, until=during.until, limit_usd=cap.budget.usd, spent_usd=spent_usd)

    def renew(self) -> None:
        """Keep what is in use, give back what is idle, and look how much is left. May block."""
        now = time.time()
        self._charge_lost()
        for request_id in [of for of, hold in list(self._holds.items()) if now - hold.at > EXPIRE_S]:
            self.release(request_id)
        for key, pot in list(self._pots.items()):
            idle_s = now - pot.touched_at
            if idle_s > FORGET_S and pot.used < DUST:
                self._pots.pop(key, None)
                self._give_up(pot)
            elif idle_s > IDLE_S and pot.free(now) > DUST:
                self._change(pot, lambda _room: float("-inf"))
            elif now > pot.lapses_at - LAPSE_S / 2:
                self._change(pot, lambda _room: 0.0)
            else:
                with self._engine.connect() as connection:
                    self._look(connection, pot)

    def close(self) -> None:
        """Give everything back."""
        self._threads.shutdown(cancel_futures=True)
        for pot in self._pots.values():
            self._give_up(pot)
        self._pots.clear()

    def _charge_lost(self) -> None:
        lost = [self._lost.popleft() for _ in range(len(self._lost))]
        forfeits = self.forfeited(lost)
        if not forfeits:
            return
        try:
            with writing(self._engine) as connection:
                self.charge(connection, forfeits)
        except BaseException:
            self._lost.extend(lost)
            raise
        self.settle(forfeits)

    async def _enough(self, cap: Cap, pot: Pot, usd: float) -> Short | None:
        """See to it that `usd` are set aside."""
        now = time.time()
        if now - pot.looked_at < FRESH_S and pot.left(now) + DUST < usd:
            return Short(cap=cap, left_usd=max(pot.left(now), 0.0))

        def more(room: float) -> float:
            need = usd - pot.free(time.time())
            return min(room, max(need, SHARE * room)) if room + DUST >= need else 0.0

        if pot.free(now) + DUST < usd:
            try:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._threads, self._change, pot, more, PATIENCE_S)
            except sa.exc.SQLAlchemyError as error:
                log.warning("budget_unknown", cap=pot.cap, why=type(error).__name__)
                return Short(cap=cap, left_usd=None)
        now = time.time()
        if pot.free(now) + DUST < usd:
            return Short(cap=cap, left_usd=max(pot.left(now), 0.0))
        return None

    def _change(self, pot: Pot, wish: Callable[[float], float], patience_s: float = BUSY_S) -> None:
        """Set aside more, or less: what `wish` says of the room there is. Renews what there was."""
        with writing(self._engine, patience_s) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_one_at_a_time, {"of_cap": pot.cap})
            room = self._look(connection, pot)
            now = time.time()
            with self._lock:  # what is given back is out of reach before anyone else can have it
                change = max(min(wish(room), max(room, 0.0)), min(pot.used - pot.usd, 0.0))
                if room < 0:  # it had lapsed, and others have it now
                    change = max(room, min(pot.used - pot.usd, 0.0))
                pot.usd += min(change, 0.0)
            row = self._of(pot.cap, pot.span.since)
            values = {"usd": change, "expires_at": now + LAPSE_S}
            connection.execute(
                _set_aside[connection.dialect.name],
                {name.removeprefix("of_"): value for name, value in row.items()} | values,
            )
            connection.execute(_lapsed, {"before": now - FORGET_S * FORGET_S})
        with self._lock:
            pot.usd += max(change, 0.0)
            pot.committed += change
            pot.lapses_at = now + LAPSE_S

    def _look(self, connection: sa.Connection, pot: Pot) -> float:
        """Tell how many dollars nobody has spent or set aside; below 0 where there are too few."""
        now = time.time()
        asked = {"scope": pot.scope, "until": pot.span.until, "now": now}
        seen = connection.execute(_seen, self._of(pot.cap, pot.span.since) | asked).one()
        pot.committed, pot.looked_at = seen.spent + seen.aside, now
        return float(pot.limit - pot.committed)

    def _give_up(self, pot: Pot) -> None:
        with self._engine.begin() as connection:
            connection.execute(_give_up, self._of(pot.cap, pot.span.since))

    def _take(self, request_id: str, pots: Sequence[Pot], usd: float) -> bool:
        now = time.time()
        with self._lock:
            if any(pot.free(now) + DUST < usd for pot in pots):
                return False
            for pot in pots:
                pot.used += usd
            self._holds[request_id] = _Hold(tuple(pots), usd, now)
        return True

    def _let_go(self, request_id: str, spent_usd: float) -> None:
        hold = self._holds.pop(request_id, None)
        for pot in hold.pots if hold else ():
            pot.used = max(pot.used - hold.usd, 0.0)  # type: ignore[union-attr] # no pots without a hold
            pot.usd = max(pot.usd - spent_usd, 0.0)

    def _pot(self, cap: Cap, now: float) -> Pot:
        """Find the pot of the period that is now."""
        during = self._spans.get((cap.budget.per, cap.zone))
        if during is None or not during.since <= now < during.until:
            during = self._spans[cap.budget.per, cap.zone] = span(cap.budget.per, cap.zone, now)
        pot = self._pots.get((cap.name, during.since))
        if pot is None:
            pot = Pot(cap=cap.name, scope=cap.scope, span=during, limit=cap.budget.usd)
            self._pots[cap.name, during.since] = pot
        pot.limit, pot.touched_at = cap.budget.usd, now
        return pot

    def _of(self, cap: str, since: float) -> dict[str, str | float]:
        return {"of_holder": self._holder, "of_cap": cap, "of_since": since}
