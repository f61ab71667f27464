"""What becomes of rows in time: removed when old, exported, copied while others write."""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from postgres_server import PostgreSQL

from router.billing.bill import Billing
from router.billing.prices import Prices
from router.errors import Misconfigured
from router.ledger import LedgerStore
from router.ledger.backup import backup
from router.ledger.database import connect, locate, writing
from router.ledger.export import export
from router.ledger.journal import Record
from router.ledger.queries import latency, series, totals
from router.ledger.retention import DAY, count_old, cutoff, prune
from router.ledger.rows import begun, finished
from router.ledger.size import measure
from router.ledger.tables import requests
from router.ledger.writer import post
from router.types import Outcome, Plan

MakePlan = Callable[..., Plan]
BILLING = Billing(Prices(), "claude-sonnet-5-5")
NOVEMBER = 1_793_491_200.0
"""The first second of November 2026, UTC."""
HALF = 1800.0


@pytest.fixture
def filled(ledger: LedgerStore, make_plan: MakePlan, outcome: Outcome) -> LedgerStore:
    """A request every half hour through the last two days of October and the first of November."""
    records: list[Record] = []
    for number in range(144):
        at = NOVEMBER - 2 * DAY + number * HALF + 60
        plan = make_plan(f"r{number:03}", team=("core", "docs")[number % 2])
        records.append(("begin", begun(plan, at, b"secret")))
        if number % 12:
            records.append(("finish", finished(f"r{number:03}", outcome, at + 2)))
    with writing(ledger.engine) as connection:
        post(connection, records, BILLING)
    assert ledger.judge("r000", "good", team="core", user="ada")
    assert ledger.judge("r143", "good", team="docs", user="ada")
    return ledger


def test_what_is_old_goes_and_what_it_added_up_to_stays(filled: LedgerStore) -> None:
    day_by_day = [NOVEMBER + DAY * day for day in (-2, -1, 0, 1)]
    with filled.engine.connect() as connection:
        before = series(connection, day_by_day, by=("team", "track"))
        took = latency(connection, day_by_day[0], day_by_day[-1])
    edge = cutoff(1, NOVEMBER + DAY + 17 * 60)
    assert edge == NOVEMBER
    assert count_old(filled.engine, edge) == 96
    gone: list[int] = []
    assert prune(filled.engine, edge, batch=10, pause=lambda _: None, progress=gone.append) == 96
    assert gone == [*range(10, 100, 10), 96]
    assert prune(filled.engine, edge) == 0
    assert filled.count() == 48
    assert set(filled.verdicts()) == {"r143"}
    with filled.engine.connect() as connection:
        assert series(connection, day_by_day, by=("team", "track")) == before
        assert latency(connection, day_by_day[0], day_by_day[-1]) == took
        # Of an hour without rows nobody knows the halves: all of it counts to where it began.
        noon = NOVEMBER - DAY + DAY / 2
        first, second = series(connection, [noon, noon + HALF, noon + 2 * 2 * HALF])
        assert (first["requests"], second["requests"]) == (2, 2)


def test_pruning_stops_when_told_to(filled: LedgerStore) -> None:
    assert prune(filled.engine, NOVEMBER, batch=10, pause=lambda _: True) == 10


def test_a_ledger_that_keeps_days_prunes_by_itself(
    location: str, filled: LedgerStore, make_plan: MakePlan
) -> None:
    assert filled.count() == 144
    began_long_ago = (time.time() - NOVEMBER) // DAY
    keeping = LedgerStore.open(location, prices=Prices(), keep_days=max(1, int(began_long_ago)))
    keeping.begin(make_plan("now"))
    expected = count_old(filled.engine, cutoff(max(1, int(began_long_ago)), time.time()))
    deadline = time.monotonic() + 20
    while expected and time.monotonic() < deadline:
        expected = count_old(filled.engine, cutoff(max(1, int(began_long_ago)), time.time()))
        time.sleep(0.02)
    keeping.close()
    assert expected == 0
    assert filled.row("now") is not None


def test_requests_are_posted_while_old_ones_go(filled: LedgerStore, make_plan: MakePlan) -> None:
    pruning = threading.Thread(target=prune, args=(filled.engine, NOVEMBER), kwargs={"batch": 5})
    pruning.start()
    for number in range(50):
        filled.begin(make_plan(f"new{number}"))
    assert filled.flush()
    pruning.join()
    assert filled.count() == 48 + 50
    assert filled.lost == 0


