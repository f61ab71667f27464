"""A copy of a SQLite ledger, whole and consistent, while the endpoint goes on writing."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from router.errors import Misconfigured
from router.system.files import open_private


def backup(engine: sa.Engine, to: Path) -> int:
    """Write the database as it is at this moment to a new file, without its free pages.

    What still lies in a journal is not in it: at most the last fraction of a second.

    Returns:
        The file's size in bytes.

    Raises:
        Misconfigured: the ledger is not on SQLite, or the file exists or cannot be written.
    """
    if engine.dialect.name != "sqlite":
        url = engine.url.set(password=None, drivername="postgresql").render_as_string()
        raise Misconfigured(f"ledger: is on a server; copy it with `pg_dump --format=custom {url}`")
    try:
        os.close(open_private(to, os.O_RDWR | os.O_EXCL))  # SQLite fills an empty file, and keeps its mode
    except FileExistsError as error:
        raise Misconfigured(f"--to: {to} is there already; name a new file") from error
    except OSError as error:
        raise Misconfigured(f"--to: cannot write {to} ({error.strerror}); name another place") from error
    try:
        with closing(sqlite3.connect(str(engine.url.database))) as database:
            database.execute("VACUUM INTO ?", (str(to),))
    except sqlite3.OperationalError as error:
        to.unlink()
        raise Misconfigured(f"--to: cannot write {to} ({error}); name another place") from error
    return to.stat().st_size
