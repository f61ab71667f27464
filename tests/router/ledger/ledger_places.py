"""What tests do to a ledger's database from outside, on SQLite and on PostgreSQL alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from router.ledger.database import journal_folder, locate


@contextmanager
def administered(location: str) -> Iterator[sa.Connection]:
    """A connection past the ledger, each statement of which is committed at once."""
    engine = sa.create_engine(locate(location), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@contextmanager
def busy(location: str) -> Iterator[None]:
    """While another writes, nobody else can; reading goes on."""
    engine = sa.create_engine(locate(location))
    with engine.connect() as connection:
        on_file = engine.dialect.name == "sqlite"
        connection.exec_driver_sql("BEGIN EXCLUSIVE" if on_file else "LOCK TABLE requests IN EXCLUSIVE MODE")
        yield
        connection.rollback()
    engine.dispose()


def journals(location: str) -> list[Path]:
    """What waits to be posted there."""
    return sorted(journal_folder(locate(location)).glob("*.jsonl"))
