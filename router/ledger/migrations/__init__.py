"""Changes to the tables, one file each in `versions/`, run when a ledger is opened.

A new one needs its own file there, `REVISION` in `tables.py` set to it, and the tables
changed to match; a test compares what the migrations make with the tables.
"""

from pathlib import Path

import sqlalchemy as sa

from router.errors import Misconfigured

FOLDER = Path(__file__).parent


def upgrade(connection: sa.Connection) -> None:
    """Run what is missing, all or nothing, in the connection's transaction.

    Raises:
        Misconfigured: the database was written by a newer Turnout.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's driver opens none for changes of tables
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        address = connection.engine.url.render_as_string(hide_password=True)
        raise Misconfigured(
            f"ledger: {address} is of a newer version of Turnout ({error}); "
            "install that one, or set `ledger` (TURNOUT_LEDGER) to another place"
        ) from error
