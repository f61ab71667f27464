"""Two policies on the same requests: what moves, for what money, with which expectation."""

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.evaluation.baselines import outcomes
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.diff import Difference, MovedRequest, of_rows, of_suite
from benchmarks.evaluation.diff_report import csv_writer, render, values
from benchmarks.evaluation.replay import COLUMNS, from_parquet, opened, replay
from benchmarks.evaluation.suites.recorded import load_suite
from benchmarks.evaluation.traffic import SUITE_FOR_WORK
from benchmarks.research.seed_ledger import seed
from policies.load import load, parse
from router.billing.prices import Prices
from router.cli.main import app
from router.errors import Misconfigured
from router.ledger.database import connect, locate
from router.ledger.export import export
from router.ledger.queries import totals

SUITES = {name: load_suite(name) for name in dict.fromkeys(SUITE_FOR_WORK.values())}

ALL_LOCAL = parse("name: all-local\nrules: []\notherwise: {to: local, why: all}\n", source="a")
ALL_CLOUD = parse("name: all-cloud\nrules: []\notherwise: {to: cloud, why: all}\n", source="b")
BY_FILES = """
name: by-files
rules: [{name: many, when: "files >= 3", to: cloud, why: many files}]
otherwise: {to: local, why: few files}
"""
FENCED = """
name: fenced
never_cloud: {match: [secret], teams: [legal]}
rules: []
otherwise: {to: cloud, why: all}
"""


def row(**changed: Any) -> dict[str, Any]:
    plain = dict.fromkeys(COLUMNS)
    plain |= {
        "id": "r1", "begun_at": 1.0, "finished_at": 2.0, "team": "core", "user": "ada", "client": "pi",
        "operation": "generate", "asked_model": "auto", "p_local": 0.5, "work": "self-contained",
        "cleared": True, "notes": "", "served_track": "cloud", "cost_usd": 0.03, "wasted_usd": 0.01,
        "baseline_usd": 0.02, "conversation": "c1", "kind": "ask", "turns": 1, "turn_calls": 0,
    }  # fmt: skip
    return plain | changed


def tracks(policy: Any, *rows: dict[str, Any]) -> list[str]:
    return [replayed.after.track for replayed in replay(ALL_LOCAL, policy, rows, local_context=0)]


def test_a_turn_keeps_its_opening_decision() -> None:
    policy = parse(BY_FILES, source="x")
    decided_anew = parse(BY_FILES + "hold: none\n", source="x")
    turn = [row(files=0), row(files=5, turn_calls=1), row(files=5, turns=2)]
    assert tracks(policy, *turn) == ["local", "local", "cloud"]
    assert tracks(decided_anew, *turn) == ["local", "cloud", "cloud"]
    assert tracks(policy, row(files=5), row(files=0, turn_calls=1, conversation="c2")) == ["cloud", "local"]
    assert tracks(policy, row(files=5), row(files=0, turn_calls=1, team="docs")) == ["cloud", "local"]


def test_what_may_not_leave_stays_and_what_the_client_named_is_its_own() -> None:
    fenced = parse(FENCED, source="x")
    assert tracks(fenced, row(), row(team="legal"), row(cleared=False, private_why="secret")) == [
        "cloud", "local", "local",
    ]  # fmt: skip
    assert tracks(ALL_CLOUD, row(cleared=False)) == ["cloud"]  # this policy has no such fence
    assert tracks(ALL_CLOUD, row(asked_model="local"), row(asked_model="turnout/cloud")) == ["local", "cloud"]


def test_what_could_not_be_read_goes_where_such_things_go_and_counts_are_left_out() -> None:
    unread = row(notes="reading failed: ValueError", files=0)
    (replayed,) = replay(
        ALL_LOCAL, parse(BY_FILES, source="x"), [unread, row(operation="count")], local_context=0
    )
    assert replayed.after.rule == "unreadable"


