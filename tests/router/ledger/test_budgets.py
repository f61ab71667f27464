"""Budgets over one database: whoever reserves, settles, gives back or dies, nothing is spent twice."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.accounts.teams import Budget, BudgetLimit, budget_limit
from router.billing.bill import BilledRequest
from router.ledger import LedgerStore
from router.ledger.budgets import LAPSE_S, Budgets
from router.ledger.database import BUSY_S, writing
from router.ledger.tables import metadata, reservations

LIMIT = 10.0
TEAM = budget_limit("team:core", Budget(usd=LIMIT), "UTC")
KEY = budget_limit("key:k1", Budget(usd=4.0, per="day"), "UTC")


def database(folder: str | Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{folder}/ledger.db")
    metadata.create_all(engine)
    return engine


@pytest.fixture
def engine(opened: Callable[..., LedgerStore]) -> sa.Engine:
    """Of a ledger on SQLite, and of one on PostgreSQL."""
    return opened(write=False).budgets._engine


@contextmanager
def locked(engine: sa.Engine) -> Iterator[None]:
    """Another process that holds the database, and does not let go."""
    with engine.connect() as other:
        if other.dialect.name == "sqlite":
            other.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            other.exec_driver_sql("LOCK TABLE reservations IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def bill(engine: sa.Engine, budgets: Budgets, request: str, usd: float) -> None:
    """What posting does with a finished row."""
    spent = [BilledRequest(id=request, team="core", key_id="k1", begun_at=time.time(), usd=usd)]
    with writing(engine) as connection:
        budgets.charge(connection, spent)
    budgets.settle(spent)


def spent_of(budgets: Budgets, of: BudgetLimit) -> float:
    return budgets.balance(of).spent_usd


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "settle", "release", "renew", "stop"]),
        st.integers(0, 1),
        st.floats(0.01, 3.0),
    ),
    max_size=40,
)


@given(steps=STEPS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_two_processes_never_hold_more_than_there_is(steps: list[tuple[str, int, float]]) -> None:
    with TemporaryDirectory() as folder:
        engine = database(folder)
        asyncio.run(_walk(engine, steps))


async def _walk(engine: sa.Engine, steps: list[tuple[str, int, float]]) -> None:
    holders = [Budgets(engine), Budgets(engine)]
    under_way: list[dict[str, float]] = [{}, {}]
    for at, (what, who, usd) in enumerate(steps):
        if what == "reserve":
            if await holders[who].reserve(str(at), [TEAM], usd) is None:
                under_way[who][str(at)] = usd
        elif what == "renew":
            holders[who].renew()
        elif what == "stop":
            for request, reserved in under_way[who].items():
                bill(engine, holders[who], request, reserved)
            under_way[who].clear()
            holders[who].close()
            holders[who] = Budgets(engine)
        elif under_way[who]:
            request, reserved = under_way[who].popitem()
            if what == "settle":
                bill(engine, holders[who], request, reserved * min(usd, 1.0))
            else:
                holders[who].release(request)
        reserved_usd = sum(sum(requests.values()) for requests in under_way)
        assert spent_of(holders[0], TEAM) + reserved_usd <= LIMIT + 1e-6
    for who in (0, 1):
        for request in under_way[who]:
            bill(engine, holders[who], request, 0.0)
        holders[who].close()
    left = LIMIT - spent_of(holders[0], TEAM)
    with engine.connect() as connection:
        assert connection.execute(sa.select(reservations)).first() is None
    last = Budgets(engine)  # every cent that was not spent is there again
    assert await last.reserve("more", [TEAM], left + 0.001) is not None
    assert await Budgets(engine).reserve("rest", [TEAM], left) is None


async def test_what_a_dead_process_held_lapses(engine: sa.Engine) -> None:
    assert await Budgets(engine).reserve("lost", [TEAM], 9.0) is None  # and is never heard of again
    alive = Budgets(engine)
    assert await alive.reserve("a", [TEAM], 5.0) is not None
    with engine.begin() as connection:  # time passes
        connection.execute(sa.update(reservations).values(expires_at=reservations.c.expires_at - LAPSE_S - 1))
    assert await Budgets(engine).reserve("b", [TEAM], 5.0) is None


async def test_the_tightest_of_all_budgets_holds(engine: sa.Engine) -> None:
    budgets = Budgets(engine)
    assert await budgets.reserve("a", [KEY, TEAM], 3.0) is None
    short = await budgets.reserve("b", [KEY, TEAM], 2.0)
    assert short is not None
    assert short.limit == KEY
    assert short.left_usd == pytest.approx(1.0)
    assert await budgets.reserve("b", [TEAM], 2.0) is None  # nothing stayed reserved
    bill(engine, budgets, "a", 2.5)
    assert spent_of(budgets, KEY) == spent_of(budgets, TEAM) == 2.5
    assert budgets.remaining(KEY) == pytest.approx(1.5)


async def test_forty_at_once_get_what_there_is(engine: sa.Engine) -> None:
    holders = [Budgets(engine), Budgets(engine)]
    got = await asyncio.gather(*(holders[n % 2].reserve(str(n), [TEAM], 0.5) for n in range(40)))
    assert 15 <= sum(short is None for short in got) <= 20  # never one too many


async def test_a_request_counts_to_the_period_in_which_it_began(engine: sa.Engine) -> None:
    budgets = Budgets(engine)
    assert await budgets.reserve("late", [KEY, TEAM], 3.0) is None
    today = budgets.balance(KEY)
    evening = [BilledRequest(id="late", team="core", key_id="k1", begun_at=today.since - 1, usd=3.0)]
    with writing(engine) as connection:  # begun yesterday, billed today
        budgets.charge(connection, evening)
    budgets.settle(evening)
    assert budgets.balance(KEY).spent_usd == 0.0
    assert budgets.balance(KEY, today.since - 1).spent_usd == 3.0


async def test_a_database_that_fails_means_no_money(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE reservations"))
    short = await Budgets(engine).reserve("a", [TEAM], 1.0)
    assert short is not None
    assert short.left_usd is None


async def test_a_locked_ledger_is_waited_for_a_moment_and_no_longer(engine):
    budgets = Budgets(engine)
    with locked(engine):
        # One after another they would take a minute; all of them together take one request's patience.
        async with asyncio.timeout(BUSY_S * 2 / 3):
            calls = [budgets.reserve(f"r{n}", [(TEAM, KEY)[n % 2]], 0.1) for n in range(20)]
            shorts = await asyncio.gather(*calls)
        assert [short and short.left_usd for short in shorts] == [None] * 20
        assert {short.limit for short in shorts if short} == {TEAM, KEY}
    assert await budgets.reserve("after", [KEY, TEAM], 1.0) is None
    assert await Budgets(engine).reserve("others", [TEAM], LIMIT) is not None
    budgets.release("after")


async def test_what_is_set_aside_already_needs_no_database(engine):
    budgets = Budgets(engine)
    assert await budgets.reserve("first", [TEAM], 0.1) is None
    with locked(engine):
        assert await budgets.reserve("second", [TEAM], 0.1) is None


async def test_a_reservation_whose_row_is_lost_counts_as_spent(engine):
    budgets = Budgets(engine)
    assert await budgets.reserve("lost", [TEAM, KEY], 1.5) is None
    budgets.mark_lost("lost")
    budgets.mark_lost("never begun")
    for _ in range(2):
        budgets.renew()
    assert [spent_of(budgets, of) for of in (TEAM, KEY)] == [pytest.approx(1.5)] * 2
    assert budgets.reserved("lost") == 0
    assert budgets.remaining(TEAM) == pytest.approx(LIMIT - 1.5)


async def test_a_reservation_that_nothing_comes_of_expires(engine, monkeypatch):
    budgets = Budgets(engine)
    assert await budgets.reserve("silent", [TEAM], 4.0) is None
    budgets.renew()
    assert budgets.reserved("silent") == 4.0
    monkeypatch.setattr("router.ledger.budgets.EXPIRE_S", -1.0)
    budgets.renew()
    assert (budgets.reserved("silent"), spent_of(budgets, TEAM)) == (0, 0)
    assert budgets.remaining(TEAM) == pytest.approx(LIMIT)
