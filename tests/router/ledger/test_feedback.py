"""One verdict a request, of its own team, the last one given."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from router.ledger import LedgerStore
from router.ledger.posting import _upserts
from router.types import Plan

MakePlan = Callable[..., Plan]


def test_the_last_verdict_counts(ledger: LedgerStore, path: Path, make_plan: MakePlan) -> None:
    ledger.begin(make_plan("r1"))
    assert ledger.judge("r1", "good", team="core", user="ada")
    assert ledger.judge("r1", "good", team="core", user="ada")
    assert ledger.judge("r1", "bad", team="core", user="bob")
    assert ledger.verdicts() == {"r1": "bad"}
    with closing(sqlite3.connect(path)) as database:
        ((of, team, user, verdict, at),) = database.execute("SELECT * FROM feedback")
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


def test_postgresql_is_told_the_same() -> None:
    said = str(_upserts["postgresql"].compile(dialect=postgresql.dialect()))
    assert "ON CONFLICT (request_id) DO UPDATE SET" in said
    columns = {column.name for column in sa.inspect(_upserts["postgresql"].table).columns}
    assert all(f"{name} = excluded.{name}" in said.replace('"', "") for name in columns - {"request_id"})
