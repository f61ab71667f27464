import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledger_places import administered

from router.billing.bill import Billing
from router.billing.prices import Prices
from router.errors import Misconfigured
from router.ledger import LedgerStore
from router.ledger.database import locate, writing
from router.ledger.labels import labelled
from router.ledger.migrations import FOLDER
from router.ledger.queries import totals
from router.ledger.rows import begun, finished
from router.ledger.tables import REVISION, keys, metadata, spending
from router.ledger.writer import post
from router.types import Outcome, Plan

Opened = Callable[..., LedgerStore]


def test_the_migrations_make_the_tables(opened: Opened, blank: str) -> None:
    opened().close()
    engine = sa.create_engine(locate(blank))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        if engine.dialect.name == "sqlite":
            assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
    engine.dispose()


def test_the_revision_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_ledger_of_the_first_version_keeps_its_rows(
    opened: Opened, blank: str, make_plan: Callable[..., Plan], outcome: Outcome
) -> None:
    old = sa.create_engine(locate(blank))
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    with old.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        then = sa.MetaData()
        first = sa.Table("requests", then, autoload_with=connection)
        values = {**begun(make_plan("old"), 1.0, b"secret"), **finished("old", outcome, 2.0)}
        under_way = begun(make_plan("cut off"), 1.5, b"secret")
        for record in (values, under_way):
            connection.execute(
                sa.insert(first), {name: value for name, value in record.items() if name in first.c}
            )
        key = {"id": "k1", "digest": "d", "team": "core", "user": "ada", "name": "", "created_at": 1.0}
        connection.execute(sa.insert(sa.Table("keys", then, autoload_with=connection)), key)
    old.dispose()
    assert "ask_digest" not in first.c

    ledger = opened()
    row = ledger.row("old")
    assert row is not None
    assert all(row[column.name] == values.get(column.name) for column in first.c)
    assert row["ask_digest"] is None
    assert ledger.judge("old", "should_be_cloud", team="core", user="ada")
    assert [(record.request_id, record.label) for record in labelled(ledger)] == [("old", 0)]
    with administered(blank) as database:
        (total,) = totals(database, 0, 3600)
        assert database.scalar(sa.select(sa.func.count()).select_from(keys)) == 1
    assert (total["requests"], total["unfinished"], total["output"]) == (2, 1, 200)
    assert total["cost_known"] == 0

    ledger.begin(make_plan("new"))
    ledger.finish("cut off", outcome)
    assert ledger.flush()
    assert ledger.count() == 3
    with administered(blank) as database:
        (total,) = totals(database, 0, 3600)
    assert (total["requests"], total["unfinished"], total["output"]) == (2, 0, 400)


def test_what_was_spent_before_there_were_budgets_counts(
    opened: Opened, blank: str, make_plan: Callable[..., Plan], outcome: Outcome
) -> None:
    old = sa.create_engine(locate(blank))
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    with old.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        table = sa.Table("requests", sa.MetaData(), autoload_with=connection)
        for at, usd, local in (
            (899.0, 1.0, None),
            (900.5, 2.0, 0.5),
            (1799.9, 4.0, 0.0),
            (1800.0, None, None),
        ):
            name = f"r{at}"
            values = begun(make_plan(name), at, b"secret") | finished(name, outcome, at + 1)
            values |= {"cost_usd": usd, "local_usd": local}
            row = {column: value for column, value in values.items() if column in table.c}
            connection.execute(sa.insert(table), row)
    old.dispose()
    opened().close()
    with administered(blank) as database:
        summed = database.execute(sa.select(spending).order_by(spending.c.at)).all()
    assert [tuple(row) for row in summed] == [("team:core", 0, 1.0), ("team:core", 900, 5.5)]


ENDS = [
    (200, "", "generate", "complete"),
    (200, None, "generate", "complete"),
    (200, "the upstream dropped the connection", "generate", "failed"),
    (200, "the client hung up", "generate", "client_left"),
    (499, "the client hung up", "generate", "client_left"),
    (200, "estimated (the provider failed (529))", "count", "complete"),
    (404, "", "count", "failed"),
    (529, "the provider failed (529)", "generate", "failed"),
]


def test_how_earlier_requests_ended_is_read_from_their_status_and_error(
    opened: Opened, blank: str, make_plan: Callable[..., Plan], outcome: Outcome
) -> None:
    old = sa.create_engine(locate(blank))
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    with old.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        table = sa.Table("requests", sa.MetaData(), autoload_with=connection)
        for at, (status, error, operation, _) in enumerate(ENDS):
            values = begun(make_plan(f"r{at}", operation=operation), 1.0, b"secret")
            values |= finished(f"r{at}", outcome, 2.0) | {"status": status, "error": error}
            row = {column: value for column, value in values.items() if column in table.c}
            connection.execute(sa.insert(table), row)
        under_way = begun(make_plan("r8"), 1.0, b"secret")
        connection.execute(sa.insert(table), {name: under_way[name] for name in ("id", "team", "begun_at")})
    old.dispose()
    ledger = opened()
    ends = [row["end"] for at in range(9) if (row := ledger.row(f"r{at}"))]
    assert ends == [*(end for *_, end in ENDS), None]


@pytest.mark.parametrize(("status", "error", "operation", "end"), ENDS)
def test_a_journal_of_an_earlier_version_says_how_requests_ended(
    ledger: LedgerStore, make_plan: Callable[..., Plan], outcome: Outcome, status, error, operation, end
) -> None:
    values = finished("r1", outcome, 2.0) | {"status": status, "error": error}
    del values["end"]
    begin = begun(make_plan("r1", operation=operation), 1.0, b"secret")
    with writing(ledger.engine) as connection:
        post(connection, [("begin", begin), ("finish", values)], Billing(Prices(), "claude-sonnet-5-5"))
    row = ledger.row("r1")
    assert row is not None
    assert row["end"] == end


def test_a_newer_database_is_refused_and_left_alone(opened: Opened, location: str) -> None:
    opened().close()
    with administered(location) as database:
        database.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        before = sa.inspect(database).get_table_names()
        with pytest.raises(Misconfigured, match=r"ledger: .* is of a newer version.*9999.*TURNOUT_LEDGER"):
            opened()
        assert sa.inspect(database).get_table_names() == before
        assert database.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_failed_migration_leaves_nothing_behind(opened: Opened, blank: str) -> None:
    with administered(blank) as database:
        database.exec_driver_sql("CREATE TABLE keys (mine INTEGER)")  # the first migration's second table
        with pytest.raises(Misconfigured, match=r'"?keys"? already exists'):
            opened()
        assert sa.inspect(database).get_table_names() == ["keys"]
        database.exec_driver_sql("DROP TABLE keys")
    assert opened().count() == 0


@pytest.mark.usefixtures("blank")
def test_alembic_is_imported_only_to_migrate(program: Callable[[str], subprocess.Popen[str]]) -> None:
    source = "open_ledger(LOCATION).close(); sys.stdout.write(str('alembic' in sys.modules))"
    assert program(source).communicate(timeout=60)[0] == "True"
    assert program(source).communicate(timeout=60)[0] == "False"


def test_opening_imports_no_litellm_and_no_alembic() -> None:
    check = "import sys, router.ledger; sys.exit(any(m in sys.modules for m in ('litellm', 'alembic')))"
    assert (
        subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[3], check=False).returncode
        == 0
    )
