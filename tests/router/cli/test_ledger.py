import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from benchmarks.research.seed_ledger import seed
from router.cli.main import app
from router.ledger.database import connect, locate


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("seeded") / "ledger.db"
    engine = connect(locate(file))
    seed(engine, 500)
    engine.dispose()
    return file


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["ledger", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_stats_export_backup_and_prune(seeded: Path, tmp_path: Path) -> None:
    statistics = json.loads(run("stats", "--ledger", str(seeded), "--json"))
    assert statistics["requests"] == 500
    assert "500" in run("stats", "--ledger", str(seeded))

    run("export", "--to", str(tmp_path / "out"), "--since", "2026-11-02", "--until", "2026-11-20T12:00",
        "--by", "day", "--ledger", str(seeded))  # fmt: skip
    frame = pl.scan_parquet(tmp_path / "out" / "*" / "*.parquet").collect()
    assert 0 < len(frame) < 500
    assert frame["begun_at"].min() >= 1_793_577_600  # type: ignore[operator]

    copy = tmp_path / "copy.db"
    run("backup", "--to", str(copy), "--ledger", str(seeded))
    dry = json.loads(run("prune", "--keep-days", "1", "--dry-run", "--json", "--ledger", str(copy)))
    gone = json.loads(run("prune", "--keep-days", "1", "--json", "--ledger", str(copy)))
    assert (dry["removed"], gone["removed"]) == (False, True)
    assert dry["rows"] == gone["rows"]
    left = json.loads(run("stats", "--ledger", str(copy), "--json"))
    assert left["requests"] == 500 - gone["rows"]
    assert left["hourly_rows"] >= statistics["hourly_rows"]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (["prune"], "--keep-days: is required, or set `ledger_keep_days`"),
        (["export", "--to", "x", "--since", "soon"], "--since: 'soon' is not a UTC day or time"),
        (["export", "--to", "{there}"], "--to: .* is not empty; name a new folder"),
        (["backup", "--to", "{there}/ledger.db"], "--to: .* is there already; name a new file"),
    ],
)
def test_what_is_wrong_is_said(seeded: Path, template: list[str], message: str) -> None:
    arguments = [argument.replace("{there}", str(seeded.parent)) for argument in template]
    result = CliRunner().invoke(app, ["ledger", *arguments, "--ledger", str(seeded)])
    assert result.exit_code != 0
    with pytest.raises(type(result.exception), match=message):  # type: ignore[arg-type]
        raise result.exception  # type: ignore[misc]
