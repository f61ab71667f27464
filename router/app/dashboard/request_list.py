"""The list of requests: what was asked for, its sums, and a page of rows; and the same as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import sqlalchemy as sa

from router.app.dashboard.query import Asked, which
from router.app.dashboard.totals import Figures, Wanted, figures
from router.ledger import queries
from router.ledger.queries import Filter, Page, Row
from router.ledger.rollups import HOUR
from router.ledger.search import find
from router.ledger.tables import hourly, requests
from router.reports.csv_rows import escape_formula

ROWS = 50
"""Requests on a page."""
CHUNK = 1000
"""Rows read at once for an export: so much memory it takes, however much is exported."""
CHOICES = ("team", "user", "client", "rule")
"""What a list to choose from is offered for."""
LEFT_OUT = frozenset({"ask_digest"})
COLUMNS = tuple(column.name for column in requests.c if column.name not in LEFT_OUT)
TIMES = frozenset({"begun_at", "finished_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of requests."""

    since: float
    until: float
    page: Page
    figures: Figures | None
    """None where roll-ups cannot tell apart what was asked for."""
    choices: Mapping[str, Sequence[str]]
    kept_since: float | None
    """From when on there are rows."""


def look(engine: sa.Engine, asked: Asked, since: float, until: float, zone: tzinfo) -> Found:
    """Ask the ledger. May block."""
    wanted = Wanted(team=asked.team, user=asked.user, client=asked.client, rule=asked.rule, track=asked.track)
    with engine.connect() as connection:
        return Found(
            since=since,
            until=until,
            page=find(connection, which(asked, since, until), limit=ROWS, after=asked.after),
            figures=None
            if asked.only or asked.conversation or asked.after
            else figures(connection, since, until, zone, wanted),
            choices=_choices(connection, since, until),
            kept_since=queries.coverage(connection)[0],
        )


def _choices(connection: sa.Connection, since: float, until: float) -> dict[str, list[str]]:
    """Every value that there was to choose from; all of them in one look, since each would be as long."""
    hour = hourly.c.hour
    asked = sa.select(*(hourly.c[name] for name in CHOICES)).where(hour >= since - since % HOUR, hour < until)
    rows = connection.execute(asked.distinct()).all()
    return {name: sorted({row[at] for row in rows} - {""}) for at, name in enumerate(CHOICES)}


def as_csv(engine: sa.Engine, wanted: Filter) -> Iterator[str]:
    """Write all rows that match, newest first, a page at a time: no reader holds the database open."""
    yield _line(COLUMNS)
    after = ""
    while True:
        with engine.connect() as connection:
            page = find(connection, wanted, limit=CHUNK, after=after)
        yield "".join(_line([_cell(name, row[name]) for name in COLUMNS]) for row in page.rows)
        after = page.after
        if not after:
            return


def _cell(name: str, value: object) -> str:
    """A value as programs and spreadsheets read it; text is text, whatever it begins with."""
    if value is None:
        return ""
    if name in TIMES and isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds")
    if isinstance(value, str):
        return escape_formula(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(cells: Sequence[str]) -> str:
    held = io.StringIO()
    csv.writer(held).writerow(cells)
    return held.getvalue()


def outcome(row: Row) -> str:
    """How a request ended, in a word or two."""
    words = {None: "not finished", "client_left": "client left", "complete": "ok"}
    return words.get(row["end"]) or str(row["status"])
