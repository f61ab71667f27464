"""Nothing of what was said or where it lies reaches the disk: neither the database nor the journal."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from classifiers.features import Features
from policies.privacy import Clearance
from router.ledger import LedgerStore
from router.types import Outcome, Plan

MARK = "MARKED-SECRET"


def test_no_text_is_stored(
    ledger: LedgerStore, path: Path, make_plan: Callable[..., Plan], outcome: Outcome
) -> None:
    plan = make_plan(
        "r1",
        body=f'{{"messages": ["{MARK}-body"]}}'.encode(),
        headers=(("authorization", f"Bearer {MARK}-key"), ("x-client", f"{MARK}-header")),
        query=f"q={MARK}-query",
        features=Features(ask=f"{MARK}-ask", paths=frozenset({f"src/{MARK}-path.py"})),
        clearance=Clearance(allowed=False, why="never_cloud: the conversation matches '(?i)internal'"),
        notes=("reading failed: ValueError",),
    )
    message = f"""bad input "{MARK}-quoted" near `{MARK}-tick`: {MARK}-unquoted, as an upstream tells it
{MARK}-second line"""
    with ledger._posting:
        ledger.begin(plan)
        ledger.finish("r1", replace(outcome, error=message))
        journal = b"".join(file.read_bytes() for file in path.with_name("ledger.db.journals").iterdir())
    ledger.flush()
    row = ledger.row("r1")
    assert row is not None
    assert row["cleared"] is False
    assert row["private_why"] == "never_cloud: the conversation matches '(?i)internal'"
    assert row["notes"] == "reading failed: ValueError"
    assert row["error"] == 'bad input "..." near `...`'
    stored = b"".join(file.read_bytes() for file in path.parent.glob("ledger.db*") if file.is_file())
    for written in (journal, stored):
        assert b"r1" in written
        assert MARK.encode() not in written