def test_an_export_has_every_row_once_by_month_and_by_day(filled: LedgerStore, tmp_path: Path) -> None:
    written: list[int] = []  # a chunk ends within a month
    assert export(filled.engine, tmp_path / "all", chunk=50, progress=written.append) == 144
    assert written == [50, 100, 144]
    folders = sorted(folder.name for folder in (tmp_path / "all").iterdir())
    assert folders == ["month=2026-10", "month=2026-11"]
    frame = pl.scan_parquet(tmp_path / "all" / "*" / "*.parquet").collect()
    assert frame["id"].sort().to_list() == [f"r{number:03}" for number in range(144)]
    row = filled.row("r005")
    assert row is not None
    assert frame.filter(pl.col("id") == "r005").to_dicts() == [
        {**row, "month": "2026-10"} if "month" in frame.columns else dict(row)
    ]

    since = NOVEMBER - DAY
    count = export(
        filled.engine, tmp_path / "some", team="docs", since=since, until=NOVEMBER + DAY / 2, by="day",
        columns=("id", "team"),
    )  # fmt: skip
    assert count == 36
    assert sorted(folder.name for folder in (tmp_path / "some").iterdir()) == [
        "day=2026-10-31",
        "day=2026-11-01",
    ]
    few = pl.read_parquet(tmp_path / "some" / "day=2026-10-31" / "*.parquet", hive_partitioning=False)
    assert few.columns == ["id", "team"]
    assert set(few["team"]) == {"docs"}

    with pytest.raises(Misconfigured, match=r"--to: .*some is not empty; name a new folder"):
        export(filled.engine, tmp_path / "some")
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match=r"--to: cannot write to .*file.*name another folder"):
        export(filled.engine, tmp_path / "file")


@pytest.mark.usefixtures("path")
def test_a_backup_is_whole_while_others_write(
    filled: LedgerStore, make_plan: MakePlan, outcome: Outcome, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            filled.begin(make_plan(f"w{number}"))
            filled.finish(f"w{number}", outcome)
            number += 1
            time.sleep(0.0005)

    writer = threading.Thread(target=write)
    writer.start()
    copy = tmp_path / "copy.db"
    size = backup(filled.engine, copy)
    stop.set()
    writer.join()
    assert size == copy.stat().st_size
    with pytest.raises(Misconfigured, match=r"--to: .*copy.db is there already"):
        backup(filled.engine, copy)
    with pytest.raises(Misconfigured, match=r"--to: cannot write"):
        backup(filled.engine, tmp_path / "nowhere" / "copy.db")
    restored = connect(locate(copy))
    with restored.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA integrity_check")) == "ok"
        rows = connection.scalar(sa.select(sa.func.count()).select_from(requests))
        assert rows >= 144
        counted = totals(connection, 0, 2e9)[0]["requests"]
        assert counted == rows  # rows and roll-ups are of one moment
    restored.dispose()


def test_a_server_is_copied_by_its_own_tool(
    filled: LedgerStore, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if filled.engine.dialect.name == "sqlite":
        pytest.skip("about PostgreSQL")
    with pytest.raises(Misconfigured, match="pg_dump --format=custom postgresql://turnout@/"):
        backup(filled.engine, tmp_path / "copy.db")
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = filled.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    restored = server.create("restored")
    with filled.engine.connect() as connection:
        before = totals(connection, 0, 2e9, by=("team", "track"))
    subprocess.run([server.programs / "pg_dump", "--format=custom", f"--file={tmp_path}/d", url], check=True)
    into = ["--dbname", restored.replace("+psycopg", ""), tmp_path / "d"]
    subprocess.run([server.programs / "pg_restore", *into], check=True)
    engine = connect(locate(restored))
    with engine.connect() as connection:
        assert totals(connection, 0, 2e9, by=("team", "track")) == before
    engine.dispose()


def test_stats_tell_size_and_time(filled: LedgerStore) -> None:
    size = measure(filled.engine)
    assert (size["requests"], size["unfinished"]) == (144, 12)
    assert size["first_at"] == NOVEMBER - 2 * DAY + 60
    assert size["hourly_since_at"] == NOVEMBER - 2 * DAY
    assert isinstance(size["bytes"], int)
    assert size["bytes"] > 100_000
