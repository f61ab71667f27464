"""Real processes, really killed: whatever `begin` or `finish` returned from is there afterwards."""

import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest
import sqlalchemy as sa
from ledger_places import administered, busy, journals

from router.accounts.teams import Budget, BudgetLimit
from router.ledger import LedgerStore
from router.ledger.database import journal_folder, locate
from router.ledger.journal import Record, encode
from router.ledger.rows import begun, finished
from router.types import Outcome, Plan

Program = Callable[[str], Popen[str]]
Opened = Callable[..., LedgerStore]
SECRET = b"secret"
LIMIT = BudgetLimit(
    scope="team:core", budget=Budget(usd=1.0, per="month"), zone="UTC", name="team:core per month"
)

BEGIN_ONE = """
import time
store = open_ledger(LOCATION)
sys.stdout.write("ready\\n"); sys.stdout.flush()
while not (FOLDER / "go").exists(): time.sleep(0.01)
store.begin(plan_of("r1"))
store.begin(plan_of("r2"))
store.finish("r2", OUTCOME)
os.write(1, b"begun\\n")
time.sleep(600)
"""

BEGIN_MANY = """
store = open_ledger(LOCATION)
number = 0
while True:
    name = f"{os.getpid()}-{number}"
    store.begin(plan_of(name)); os.write(1, f"b {name}\\n".encode())
    if number % 5: store.finish(name, OUTCOME); os.write(1, f"f {name}\\n".encode())
    number += 1
"""


@pytest.fixture
def left(program: Program, location: str, tmp_path: Path) -> list[Path]:
    """Journals of a process killed the moment `begin` returned; the database saw none of its rows."""
    process = program(BEGIN_ONE)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    with busy(location):  # nothing can be posted
        (tmp_path / "go").touch()
        assert process.stdout.readline() == "begun\n"
        process.kill()
        process.wait()
        with administered(location) as database:
            assert database.scalar(sa.text("SELECT count(*) FROM requests")) == 0
    return journals(location)


@pytest.fixture
def complete(make_plan: Callable[..., Plan], outcome: Outcome) -> bytes:
    """A journal without fault: one request cut off, one finished."""
    records: list[Record] = [
        ("begin", begun(make_plan("r1"), 1.0, SECRET)),
        ("begin", begun(make_plan("r2"), 2.0, SECRET)),
        ("finish", finished("r2", outcome, 3.0)),
    ]
    return b"".join(map(encode, records))


def test_what_was_begun_survives_being_killed(left: list[Path], opened: Opened, location: str) -> None:
    assert any(file.stat().st_size for file in left)
    ledger = opened(write=False)
    cut_off, complete = ledger.row("r1"), ledger.row("r2")
    assert cut_off is not None
    assert (cut_off["end"], cut_off["error"]) == ("failed", "the endpoint ended before the answer did")
    assert complete is not None
    assert complete["status"] == 200
    assert complete["cost_usd"] == pytest.approx(0.00351)
    assert ledger.count() == 2
    assert journals(location) == []


def test_replaying_again_changes_nothing(
    left: list[Path], opened: Opened, location: str, tmp_path: Path
) -> None:
    """As after a crash between the commit and the journal's end."""
    copies = tmp_path / "copies"
    shutil.copytree(left[0].parent, copies)
    once = opened(write=False).recent(10)
    shutil.copytree(copies, left[0].parent, dirs_exist_ok=True)
    assert journals(location) == left
    again = opened()
    assert again.recent(10) == once
    assert len(once) == 2
    assert set(journals(location)).isdisjoint(left)


@pytest.mark.parametrize(
    ("tail", "rows"),
    [
        (b'["begin",{"id":"torn","begun_at":1.0,"te', 2),
        (b"\0" * 512, 2),
        (b"\0" * 512 + b"\n", 2),
        (b'{"another": "shape"}\n\xff\xfe\n', 2),
        (encode(("finish", {"id": "r1"})), 2),
        (encode(("begin", {"id": "no time and no team"})), 2),
        (encode(("begin", {"id": "r3", "begun_at": 1.0, "team": "t", "stream": "perhaps"})), 3),
        (encode(("begin", {"id": "r3", "begun_at": 1.0, "team": "t", "files": 2**80})), 3),
        (encode(("finish", {"no": "id"})), 2),
        (encode(("begin", {"id": "of an older version", "begun_at": 1.0, "team": "t", "gone": 1})), 3),
    ],
)
def test_damage_costs_no_other_record(
    opened: Opened, location: str, complete: bytes, tail: bytes, rows: int
) -> None:
    opened().close()
    dead = journal_folder(locate(location)) / "1-dead-a.jsonl"
    dead.write_bytes(complete + tail)
    ledger = opened(write=False)
    assert ledger.count() == rows
    row = ledger.row("r2")
    assert row is not None
    assert row["finished_at"] == 3.0
    assert journals(location) == []


