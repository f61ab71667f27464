import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from router.errors import Misconfigured
from router.ledger import LedgerStore
from router.ledger.migrations import FOLDER
from router.ledger.tables import REVISION, metadata

Opened = Callable[..., LedgerStore]


def test_the_migrations_make_the_tables(opened: Opened, path: Path) -> None:
    opened().close()
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
    engine.dispose()


def test_the_revision_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_newer_database_is_refused_and_left_alone(opened: Opened, path: Path) -> None:
    opened().close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
        before = "\n".join(database.iterdump())
        with pytest.raises(
            Misconfigured, match=r"ledger: .*ledger\.db is of a newer version.*9999.*TURNOUT_LEDGER"
        ):
            opened()
        assert "\n".join(database.iterdump()) == before


def test_a_failed_migration_leaves_nothing_behind(opened: Opened, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE keys (mine)")  # the second table of the first migration
        with pytest.raises(Misconfigured, match="table keys already exists"):
            opened()
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("keys",)]
        database.execute("DROP TABLE keys")
    assert opened().count() == 0


def test_alembic_is_imported_only_to_migrate(program: Callable[[str], subprocess.Popen[str]]) -> None:
    source = "open_ledger(PATH).close(); sys.stdout.write(str('alembic' in sys.modules))"
    assert program(source).communicate(timeout=60)[0] == "True"
    assert program(source).communicate(timeout=60)[0] == "False"


def test_opening_imports_no_litellm_and_no_alembic() -> None:
    check = "import sys, router.ledger; sys.exit(any(m in sys.modules for m in ('litellm', 'alembic')))"
    assert (
        subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[3], check=False).returncode
        == 0
    )
