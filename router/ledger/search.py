"""Rows that match a filter, also where few of a million do: the roll-ups tell in which hours to look.

An index on every column that a person may filter by would cost each request. The roll-ups are
there anyway, and every hour they name holds at least one such row, so a page of 50 looks
through 50 hours at most. What is under way is in no roll-up, and has an index of its own.
"""

from collections.abc import Iterator
from dataclasses import replace

import sqlalchemy as sa

from router.ledger.queries import Filter, Page, Row, page_of, recent
from router.ledger.rollups import HOUR
from router.ledger.tables import hourly, requests

COUNTED = ("team", "user", "client", "policy", "rule", "track")
"""Filters whose column the roll-ups have, too."""
INDEXED = ("conversation", "rare")
"""Filters that leave few rows to look through."""


def find(connection: sa.Connection, which: Filter, *, limit: int = 50, after: str = "") -> Page:
    """Read rows as `router.ledger.queries.recent` does, and find rare ones as fast as common ones.

    Raises:
        ValueError: `after` is not from a page.
    """
    filters = [name for name in COUNTED if getattr(which, name) is not None]
    if set(filters) <= {"team"} or any(getattr(which, name) is not None for name in INDEXED):
        return recent(connection, which, limit=limit, after=after)
    unfinished = recent(connection, replace(which, rare="unfinished"), limit=limit + 1, after=after)
    matches: dict[str, Row] = {}
    for hour in _hours(connection, which, filters, after):
        since, until = max(which.since or 0, hour), min(which.until or hour + HOUR, hour + HOUR)
        within = replace(which, since=since, until=until)
        page = recent(connection, within, limit=limit + 1 - len(matches), after=after)
        matches |= {row["id"]: row for row in page.rows}
        if len(matches) > limit:
            break
    matches |= {row["id"]: row for row in unfinished.rows}
    rows = sorted(matches.values(), key=lambda row: (-row["begun_at"], row["id"]))
    return page_of(rows, limit)


def _hours(connection: sa.Connection, which: Filter, filters: list[str], after: str) -> Iterator[int]:
    """Name the hours that hold such rows, the newest first."""
    oldest = connection.execute(sa.select(sa.func.min(requests.c.begun_at))).scalar()
    since = max(which.since or 0.0, oldest or 0.0)
    hours = sa.select(hourly.c.hour).where(*(hourly.c[name] == getattr(which, name) for name in filters))
    hours = hours.where(hourly.c.hour >= since - since % HOUR)
    if which.until is not None:
        hours = hours.where(hourly.c.hour < which.until)
    if after:
        hours = hours.where(hourly.c.hour <= float(after.partition("~")[0]))
    yield from connection.execute(hours.distinct().order_by(hourly.c.hour.desc())).scalars()