@pytest.mark.parametrize(
    ("changed", "before", "after"),
    [
        ({}, 0.02, 0.0),  # billed, less what failed attempts took
        ({"served_track": "local"}, 0.02, 0.0),  # its tokens at the price of what was asked for
        ({"served_track": "local", "local_usd": 0.004}, 0.02, 0.004),
        ({"cost_usd": None}, None, None),
        ({"served_track": None, "cost_usd": None}, None, None),
        ({"served_track": "local", "baseline_usd": None}, None, None),
    ],
)
def test_dollars(changed: dict[str, Any], before: float | None, after: float | None) -> None:
    moved: list[MovedRequest] = []
    difference = of_rows(ALL_CLOUD, ALL_LOCAL, [row(**changed)], SUITES, source="x", on_move=moved.append)
    assert difference.unpriced == (before is None)
    assert difference.usd_before == pytest.approx(before or 0)
    assert difference.usd_after == pytest.approx(after or 0)
    (group,), (request,) = difference.groups, moved
    assert request.usd == (None if before is None else pytest.approx((after or 0) - before))
    assert (group.requests, group.turns, group.unpriced) == (1, 1, before is None)
    assert (group.before, group.after) == ("cloud", "local")


def test_expected_quality_is_the_suites_own_difference() -> None:
    rows = [
        row(id=f"r{n}", conversation=f"c{n}", work=work) for n, work in enumerate(("issue-report", "unknown"))
    ]
    quality = of_rows(ALL_LOCAL, ALL_CLOUD, rows, SUITES, source="x").quality
    paired = outcomes(SUITES["swebench"])
    gain = float((paired[:, 1] - paired[:, 0]).mean())
    assert quality.change.point == pytest.approx(gain)
    assert quality.change.low < gain < quality.change.high
    assert (quality.rated, quality.unrated, dict(quality.to_cloud), dict(quality.to_local)) == (
        1,
        1,
        {"swebench": 1},
        {},
    )
    back = of_rows(ALL_CLOUD, ALL_LOCAL, rows, SUITES, source="x").quality
    assert back.change.point == pytest.approx(-gain)
    same = of_rows(ALL_CLOUD, ALL_CLOUD, rows, SUITES, source="x")
    assert (same.changed, same.quality.change.low, same.quality.change.high) == (0, 0, 0)
    nothing = of_rows(ALL_CLOUD, ALL_LOCAL, [], SUITES, source="x")
    assert values(nothing)["quality"]["change"] == {"point": None, "low": None, "high": None}


def test_later_calls_of_a_turn_are_no_turns() -> None:
    rows = [row(), row(id="r2", turn_calls=1), row(id="r3", kind="housekeeping")]
    difference = of_rows(ALL_LOCAL, ALL_CLOUD, rows, SUITES, source="x")
    assert (difference.requests, difference.turns, difference.changed, difference.quality.rated) == (
        3,
        1,
        3,
        1,
    )


def test_a_suite_compares_its_own_outcomes() -> None:
    suite = SUITES["swebench"]
    difference = of_suite(ALL_LOCAL, ALL_CLOUD, suite, Rates(model="claude-sonnet-4-5", prices=Prices()))
    paired = outcomes(suite)
    assert (difference.unit, difference.changed, difference.quality.rated) == ("tasks", 500, len(paired))
    assert difference.quality.change.point == pytest.approx(float((paired[:, 1] - paired[:, 0]).mean()))
    assert difference.quality.change.low < difference.quality.change.point < difference.quality.change.high
    assert difference.usd_before == 0
    assert difference.usd_after > 100


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("seeded") / "ledger.db"
    engine = connect(locate(file))
    seed(engine, 3000)
    with engine.connect() as connection:
        (total,) = totals(connection, 0, 4e9)
    assert total["requests"] == 3000
    assert total["unfinished"] > 0
    export(engine, file.parent / "exported", chunk=700)
    engine.dispose()
    return file


def replayed_from(location: Path) -> tuple[Difference, list[MovedRequest]]:
    moved: list[MovedRequest] = []
    with opened(str(location)) as (rows, count, source):
        assert count == 3000
        difference = of_rows(
            load("balanced"), load("local-first"), rows, SUITES, source=source, on_move=moved.append
        )
    return difference, moved


