import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from subprocess import Popen

import pytest
from ledger_places import administered, busy

from router.ledger import LedgerStore, rows
from router.ledger.tables import BEGUN, FINISHED
from router.types import NAME_LENGTH, Attempt, Outcome, Plan, Usage

MakePlan = Callable[..., Plan]


def test_a_begun_row_stands_unfinished(ledger: LedgerStore, make_plan: MakePlan) -> None:
    before = time.time()
    ledger.begin(make_plan("r1"))
    assert ledger.flush()
    row = ledger.row("r1")
    assert row is not None
    assert before <= row["begun_at"] <= time.time()
    assert row["finished_at"] is None
    expected = {
        "team": "core", "user": "ada", "client": "claude-code", "conversation": "c1", "kind": "agent",
        "dialect": "anthropic_messages", "operation": "generate", "asked_model": "claude-sonnet-4-5",
        "stream": True, "policy": "balanced", "rule": "files", "why": "the answer crosses files",
        "held": False, "would": "", "p_local": 0.4, "work": "crosses-files", "track": "cloud",
        "cleared": True, "private_why": "", "context_tokens": 1000, "files": 3,
        "body_bytes": 2, "overhead_s": 0.0004,
        "served_track": None, "status": None, "cost_usd": None, "baseline_usd": None,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_finish_completes_the_row(ledger: LedgerStore, make_plan: MakePlan, outcome: Outcome) -> None:
    ledger.begin(make_plan("r1"))
    ledger.finish("r1", outcome)
    ledger.flush()
    row = ledger.row("r1")
    assert row is not None
    assert row["finished_at"] >= row["begun_at"]
    expected = {
        "rule": "files", "served_track": "cloud", "served_model": "claude-sonnet-4-5", "status": 200,
        "error": "", "escalated": "", "degraded": "", "first_byte_s": 0.5, "seconds": 2.0,
        "input": 100, "output": 200, "cache_read": 700, "cache_write_5m": 0, "cache_write_1h": 0,
        "usage_estimated": False,
        # 100 * $3 + 200 * $15 + 700 * $0.30, per million
        "cost_usd": pytest.approx(0.00351), "baseline_model": "claude-sonnet-4-5",
        "baseline_usd": pytest.approx(0.00351),
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert json.loads(row["attempts"]) == [
        {
            "track": "cloud",
            "model": "claude-sonnet-4-5",
            "cause": "",
            "status": 200,
            "seconds": 0.5,
            "sent": None,
            "usage": None,
            "engine_s": None,
        }
    ]


def test_every_column_is_filled_by_somebody(make_plan: MakePlan, outcome: Outcome) -> None:
    assert set(rows.begun(make_plan("r1"), 0.0, b"secret")) == set(BEGUN)
    assert set(rows.finished("r1", outcome, 0.0)) == {"id", *FINISHED}


@pytest.mark.parametrize(
    ("attempts", "served", "escalated", "degraded"),
    [
        ([("local", "")], "local", "", ""),
        ([("local", "overflow"), ("cloud", "")], "cloud", "overflow", ""),
        ([("cloud", "no_credential"), ("local", "")], "local", "", "no_credential"),
        ([("local", "local_error")], "local", "", ""),
        ([], "cloud", "", ""),
    ],
)
def test_a_change_of_track_says_why(
    attempts: list[tuple[str, str]], served: str, escalated: str, degraded: str, outcome: Outcome
) -> None:
    tries = tuple(
        Attempt(track=track, model="m", cause=cause, status=200, seconds=0.1)  # type: ignore[arg-type]
        for track, cause in attempts
    )
    row = rows.finished("r1", replace(outcome, track=served, attempts=tries), 0.0)  # type: ignore[arg-type]
    assert (row["escalated"], row["degraded"]) == (escalated, degraded)


def test_records_that_come_twice_change_nothing(
    ledger: LedgerStore, make_plan: MakePlan, outcome: Outcome
) -> None:
    ledger.begin(make_plan("r1"))
    ledger.finish("r1", outcome)
    ledger.flush()
    once = ledger.row("r1")
    ledger.begin(make_plan("r1", team="other"))
    ledger.finish("r1", replace(outcome, status=500, usage=Usage(input=5)))
    ledger.flush()
    assert ledger.row("r1") == once
    assert ledger.count() == 1


def test_the_first_finish_counts_within_one_post_too(
    ledger: LedgerStore, make_plan: MakePlan, outcome: Outcome
) -> None:
    with ledger._posting:  # so that all three lie in one segment
        ledger.begin(make_plan("r1"))
        ledger.finish("r1", outcome)
        ledger.finish("r1", replace(outcome, status=500))
    ledger.flush()
    row = ledger.row("r1")
    assert row is not None
    assert row["status"] == 200


def test_finishing_what_never_began_is_nothing(ledger: LedgerStore, outcome: Outcome) -> None:
    ledger.finish("nobody", outcome)
    assert ledger.flush()
    assert ledger.count() == 0
    assert ledger.lost == 0


def test_recent_is_newest_first_and_by_team(ledger: LedgerStore, make_plan: MakePlan) -> None:
    for number in range(6):
        ledger.begin(make_plan(f"r{number}", team="even" if number % 2 == 0 else "odd"))
        time.sleep(0.002)  # Windows' clock ticks slowly
    ledger.flush()
    assert [row["id"] for row in ledger.recent(4)] == ["r5", "r4", "r3", "r2"]
    assert [row["id"] for row in ledger.recent(9, team="odd")] == ["r5", "r3", "r1"]
    assert ledger.count() == 6


def test_rows_arrive_without_being_asked_for(ledger: LedgerStore, make_plan: MakePlan) -> None:
    ledger.begin(make_plan("r1"))
    deadline = time.monotonic() + 20
    while ledger.count() == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ledger.count() == 1


def test_a_busy_database_keeps_nobody_waiting(
    ledger: LedgerStore, location: str, make_plan: MakePlan, outcome: Outcome
) -> None:
    with busy(location):
        for number in range(50):
            ledger.begin(make_plan(f"r{number}"))
            ledger.finish(f"r{number}", outcome)
        assert ledger.count() == 0
    assert ledger.flush()
    assert ledger.count() == 50
    assert all(row["finished_at"] for row in ledger.recent(50))
    assert ledger.lost == 0


def test_names_that_clients_choose_are_cut_short(ledger: LedgerStore, make_plan: MakePlan) -> None:
    ledger.begin(make_plan("r1", model="m" * 100_000))
    ledger.flush()
    row = ledger.row("r1")
    assert row is not None
    assert row["asked_model"] == "m" * NAME_LENGTH


@pytest.mark.parametrize(
    ("model", "stored"),
    [
        ("", ""),
        ("modèle\n", "modèle\n"),
        ("modèle\x00", "modèle?"),  # PostgreSQL stores no NUL
        ("\ud800x", "?x"),  # half a character is no text
        ("'; DROP TABLE requests; --", "'; DROP TABLE requests; --"),
    ],
)
def test_odd_names_keep_no_request_out(
    ledger: LedgerStore, make_plan: MakePlan, outcome: Outcome, model: str, stored: str
) -> None:
    ledger.begin(make_plan("odd", model=model))
    ledger.finish("odd", replace(outcome, model=model, error=model))
    ledger.flush()
    row = ledger.row("odd")
    assert row is not None
    assert (row["asked_model"], row["served_model"]) == (stored, stored)
    assert ledger.lost == 0


def test_a_closed_or_read_only_ledger_loses_and_counts(
    opened: Callable[..., LedgerStore], make_plan: MakePlan, outcome: Outcome
) -> None:
    reader = opened(write=False)
    reader.begin(make_plan("r1"))
    closed = opened()
    closed.close()
    closed.begin(make_plan("r2"))
    closed.finish("r2", outcome)
    assert (reader.lost, closed.lost, reader.count()) == (1, 2, 0)


def test_what_the_database_refuses_waits_in_the_journal(
    opened: Callable[..., LedgerStore], location: str, make_plan: MakePlan, outcome: Outcome
) -> None:
    ledger = opened()
    with administered(location) as other:
        other.exec_driver_sql("ALTER TABLE requests RENAME TO away")
        ledger.begin(make_plan("r1"))
        assert not ledger.flush()
        ledger.finish("r1", outcome)
        assert not ledger.flush()
        other.exec_driver_sql("ALTER TABLE away RENAME TO requests")
        assert ledger.flush()
        row = ledger.row("r1")
        assert row is not None
        assert row["status"] == 200

        other.exec_driver_sql("ALTER TABLE requests RENAME TO away")
        ledger.begin(make_plan("r2"))
        ledger.close()
        other.exec_driver_sql("ALTER TABLE away RENAME TO requests")
    assert opened(write=False).row("r2") is not None
    assert ledger.lost == 0


@pytest.mark.usefixtures("path")
@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_full_disk_is_counted_said_once_and_survived(
    program: Callable[[str], Popen[str]], opened: Callable[..., LedgerStore]
) -> None:
    process = program("""
import resource
store = open_ledger(LOCATION)
store.begin(plan_of("before"))
store.flush()
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
with store._posting:  # the limit is on every file, the database's too
    resource.setrlimit(resource.RLIMIT_FSIZE, (2500, unlimited[1]))
    for number in range(20):
        store.begin(plan_of(f"full{number}"))
    lost = store.lost
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    store.begin(plan_of("after"))
store.close()
sys.stdout.write(f"lost={lost}\\n")
""")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    lost = int(output.rpartition("lost=")[2])
    assert 15 <= lost < 20  # some fitted
    assert output.count("ledger_record_lost") == 1
    assert "No space left" in output
    store = opened(write=False)
    ids = {row["id"] for row in store.recent(100)}
    assert {"before", "after"} <= ids
    assert len(ids) == 2 + 20 - lost
