"""One verdict a request, of its own team, the last one given."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from ledger_places import administered

from router.ledger import LedgerStore
from router.ledger.tables import feedback
from router.types import Plan

MakePlan = Callable[..., Plan]


def test_the_last_verdict_counts(ledger: LedgerStore, location: str, make_plan: MakePlan) -> None:
    ledger.begin(make_plan("r1"))
    assert ledger.judge("r1", "good", team="core", user="ada")
    assert ledger.judge("r1", "good", team="core", user="ada")
    assert ledger.judge("r1", "bad", team="core", user="bob")
    assert ledger.verdicts() == {"r1": "bad"}
    with administered(location) as database:
        ((of, team, user, verdict, at),) = database.execute(sa.select(feedback))
    assert (of, team, user, verdict) == ("r1", "core", "bob", "bad")
    row = ledger.row("r1")
    assert row is not None
    assert at >= row["begun_at"]


def test_a_request_may_be_judged_the_moment_it_is_begun(ledger: LedgerStore, make_plan: MakePlan) -> None:
    for number in range(20):
        ledger.begin(make_plan(f"r{number}"))  # its row still lies in the journal
        assert ledger.judge(f"r{number}", "good", team="core", user="ada")
    assert len(ledger.verdicts()) == 20


@pytest.mark.parametrize(("request_id", "team"), [("r2", "core"), ("r1", "docs"), ("r1", ""), ("", "core")])
def test_only_the_team_that_made_it_may_judge_it(
    ledger: LedgerStore, make_plan: MakePlan, request_id: str, team: str
) -> None:
    ledger.begin(make_plan("r1"))
    assert not ledger.judge(request_id, "bad", team=team, user="eve")
    assert ledger.verdicts() == {}


def test_verdicts_are_read_by_team(ledger: LedgerStore, make_plan: MakePlan) -> None:
    for request_id, team in (("r1", "core"), ("r2", "docs")):
        ledger.begin(make_plan(request_id, team=team))
        assert ledger.judge(request_id, "should_be_cloud", team=team, user="ada")
    assert ledger.verdicts("docs") == {"r2": "should_be_cloud"}
    assert len(ledger.verdicts()) == 2