def test_a_ledger_and_its_export_tell_the_same(seeded: Path) -> None:
    difference, moved = replayed_from(seeded)
    again, moved_again = replayed_from(seeded.parent / "exported")
    first, second = (asdict(item) | {"seconds": 0, "source": ""} for item in (difference, again))
    assert first == second
    assert moved == moved_again
    assert difference.changed == len(moved) > 500
    assert sum(group.usd for group in difference.groups) == pytest.approx(
        difference.usd_after - difference.usd_before
    )


def test_the_command_prints_writes_and_filters(seeded: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    file = tmp_path / "moved.csv"
    words = ["policy", "diff", "balanced", "local-first", "--ledger", str(seeded)]
    ran = runner.invoke(app, [*words, "--csv", str(file), "--json"])
    assert ran.exit_code == 0, ran.output
    payload = json.loads(ran.stdout)
    with file.open(newline="") as lines:
        moved = list(csv.DictReader(lines))
    assert len(moved) == payload["changed"] == sum(group["requests"] for group in payload["groups"])
    assert set(moved[0]) == set(MovedRequest.__dataclass_fields__)
    part = runner.invoke(app, [*words, "--team", "web", "--since", "2026-11-10", "--json"])
    assert 0 < json.loads(part.stdout)["requests"] < payload["requests"]
    suite = runner.invoke(app, ["policy", "diff", "balanced", "local-first", "--suite", "humaneval"])
    assert "4 of 164 tasks change track" in suite.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["balanced", "nowhere"], "there is no such policy or file"),
        (["balanced", "observe", "--suite", "humaneval", "--team", "x"], "--suite: has tasks, not requests"),
        (["balanced", "observe", "--since", "soon"], "--since: 'soon' is not a UTC day"),
        (["balanced", "observe", "--ledger", "{tmp}"], "has no files that `turnout ledger export` wrote"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, words: list[str], message: str) -> None:
    failed = CliRunner().invoke(
        app, ["policy", "diff", *(word.replace("{tmp}", str(tmp_path)) for word in words)]
    )
    assert failed.exit_code != 0
    assert message in str(failed.exception)


@pytest.mark.parametrize(
    ("ledger", "message"),
    [
        ("nowhere.db", "--ledger: there is no file or folder"),
        ("", "has no files that `turnout ledger export` wrote"),
        ("notes.txt", "ledger: cannot open"),
    ],
)
def test_a_wrong_ledger_is_refused_before_any_suite(tmp_path: Path, ledger: str, message: str) -> None:
    """A system that no suite knows is refused when the suites are read: that comes later."""
    (tmp_path / "notes.txt").write_text("no database")
    words = ["policy", "diff", "balanced", "observe", "--local", "nobody", "--ledger", str(tmp_path / ledger)]
    failed = CliRunner().invoke(app, words)
    assert message in str(failed.exception)
    assert not (tmp_path / "nowhere.db").exists()


def test_an_export_needs_all_columns_and_a_csv_a_place(seeded: Path, tmp_path: Path) -> None:
    engine = connect(locate(seeded))
    export(engine, tmp_path / "few", columns=("id", "team"))
    engine.dispose()
    with pytest.raises(Misconfigured, match="has no column 'asked_model'"):
        next(iter(from_parquet(tmp_path / "few")))
    with (
        pytest.raises(Misconfigured, match=r"--csv: .* cannot be written"),
        csv_writer(tmp_path / "no" / "x.csv"),
    ):
        pass


def test_it_reads_well_in_a_terminal(seeded: Path) -> None:
    difference, _ = replayed_from(seeded)
    page = io.StringIO()
    render(difference, Console(file=page, width=110))
    text = page.getvalue()
    assert "balanced to local-first" in text
    assert "requests change track" in text
    assert "expected quality:" in text
    assert "Quality is expected, not measured" in text
    assert "crosses-files" in text
