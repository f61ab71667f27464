"""No row is lost to its values: whatever they are, both databases take the nearest that fits."""

import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from classifiers.features import Features
from router.ledger import LedgerStore
from router.ledger.database import journal_folder, locate
from router.ledger.journal import encode
from router.ledger.rows import TEXT, begun, storable
from router.types import Attempt, Outcome, Plan, Usage

MakePlan = Callable[..., Plan]
LARGEST = 2**31 - 1


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        ("output_limit", 2**31, LARGEST),
        ("output_limit", 2**63, LARGEST),
        ("output_limit", 10**400, LARGEST),
        ("input", -(2**70), -LARGEST),
        ("output", 1e300, LARGEST),
        ("output", math.inf, LARGEST),
        ("output", math.nan, None),
        ("output", 3.7, 3),
        ("output", True, 1),
        ("output", "many", None),
        ("output", None, None),
        ("seconds", math.inf, 1e300),
        ("seconds", math.nan, None),
        ("seconds", 10**400, 1e300),
        ("seconds", -0.0, 0.0),
        ("seconds", "long", None),
        ("stream", 1, True),
        ("team", "a\0b\ud800", "a?b?"),
        ("team", "é" * 300, "é" * 200),
        ("terms", 7, "7"),
        ("why", "w" * 50_000, "w" * TEXT),
        ("dialect", "d" * 50, "d" * 32),
    ],
)
def test_a_value_becomes_the_nearest_that_fits(column: str, value: Any, stored: Any) -> None:
    assert storable({column: value}) == {column: stored}


ABSURD = (2**63, 10**400, -(2**70), math.inf, math.nan, True, "x", "\0", "\ud83d", "y" * 100_000, None)


@pytest.mark.parametrize("value", ABSURD, ids=lambda value: repr(value)[:12])
def test_a_row_of_absurd_values_is_kept(
    ledger: LedgerStore, make_plan: MakePlan, outcome: Outcome, value: Any
) -> None:
    names = {field.name for field in fields(Features)} - {"ask", "paths", "conversation", "client"}
    plan = make_plan("absurd")
    features = replace(plan.features, **dict.fromkeys(names, value))
    ledger.begin(replace(plan, features=features, overhead_s=value))
    usage = Usage(input=value, output=value, cache_read=value, terms=value)
    model = value if isinstance(value, str) else ""
    attempt = Attempt(track="cloud", model=model, cause="", status=200, seconds=0.1)
    ledger.finish(
        "absurd",
        replace(outcome, usage=usage, model=model, status=value, seconds=value, attempts=(attempt,)),
    )
    assert ledger.flush()
    row = ledger.row("absurd")
    assert row is not None
    assert row["finished_at"]
    assert ledger.lost == 0


def test_absurd_values_that_a_dead_process_left_are_kept(
    location: str, opened: Callable[..., LedgerStore], make_plan: MakePlan
) -> None:
    opened().close()
    values = begun(make_plan("left"), 1.0, b"secret") | {"output_limit": 2**40, "team": "a\0b"}
    (journal_folder(locate(location)) / "1-dead-a.jsonl").write_bytes(encode(("begin", values)))
    row = opened().row("left")
    assert row is not None
    assert (row["output_limit"], row["team"]) == (LARGEST, "a?b")
