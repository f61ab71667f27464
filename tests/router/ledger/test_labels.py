"""Real plans and outcomes go into a real ledger; what may be concluded comes out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from classifiers.features import TEXTS, Features
from router.ledger import LedgerStore
from router.ledger.labels import (
    LEAST_CONVERSATIONS,
    LEAST_WEIGHT,
    MANY_CALLS,
    MOVED_ON_S,
    RULES,
    Evidence,
    describe_shortage,
    judge,
    labelled,
)
from router.ledger.stored_features import STORED
from router.ledger.turns import RETRY_S, split_turns
from router.types import Attempt, Outcome, Plan

Call = dict[str, Any]
Writer = Callable[..., list[str]]

ASK = {"turns": 1, "ask": "Add a flag.", "kind": "ask"}
NEXT = {"turns": 2, "ask": "Add a flag.\n\nNow document it."}
TOOLS = {"turns": 1, "turn_calls": 6, "ask": "Add a flag.", "tool_calls": 6}
CLOUD = {"track": "cloud"}
BAD_CALL = {"attempts": [("local", "bad_tool_call"), ("cloud", "")], "track": "cloud"}
HUNG_UP = {"end": "client_left"}


@pytest.fixture
def write(ledger: LedgerStore, make_plan: Callable[..., Plan], outcome: Outcome) -> Writer:
    """Carry one conversation's calls into the ledger; returns the requests' ids."""
    count = 0

    def write(*calls: Call, team: str = "core", conversation: str = "c1") -> list[str]:
        nonlocal count
        ids = []
        for call in calls:
            count += 1
            ids.append(f"r{count:04}")
            fields = dict(call)
            track = fields.pop("track", "local")
            tries = fields.pop("attempts", [(track, "")])
            ended = {name: fields.pop(name) for name in ("status", "end") if name in fields}
            finished = fields.pop("finished", True)
            operation = fields.pop("operation", "generate")
            features = Features(**{"kind": "agent", "conversation": conversation} | fields)
            ledger.begin(make_plan(ids[-1], team=team, operation=operation, features=features))
            if finished:
                attempts = tuple(
                    Attempt(track=where, model="m", cause=cause, status=200, seconds=0.1)
                    for where, cause in tries
                )
                ledger.finish(ids[-1], replace(outcome, track=track, attempts=attempts, **ended))
        assert ledger.flush()
        return ids

    return write


Case = tuple[str, list[Call], str, tuple[str, int] | None]

CASES: list[Case] = [
    # what it is, the conversation's calls, what was said of the first, the first turn's source and label
    ("nothing is known", [ASK], "", None),
    ("liked", [ASK], "good", ("feedback", 1)),
    ("disliked", [ASK], "bad", ("feedback", 0)),
    ("a good cloud answer says nothing of the local model", [ASK | CLOUD], "good", None),
    ("nor does a bad one", [ASK | CLOUD], "bad", None),
    ("should have gone there", [ASK], "should_be_cloud", ("feedback", 0)),
    ("need not have gone there", [ASK | CLOUD], "should_be_local", ("feedback", 1)),
    ("went there rightly", [ASK | CLOUD], "should_be_cloud", ("feedback", 0)),
    ("a person outranks a machine", [ASK | BAD_CALL], "should_be_local", ("feedback", 1)),
    ("no valid tool call", [ASK | BAD_CALL], "", ("escalation", 0)),
    (
        "no valid tool call, and nowhere to go",
        [ASK | {"attempts": [("local", "bad_tool_call")], "status": 502, "end": "failed"}],
        "",
        ("escalation", 0),
    ),
    ("too busy", [ASK | {"attempts": [("local", "slow"), ("cloud", "")]} | CLOUD], "", None),
    ("too long", [ASK | {"attempts": [("local", "overflow"), ("cloud", "")]} | CLOUD], "", None),
    ("broken", [ASK | {"attempts": [("local", "local_error"), ("cloud", "")]} | CLOUD], "", None),
    ("asked again", [ASK, ASK], "", ("retry", 0)),
    ("asked again of the cloud", [ASK | CLOUD, ASK], "", None),
    ("asked again elsewhere", [ASK, ASK | CLOUD], "", ("retry", 0)),
    ("asked again after a failure", [ASK | {"end": "failed"}, ASK], "", None),
    ("asked again after stopping it", [ASK | HUNG_UP, ASK], "", None),
    ("rewound and asked something else", [ASK, ASK | {"ask": "Remove it."}], "", None),
    ("side by side", [ASK | {"finished": False}, ASK], "", None),
    ("went on", [ASK, NEXT], "", ("moved_on", 1)),
    ("went on after many calls", [ASK, TOOLS | {"turn_calls": 20}, NEXT], "", None),
    ("only said yes", [ASK, NEXT | {"follow_up": True}], "", None),
    ("went on from a cloud answer", [ASK | CLOUD, NEXT], "", None),
    ("part of the turn was the cloud's", [ASK, TOOLS | CLOUD, NEXT], "", None),
    ("half of it failed", [ASK, TOOLS | {"tool_errors": 3}], "", None),
    ("most of it failed", [ASK, TOOLS | {"tool_errors": 4}], "", ("errors", 0)),
    (
        "the last call's result shows in the next turn",
        [ASK, TOOLS | {"tool_errors": 3}, NEXT | {"tool_calls": 7, "tool_errors": 4}],
        "",
        ("errors", 0),
    ),
    (
        "failures of turns before do not count",
        [ASK | {"tool_calls": 9, "tool_errors": 9}, TOOLS | {"tool_calls": 15, "tool_errors": 10}],
        "",
        None,
    ),
    ("few tries", [ASK, TOOLS | {"tool_calls": 4, "tool_errors": 4}], "", None),
    ("mended", [ASK, TOOLS | {"tests_failed": 2}, TOOLS | {"tests_passed": 9}], "", ("tests", 1)),
    (
        "mended what failed before",
        [ASK | {"tests_failed": 2}, TOOLS | {"tests_failed": 2}, NEXT | {"tests_passed": 9}],
        "",
        ("tests", 1),
    ),
    ("passed from the start", [ASK, TOOLS | {"tests_passed": 9}], "", None),
    (
        "mended by the cloud",
        [ASK, TOOLS | {"tests_failed": 2}, TOOLS | {"tests_passed": 9} | CLOUD],
        "",
        None,
    ),
    (
        "better, not mended",
        [ASK, TOOLS | {"tests_failed": 2}, TOOLS | {"tests_failed": 1, "tests_passed": 8}],
        "",
        None,
    ),
    ("still at it", [ASK, TOOLS | {"tests_failed": 2}], "", None),
    ("ended with failures", [ASK, TOOLS, NEXT | {"tests_failed": 1, "tests_passed": 8}], "", ("tests", 0)),
    (
        "failures from before, nothing run",
        [ASK | {"tests_failed": 1}, TOOLS | {"tests_failed": 1}, NEXT | {"tests_failed": 1}],
        "",
        ("moved_on", 1),
    ),
    ("a loop", [ASK, TOOLS | {"repeats": 3}], "", ("repeats", 0)),
    ("no loop", [ASK, TOOLS | {"repeats": 2}], "", None),
    ("long", [ASK, TOOLS | {"turn_calls": MANY_CALLS - 1}], "", ("length", 0)),
    ("not yet long", [ASK, TOOLS | {"turn_calls": MANY_CALLS - 2}], "", None),
    ("cut off by the policy", [ASK, TOOLS | {"turn_calls": 50} | CLOUD], "", None),
    ("a side request", [ASK | {"kind": "housekeeping"}], "bad", None),
    ("a sub-agent", [ASK | {"kind": "subagent"}], "bad", None),
    ("a count", [ASK | {"operation": "count"}], "bad", None),
    ("unread", [ASK | {"conversation": ""}], "bad", None),
]


@pytest.mark.parametrize(
    ("calls", "verdict", "expected"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_what_a_turn_proves(
    ledger: LedgerStore, write: Writer, calls: list[Call], verdict: str, expected: tuple[str, int] | None
) -> None:
    ids = write(*calls)
    if verdict:
        assert ledger.judge(ids[0], verdict, team="core", user="ada")
    first = next((item for item in labelled(ledger) if item.request_id == ids[0]), None)
    assert (first and (first.source, first.label)) == expected
    if first:
        assert 0 < first.weight <= 1
        assert (first.team, first.conversation) == ("core", "c1")


def test_every_rule_is_met_and_gives_its_reason() -> None:
    met = {case[3] for case in CASES if case[3]}
    assert {(rule.source, rule.label) for rule in RULES} == met
    assert all(rule.why and 0 < rule.weight <= 1 for rule in RULES)


@pytest.mark.parametrize(
    ("following", "seconds", "source"),
    [
        (ASK, RETRY_S - 1, "retry"),
        (ASK, RETRY_S + 1, None),
        (ASK, -1, None),
        (NEXT, -1, None),
        (NEXT, MOVED_ON_S - 1, "moved_on"),
        (NEXT, MOVED_ON_S + 1, None),
    ],
)
def test_what_comes_late_or_side_by_side_proves_nothing(
    ledger: LedgerStore, write: Writer, following: Call, seconds: float, source: str | None
) -> None:
    write(ASK, following)
    first, second = (dict(row) for row in ledger.main_rows())
    second["begun_at"] = first["finished_at"] + seconds
    judged = judge(split_turns([first, second], {})[0])
    assert (judged and judged.source) == source


def test_features_are_those_known_at_the_decision(ledger: LedgerStore, write: Writer) -> None:
    features = {
        "client": "pi", "context_tokens": 900, "files": 3, "files_edited": 1, "turns": 4, "tool_calls": 7,
        "phase": "implement", "thinking": True,
    }  # fmt: skip
    opening = features | {"ask": "Do it.", "paths": frozenset({"a.py"})}
    *_, last = write(opening, opening | {"turn_calls": 9, "files": 30})
    assert ledger.judge(last, "bad", team="core", user="ada")
    (item,) = labelled(ledger)
    assert item.features == Features(kind="agent", conversation="c1", **features)
    assert item.p_local == 0.4
    assert set(Features.__dataclass_fields__) - set(STORED) == TEXTS | {"safeguards"}


def test_conversations_and_teams_are_kept_apart(ledger: LedgerStore, write: Writer) -> None:
    write(ASK, conversation="c1")
    write(ASK, conversation="c2")
    write(ASK, conversation="c1", team="docs")
    assert labelled(ledger) == []
    (mine,) = write(ASK | BAD_CALL, conversation="c3")
    (theirs,) = write(ASK | BAD_CALL, conversation="c3", team="docs")
    assert {item.request_id for item in labelled(ledger)} == {mine, theirs}
    assert [item.request_id for item in labelled(ledger, team="docs")] == [theirs]
    row = ledger.row(mine)
    assert row is not None
    assert labelled(ledger, team="core", since=row["begun_at"])
    assert labelled(ledger, team="core", since=row["begun_at"] + 1) == []


def test_an_ask_is_recognised_only_by_the_process_that_heard_it(
    write: Writer, ledger: LedgerStore, opened: Callable[..., LedgerStore], make_plan: Callable[..., Plan]
) -> None:
    write(ASK, ASK)
    other = opened()
    other.begin(make_plan("elsewhere", features=Features(conversation="c2", **ASK)))
    other.flush()
    first, again, elsewhere = (row["ask_digest"] for row in ledger.main_rows())
    assert first == again
    assert len(first) == 32
    assert elsewhere
    assert elsewhere != first


def test_a_call_within_a_turn_and_an_empty_ask_have_no_digest(write: Writer, ledger: LedgerStore) -> None:
    write(ASK | {"ask": ""}, ASK | {"turn_calls": 1}, {"turns": 2, "ask": "\ud800"})
    assert [bool(row["ask_digest"]) for row in ledger.main_rows()] == [False, False, True]


def evidence(label: int, weight: float, conversation: int) -> Evidence:
    return Evidence(
        features=Features(),
        p_local=0.5,
        label=label,  # type: ignore[arg-type]
        weight=weight,
        source="feedback",
        team="core",
        conversation=f"c{conversation}",
        request_id="r1",
    )


def many(count: int, label: int, weight: float = 1.0, start: int = 0) -> list[Evidence]:
    return [evidence(label, weight, number) for number in range(start, start + count)]


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([], "conversations with a label: 0, and 50 are needed"),
        (many(LEAST_CONVERSATIONS - 1, 1), "label: 49,"),
        (many(LEAST_CONVERSATIONS, 1), "it did not is worth 0.0 certain outcomes and 10 are needed"),
        (many(40, 1) + many(9, 0, start=40) + many(1, 0, 0.9, start=49), "it did not is worth 9.9"),
        (many(45, 1, 0.2) + many(10, 0, start=45), "the local model sufficed is worth 9.0"),
        (many(40, 1) + [evidence(0, 1.0, 60)] * 100, "label: 41,"),
        (many(50, 1) + [evidence(0, 1.0, 60)] * 100, "it did not is worth 1.0"),
        (many(40, 1) + many(10, 0, start=40), ""),
        (many(LEAST_CONVERSATIONS, 1) + many(int(LEAST_WEIGHT), 0), ""),
    ],
)
def test_too_little_is_said_to_be_too_little(items: list[Evidence], why: str) -> None:
    shortage = describe_shortage(items)
    assert why in shortage
    assert bool(shortage) == bool(why)
