"""An ask that comes again is one fact: a report's count and the evidence come from the same turns."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from classifiers.features import Features
from router.billing.bill import Billing
from router.billing.prices import Prices
from router.ledger import LedgerStore
from router.ledger.database import writing
from router.ledger.journal import Record
from router.ledger.labels import labelled
from router.ledger.rows import begun, finished
from router.ledger.turns import RETRY_S, count_retries
from router.ledger.writer import post
from router.types import Outcome, Plan

START = 1_700_000_000
LONG = RETRY_S + 100
LOCAL, CLOUD = "local", "cloud"

CASES = [
    # what it is, its calls as (seconds of begin and end, calls of the turn before, track), retries
    ("asked again", [(0, 5, 0, LOCAL), (60, 65, 0, LOCAL)], 1),
    (
        "after a long turn",
        [(0, 5, 0, LOCAL), (LONG, LONG + 5, 1, LOCAL), (LONG + 60, LONG + 65, 0, LOCAL)],
        1,
    ),
    ("late", [(0, 5, 0, LOCAL), (LONG, LONG + 5, 0, LOCAL)], 0),
    ("while the turn goes on", [(0, 5, 0, LOCAL), (10, 90, 1, LOCAL), (60, 65, 0, LOCAL)], 0),
    ("twice", [(0, 5, 0, LOCAL), (60, 65, 0, LOCAL), (90, 95, 0, LOCAL)], 2),
    ("part of the turn was the cloud's", [(0, 5, 0, LOCAL), (10, 15, 1, CLOUD), (60, 65, 0, LOCAL)], 0),
    ("of the cloud", [(0, 5, 0, CLOUD), (60, 65, 0, LOCAL)], 0),
]


@pytest.mark.parametrize(("calls", "retries"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_reports_and_evidence_count_the_same_retries(
    ledger: LedgerStore,
    make_plan: Callable[..., Plan],
    outcome: Outcome,
    calls: list[tuple[float, float, int, str]],
    retries: int,
) -> None:
    records: list[Record] = []
    for number, (begin, end, before, track) in enumerate(calls):
        features = Features(conversation="c1", kind="agent", turns=1, ask="Add a flag.", turn_calls=before)
        name = f"r{number}"
        records += [
            ("begin", begun(make_plan(name, features=features), START + begin, b"secret")),
            ("finish", finished(name, replace(outcome, track=track), START + end)),
        ]
    with writing(ledger.engine) as connection:
        post(connection, records, Billing(Prices(), "claude-sonnet-5-5"))
    evidence = [item for item in labelled(ledger) if item.source == "retry"]
    with ledger.engine.connect() as connection:
        counts = [
            count_retries(connection, START, START + 2 * LONG, team=team) for team in (None, "core", "docs")
        ]
        later = count_retries(connection, START + 1, START + 2 * LONG)
    assert counts == [len(evidence), len(evidence), 0]
    assert len(evidence) == retries
    assert later == max(retries - 1, 0)
