"""What the ledger proves, as a person and a program read it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decision import Decision
from policies.privacy import Clearance
from router.accounts.teams import Account
from router.billing.prices import Prices
from router.ledger import LedgerStore
from router.types import ModelRequest, Outcome, Plan, Usage

COMMAND = ("classifier", "evidence")


def plan_of(number: int, team: str) -> Plan:
    return Plan(
        request=ModelRequest(
            id=f"r{number}",
            account=Account(team=team, user="ana"),
            dialect="openai_chat",
            operation="generate",
            client="pi",
            model="auto",
            stream=False,
            body=b"{}",
            headers=(),
        ),
        features=Features(conversation=f"c{number}", turns=1, ask="Reverse a list."),
        verdict=Verdict(p_local=0.8, kind="self-contained", why="one function"),
        decision=Decision(track="local", rule="self-contained", why="one function", p_local=0.8),
        clearance=Clearance(allowed=True),
        policy="balanced",
        overhead_s=0.0004,
    )


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A ledger of 60 conversations of one team and one of another, each judged."""
    path = tmp_path / "ledger.db"
    store = LedgerStore.open(path, prices=Prices())
    served = Outcome(
        track="local",
        model="nearby",
        status=200,
        usage=Usage(input=9, output=9),
        first_byte_s=0.1,
        seconds=0.2,
        attempts=(),
        end="complete",
    )
    for number in range(61):
        team = "web" if number < 60 else "docs"
        store.begin(plan_of(number, team))
        store.finish(f"r{number}", served)
        store.flush()
        assert store.judge(f"r{number}", "bad" if number % 5 == 0 else "good", team=team, user="ana")
    store.close()
    return path


def test_it_is_counted_by_source_and_label(turnout: Callable, judged: Path) -> None:
    ended = turnout(*COMMAND, "--ledger", str(judged), "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert (summary["turns"], summary["conversations"], summary["too_little"]) == (61, 61, "")
    counted = {(row["source"], row["label"]): row["turns"] for row in summary["evidence"]}
    assert counted["feedback", 1] == 48
    assert counted["feedback", 0] == 13
    assert sum(counted.values()) == 61
    assert {row["p_local"] for row in summary["evidence"]} == {0.8, None}


def test_one_team_may_have_too_little(turnout: Callable, judged: Path) -> None:
    ended = turnout(*COMMAND, "--ledger", str(judged), "--team", "docs")
    assert ended.code == 0, ended.err
    assert "turns with a label: 1, of 1 conversations" in ended.out
    assert "too little to learn from: conversations with a label: 1, and 50 are needed" in ended.out
    assert "a person judged the local model's answer" in ended.out


def test_an_empty_ledger_is_no_mistake(turnout: Callable, tmp_path: Path) -> None:
    ended = turnout(*COMMAND, LEDGER=str(tmp_path / "new.db"))
    assert ended.code == 0, ended.err
    assert "turns with a label: 0, of 0 conversations" in ended.out
