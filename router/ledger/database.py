"""Opens the ledger's database: makes it where it is missing, and brings it to this version.

A location is a path of a SQLite file, or a SQLAlchemy URL of SQLite or PostgreSQL.
Alembic takes most of a second to import, so the stored revision is first compared by
plain SQL, and alembic comes only where there is something to do.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from router.errors import Misconfigured
from router.ledger.rollups import add_all
from router.ledger.tables import REVISION, hourly
from router.settings import data_dir
from router.system.files import make_folder, open_private, refuse_foreign_link, restrict_to_owner

BUSY_S = 30
"""How long a writer waits for another process's transaction."""
CONNECT_S = 10
"""How long a server may take to accept a connection, unless its URL says `connect_timeout`."""

_FORMS = "give the path of a SQLite file, or a URL such as postgresql+psycopg://user@host/turnout"


def locate(location: str | Path) -> URL:
    """Read a location; empty means `ledger.db` in the user's data folder.

    Raises:
        Misconfigured: it is neither a path nor the URL of a supported database.
    """
    if not location:
        location = data_dir() / "ledger.db"
    if "://" not in str(location):
        return URL.create("sqlite", database=str(Path(location).expanduser().absolute()))
    try:
        url = make_url(str(location))
    except ArgumentError as error:
        raise Misconfigured(f"ledger: this URL cannot be read; {_FORMS}") from error
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise Misconfigured(f"ledger: `{url.get_backend_name()}` is not supported; {_FORMS}")
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise Misconfigured(f"ledger: SQLite must have a file, to survive a crash; {_FORMS}")
    return url


def journal_folder(url: URL) -> Path:
    """Return the folder of this database's journals: beside a SQLite file, else in the user's data folder.

    Raises:
        Misconfigured: the folder cannot be made or written.
    """
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database)).absolute()
        folder = file.with_name(f"{file.name}.journals")
    else:
        name = hashlib.sha256(url.set(password=None).render_as_string().encode()).hexdigest()[:16]
        folder = data_dir() / "journals" / name
    try:
        make_folder(folder)
        os.close(open_private(folder / "lock", os.O_RDWR))
    except OSError as error:
        raise Misconfigured(
            f"ledger: cannot write to {folder} ({error.strerror or error}); make its folder writable, "
            "or set `ledger` (TURNOUT_LEDGER) to another place"
        ) from error
    restrict_to_owner(folder)
    return folder


def connect(url: URL) -> sa.Engine:
    """Open the database and bring it to this version. Needs the journal folder's lock.

    Raises:
        Misconfigured: it cannot be opened, is not a database, or was written by a newer Turnout.
    """
    address = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite":
        _restrict_files(Path(str(url.database)))
    try:
        engine = _engine(url)
        try:
            with engine.begin() as connection:
                _migrate(connection)
        except BaseException:
            engine.dispose()
            raise
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise Misconfigured(
            f"ledger: no driver for {address} ({error}); install it, e.g. `pip install 'psycopg[binary]'`"
        ) from error
    except DBAPIError as error:
        raise Misconfigured(
            f"ledger: cannot open {address} ({error.orig}); check that it is a database and can be reached "
            "and written, or set `ledger` (TURNOUT_LEDGER) to another place"
        ) from error
    return engine


@contextmanager
def writing(engine: sa.Engine, patience_s: float = BUSY_S) -> Iterator[sa.Connection]:
    """One transaction that reads in order to write; it commits at the end unless something raises.

    SQLite needs the lock from the beginning: a reader that turns writer after another has written
    is refused, however long it waits. On PostgreSQL, lock the rows that are read: `with_for_update`.

    Args:
        engine: Of a ledger.
        patience_s: How long to wait for each lock that another process holds.

    Raises:
        OperationalError: another process kept its lock for longer.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_ms(patience_s)}")
            yield connection
            return
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_ms(patience_s)}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
        finally:  # the connection goes back to the pool
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {_ms(BUSY_S)}")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _restrict_files(file: Path) -> None:
    """Let nobody but its owner read a ledger, from before its first byte on.

    SQLite gives the files beside a database the database's own mode.
    """
    refuse_foreign_link(file, "ledger")
    # A database that is there is never opened here: to close it would give up SQLite's own locks on it.
    with suppress(OSError):  # SQLite says better what is wrong with the place
        os.close(open_private(file, os.O_RDWR | os.O_EXCL))
    for path in (file.resolve(), *(file.with_name(file.name + end) for end in ("-wal", "-shm", "-journal"))):
        restrict_to_owner(path)


def _engine(url: URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        bounded = "psycopg" in url.get_driver_name() and "connect_timeout" not in url.query
        options = {"connect_timeout": CONNECT_S} if bounded else {}
        return sa.create_engine(url, pool_pre_ping=True, connect_args=options)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S})
    sa.event.listen(engine, "connect", _tune)
    return engine


def _tune(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers do not wait for the writer
    cursor.execute("PRAGMA synchronous=NORMAL")  # safe in WAL: a power cut may lose the last commits, no more
    cursor.close()


def _migrate(connection: sa.Connection) -> None:
    inspector = sa.inspect(connection)
    if inspector.has_table("alembic_version"):
        stored = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if stored == REVISION:
            return
    rolled_up = inspector.has_table(hourly.name)
    from router.ledger.migrations import upgrade

    upgrade(connection)
    if not rolled_up:
        add_all(connection)