def test_killed_in_full_flight_nothing_is_lost_or_doubled(program: Program, opened: Opened) -> None:
    told_begun: set[str] = set()
    told_finished: set[str] = set()
    for round_ in range(3):
        process = program(BEGIN_MANY)
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(1000 + 400 * round_)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
        for line in lines:
            if line.endswith("\n"):  # the last may be cut
                {"b": told_begun, "f": told_finished}[line[0]].add(line[2:].strip())
    ledger = opened(write=False)
    rows = {row["id"]: row for row in ledger.recent(10**6)}
    ended = {name for name, row in rows.items() if row["end"] == "complete"}
    assert told_begun <= rows.keys()
    assert told_finished <= ended
    # Killed between writing and saying so, at most one record a round is there unannounced.
    assert len(rows.keys() - told_begun) <= 3
    assert len(ended - told_finished) <= 3
    assert len(told_begun) >= 1500
    assert all(row["cost_usd"] == pytest.approx(0.00351) for row in map(rows.get, ended) if row)


def test_two_processes_write_at_once(program: Program, opened: Opened, location: str) -> None:
    source = """
store = open_ledger(LOCATION)
for number in range(400):
    store.begin(plan_of(f"{os.getpid()}-{number}"))
    store.finish(f"{os.getpid()}-{number}", OUTCOME)
    if number % 100 == 50: store.flush()
store.close()
sys.stdout.write(f"lost={store.lost}")
"""
    processes = [program(source) for _ in range(3)]  # none finds a database: all make one
    assert [process.communicate(timeout=90)[0] for process in processes] == ["lost=0"] * 3
    ledger = opened(write=False)
    assert ledger.count() == 1200
    assert all(row["finished_at"] for row in ledger.recent(1200))
    assert journals(location) == []


def test_the_living_keep_their_journal(
    opened: Opened, location: str, make_plan: Callable[..., Plan], outcome: Outcome, program: Program
) -> None:
    living = opened()
    with living._posting:  # as if the database were slow
        living.begin(make_plan("mine"))
        mine = journals(location)
        program("open_ledger(LOCATION, write=False).close()").wait(timeout=60)
        opened(write=False)
        assert journals(location) == mine
        assert any(file.stat().st_size for file in mine)
    living.finish("mine", outcome)
    assert living.flush()
    row = living.row("mine")
    assert row is not None
    assert row["finished_at"]


def test_closing_posts_what_is_left(opened: Opened, location: str, make_plan: Callable[..., Plan]) -> None:
    ledger = opened()
    ledger.begin(make_plan("last"))
    ledger.close()
    ledger.close()
    assert journals(location) == []
    assert opened(write=False).row("last") is not None


def test_a_killed_process_is_dead_at_once(program: Program, opened: Opened) -> None:
    """A restart under the same supervisor finds the old rows before it takes the first request."""
    process = program(BEGIN_MANY)
    assert process.stdout
    first = process.stdout.readline()[2:].strip()
    process.kill()
    process.wait()
    assert opened().row(first) is not None


BEGIN_WITH_A_BUDGET = """
import asyncio
from dataclasses import replace
from policies.decide import Decision
from router.accounts.teams import Budget, BudgetLimit
budget = Budget(usd=1.0, per="month")
limit = BudgetLimit(scope="team:core", budget=budget, zone="UTC", name="team:core per month")
store = open_ledger(LOCATION)
async def reserve(*names):
    for name in names: assert await store.budgets.reserve(name, [limit], 0.25) is None
asyncio.run(reserve("cloud", "moved", "done"))
local = Decision(track="local", rule="files", why="a file", p_local=0.9)
for name in ("cloud", "done", "without"): store.begin(plan_of(name))
for name in ("local", "moved"): store.begin(plan_of(name, decision=local))
store.begin(plan_of("count", operation="count"))
store.move("moved")
store.finish("done", OUTCOME)
FLUSH
os.write(1, b"begun\\n")
time.sleep(600)
"""


@pytest.mark.parametrize("posted", [False, True])
def test_what_a_killed_endpoint_was_cut_off_from_is_charged_at_the_next_start(
    program: Program, opened: Opened, posted: bool
) -> None:
    flush = "assert store.flush()" if posted else ""
    process = program("import time\n" + BEGIN_WITH_A_BUDGET.replace("FLUSH", flush))
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    process.kill()
    process.wait()
    for _ in range(2):  # what is there twice is charged once
        ledger = opened()
        rows = {row["id"]: row for row in ledger.recent(10)}
        assert {name: row["end"] for name, row in rows.items()} == {
            **dict.fromkeys(("cloud", "without", "local", "moved", "count"), "failed"),
            "done": "complete",
        }
        for name in ("cloud", "without", "moved"):
            assert (rows[name]["served_track"], rows[name]["usage_estimated"]) == ("cloud", True)
            assert rows[name]["cost_usd"] == pytest.approx(1000 * 3 / 1e6)  # the prompt
        assert [(rows[name]["cost_usd"], rows[name]["usage_estimated"]) for name in ("local", "count")] == [
            (0, False),
            (0, False),
        ]
        spent = 2 * 0.25 + rows["done"]["cost_usd"] + rows["without"]["cost_usd"]
        assert ledger.budgets.balance(LIMIT).spent_usd == pytest.approx(spent)
        ledger.close()


def test_what_is_under_way_elsewhere_is_left_alone(
    opened: Opened, make_plan: Callable[..., Plan], outcome: Outcome
) -> None:
    living = opened()
    living.begin(make_plan("mine"))
    assert living.flush()
    row = opened().row("mine")
    assert row is not None
    assert row["finished_at"] is None
    living.finish("mine", outcome)
    assert living.flush()
    assert (living.row("mine") or {})["end"] == "complete"
