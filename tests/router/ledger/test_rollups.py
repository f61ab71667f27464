"""Whatever happens to requests, all ways to add them up agree, and agree with the rows themselves."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifiers.features import Features
from router.billing.bill import Billing
from router.billing.prices import Prices
from router.ledger import LedgerStore
from router.ledger.database import writing
from router.ledger.journal import Record
from router.ledger.queries import (
    Filter,
    latency,
    names,
    recent,
    request,
    series,
    totals,
)
from router.ledger.rollups import DIMENSIONS, HOUR, add_all
from router.ledger.rows import begun, finished
from router.ledger.tables import hourly, latencies, requests
from router.ledger.turns import count_retries
from router.ledger.writer import post
from router.types import USAGE_FIELDS, Attempt, Outcome, Plan, Usage

START = 1_700_000_000 // HOUR * HOUR
HOURS = 5
BILLING = Billing(Prices(), "claude-sonnet-5-5")
MODELS = ("claude-sonnet-4-5", "nobody-knows")
ENDS = ("", "served", "failed", "hung up", "escalated", "degraded", "cut")

MakePlan = Callable[..., Plan]
HAPPENING = st.fixed_dictionaries(
    {
        "team": st.sampled_from(["core", "docs"]),
        "user": st.sampled_from(["ada", "bob"]),
        "track": st.sampled_from(["local", "cloud"]),
        "rule": st.sampled_from(["files", "small"]),
        "model": st.sampled_from(MODELS),
        "at": st.integers(0, HOURS * HOUR - 1),
        "end": st.sampled_from(ENDS),  # empty: under way, or cut off by a crash
        "tokens": st.tuples(*[st.integers(0, 5000)] * 5),
        "seconds": st.floats(0.001, 900),
        "again": st.sampled_from(["", "begin", "finish", "both"]),  # records that come twice
        "late": st.booleans(),  # it finishes in a later post than it began in
    }
)


def outcome_of(happening: dict[str, Any], model_outcome: Outcome) -> Outcome:
    moved = {"escalated": ("local", "cloud", "overflow"), "degraded": ("cloud", "local", "no_credential")}
    first, served, cause = moved.get(happening["end"], (happening["track"], happening["track"], ""))
    tries = [Attempt(track=served, model=happening["model"], cause="", status=200, seconds=0.1)]
    if cause:
        tries.insert(0, Attempt(track=first, model="m", cause=cause, status=503, seconds=0.1))
    return replace(
        model_outcome,
        track=served,
        model=happening["model"],
        status={"failed": 502, "hung up": 499}.get(happening["end"], 200),
        usage=Usage(
            **dict(zip(USAGE_FIELDS, happening["tokens"], strict=True)), estimated=happening["end"] == "cut"
        ),
        attempts=tuple(tries),
        seconds=happening["seconds"],
        end={"failed": "failed", "hung up": "client_left"}.get(happening["end"], "complete"),
    )


def records_of(
    happenings: list[dict[str, Any]], make_plan: MakePlan, model_outcome: Outcome
) -> tuple[list[Record], list[Record]]:
    """What comes in the first post and what in the second."""
    first: list[Record] = []
    second: list[Record] = []
    for number, happening in enumerate(happenings):
        plan = make_plan(f"r{number}", team=happening["team"], user=happening["user"], model="auto")
        plan = replace(
            plan, decision=replace(plan.decision, track=happening["track"], rule=happening["rule"])
        )
        begin: Record = ("begin", begun(plan, START + happening["at"], b"secret"))
        first.append(begin)
        if happening["again"] in {"begin", "both"}:
            second.append(begin)
        if happening["end"]:
            end: Record = (
                "finish",
                finished(f"r{number}", outcome_of(happening, model_outcome), START + happening["at"] + 9),
            )
            (second if happening["late"] else first).append(end)
            if happening["again"] in {"finish", "both"}:
                second.append(end)
    return first, second


def empty(connection: sa.Connection) -> None:
    for table in (requests, hourly, latencies):
        connection.execute(sa.delete(table))


def added_up(rows: list[sa.RowMapping]) -> Counter[str]:
    """The same sums, worked out here from the rows."""
    sums: Counter[str] = Counter(
        requests=len(rows), unfinished=sum(row["finished_at"] is None for row in rows)
    )
    for row in rows:
        for name in (*USAGE_FIELDS, "cost_usd", "baseline_usd", "baseline_cold_usd", "wasted_usd"):
            sums[name] += row[name] or 0
        sums["cost_known"] += row["cost_usd"] is not None
        sums["compared"] += row["cost_usd"] is not None and row["baseline_usd"] is not None
        sums["failed"] += row["end"] == "failed"
        sums["hung_up"] += row["end"] == "client_left"
        sums["estimated"] += bool(row["usage_estimated"])
    return sums


def agree(groups: list[Any], expected: Counter[str]) -> None:
    for name, value in expected.items():
        assert sum(group[name] for group in groups) == pytest.approx(value, abs=1e-9), name


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    happenings=st.lists(HAPPENING, max_size=12),
    edges=st.lists(st.integers(0, HOURS * HOUR), min_size=2, unique=True),
)
def test_totals_by_team_by_rule_by_track_and_of_the_rows_are_one(
    ledger: LedgerStore,
    make_plan: MakePlan,
    outcome: Outcome,
    happenings: list[dict[str, Any]],
    edges: list[int],
) -> None:
    engine = ledger._engine
    with writing(engine) as connection:
        empty(connection)
    for records in records_of(happenings, make_plan, outcome):
        with writing(engine) as connection:
            post(connection, records, BILLING)
    with engine.connect() as connection:
        rows = list(connection.execute(sa.select(requests)).mappings())
        assert len(rows) == len(happenings)
        everything = (START, START + HOURS * HOUR)
        for by in ((), *((name,) for name in DIMENSIONS), ("team", "rule", "track")):
            agree(totals(connection, *everything, by=by), added_up(rows))
        for team in ("core", "docs"):
            of_team = [row for row in rows if row["team"] == team]
            agree(totals(connection, *everything, by=("rule",), team=team), added_up(of_team))
            track = Counter((row["served_track"] or row["track"]) for row in of_team)
            by_track = totals(connection, *everything, by=("track",), team=team)
            assert {group.key[0]: group["requests"] for group in by_track} == track
        cuts = sorted(START + edge for edge in edges)  # a period may begin and end anywhere within an hour
        for period in series(connection, cuts):
            inside = [row for row in rows if period.since <= row["begun_at"] < period.until]
            agree([period], added_up(inside))
        agree(
            series(connection, cuts, by=("team",)),
            added_up([r for r in rows if cuts[0] <= r["begun_at"] < cuts[-1]]),
        )
        stored = {
            table: sorted(map(tuple, connection.execute(sa.select(table)))) for table in (hourly, latencies)
        }
    with writing(engine) as connection:  # what was added one by one is what is added all at once
        for table in stored:
            connection.execute(sa.delete(table))
        add_all(connection)
        for table, before in stored.items():
            for then, now in zip(
                before, sorted(map(tuple, connection.execute(sa.select(table)))), strict=True
            ):
                assert now == pytest.approx(then) if table is latencies else now[:29] == then[:29]


def test_a_transaction_that_fails_adds_nothing(
    ledger: LedgerStore, make_plan: MakePlan, outcome: Outcome
) -> None:
    happenings: list[dict[str, Any]] = [
        {
            "team": "core", "user": "ada", "track": "cloud", "rule": "files", "model": MODELS[0], "at": 5,
            "end": "served", "tokens": (1, 2, 3, 4, 5), "seconds": 1.0, "again": "", "late": False,
        }
    ]  # fmt: skip
    first, _ = records_of(happenings, make_plan, outcome)
    with ledger._engine.connect() as connection:
        post(connection, first, BILLING)
        connection.rollback()
    with ledger._engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(hourly)) == 0
    for _ in range(2):
        with writing(ledger._engine) as connection:
            post(connection, first, BILLING)
    with ledger._engine.connect() as connection:
        (total,) = totals(connection, START, START + HOUR)
    assert (total["requests"], total["cache_write_1h"]) == (1, 5)


@pytest.fixture
def filled(ledger: LedgerStore, make_plan: MakePlan, outcome: Outcome) -> LedgerStore:
    """A hundred requests, 150 s apart, the n-th of which took n seconds."""
    records: list[Record] = []
    for number in range(100):
        plan = make_plan(f"r{number:02}", team=("core", "docs")[number % 2])
        at = START + 150 * number
        track = "local" if number % 4 == 0 else "cloud"
        end = "complete" if number % 10 else "failed"
        ended = replace(outcome, track=track, seconds=float(number), end=end)
        records += [
            ("begin", begun(plan, at, b"secret")),
            ("finish", finished(f"r{number:02}", ended, at + 1)),
        ]
    with writing(ledger._engine) as connection:
        post(connection, records, BILLING)
    return ledger


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95, 1.0])
def test_quantiles_are_five_percent_off_at_most(filled: LedgerStore, share: float) -> None:
    with filled._engine.connect() as connection:
        (histogram,) = latency(connection, START, START + HOURS * HOUR, by=()).values()
        by_track = latency(connection, START, START + HOURS * HOUR)
        ragged = latency(connection, START + 1800, START + HOURS * HOUR, by=())
    assert histogram.count == 100
    assert histogram.quantile(share) == pytest.approx(100 * share - 1, rel=0.06)
    assert {key: track.count for key, track in by_track.items()} == {("cloud",): 75, ("local",): 25}
    assert ragged[()].count == 88
    assert type(histogram)(buckets={}).quantile(0.5) is None


def test_pages_follow_each_other_while_new_rows_come(filled: LedgerStore, make_plan: MakePlan) -> None:
    ids: list[str] = []
    after = ""
    with filled._engine.connect() as connection:
        for _ in range(9):
            page = recent(connection, Filter(team="core"), limit=20, after=after)
            late = begun(make_plan(f"new{len(ids)}"), START + 10**6, b"secret")
            with writing(filled._engine) as other:
                post(other, [("begin", late)], BILLING)
            ids += [row["id"] for row in page.rows]
            after = page.after
            if not after:
                break
        assert request(connection, "r10")["team"] == "core"
        assert request(connection, "nobody") is None
        assert names(connection, "team", START, START + HOUR) == ["core", "docs"]
        assert recent(connection, Filter(track="local", until=START + 300)).rows[0]["id"] == "r00"
        with pytest.raises(ValueError, match="float"):
            recent(connection, after="made up")
        failed = recent(connection, Filter(team="core", rare="failed"))
    assert ids == [f"r{n:02}" for n in range(98, -1, -2)]
    assert [row["id"] for row in failed.rows] == [f"r{n}0" for n in range(9, -1, -1)]


def test_an_ask_that_comes_again_soon_is_counted(
    ledger: LedgerStore, make_plan: MakePlan, outcome: Outcome
) -> None:
    records: list[Record] = []
    asks = [
        ("a", 0, "Add a flag."),
        ("b", 60, "Add a flag."),
        ("c", 120, "Remove it."),
        ("d", 2000, "Remove it."),
    ]
    for name, at, ask in asks:
        plan = make_plan(name, features=Features(conversation="c1", turns=1, ask=ask))
        local = replace(outcome, track="local")
        records += [
            ("begin", begun(plan, START + at, b"s")),
            ("finish", finished(name, local, START + at + 5)),
        ]
    with writing(ledger._engine) as connection:
        post(connection, records, BILLING)
        assert count_retries(connection, START, START + HOUR) == 1
        assert count_retries(connection, START, START + HOUR, team="docs") == 0
