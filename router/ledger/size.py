"""How large a ledger is, and what time it covers."""

from pathlib import Path

import sqlalchemy as sa

from router.ledger.tables import hourly, requests


def measure(engine: sa.Engine) -> dict[str, str | int | float | None]:
    """Count rows and bytes; times are seconds since the epoch, None without rows."""
    begun = requests.c.begun_at
    with engine.connect() as connection:
        rows = connection.execute(sa.select(sa.func.count()).select_from(requests)).scalar_one()
        open_ = sa.select(sa.func.count()).where(requests.c.finished_at.is_(None))
        unfinished = connection.execute(open_).scalar_one()
        first = connection.execute(sa.select(sa.func.min(begun))).scalar()
        last = connection.execute(sa.select(sa.func.max(begun))).scalar()
        hours = connection.execute(sa.select(sa.func.count()).select_from(hourly)).scalar_one()
        since = connection.execute(sa.select(sa.func.min(hourly.c.hour))).scalar()
        size = _size(connection)
    return {
        "ledger": engine.url.render_as_string(hide_password=True),
        "requests": rows,
        "unfinished": unfinished,
        "first_at": first,
        "last_at": last,
        "hourly_rows": hours,
        "hourly_since_at": since,
        "bytes": size,
    }


def _size(connection: sa.Connection) -> int:
    if connection.dialect.name == "postgresql":
        size = connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one()
        return int(size)
    path = Path(str(connection.engine.url.database))
    files = (path.with_name(f"{path.name}-wal"), path)
    return sum(file.stat().st_size for file in files if file.exists())
