"""The list of requests: totals and a page of rows for a query, and its export as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import sqlalchemy as sa

from router.app.dashboard.query import RequestQuery, build_filter
from router.app.dashboard.totals import PeriodTotals, TotalsFilter, compute_totals
from router.ledger import queries
from router.ledger.queries import Filter, Page, Row
from router.ledger.rollups import HOUR
from router.ledger.search import find
from router.ledger.tables import hourly, requests
from router.reports.csv_rows import escape_formula

PAGE_ROWS = 50
"""Rows per page."""
EXPORT_ROWS = 1000
"""Rows read at once by an export; bounds its memory."""
FILTER_COLUMNS = ("team", "user", "client", "rule")
"""Columns with a drop-down filter."""
HIDDEN_COLUMNS = frozenset({"ask_digest"})
COLUMNS = tuple(column.name for column in requests.c if column.name not in HIDDEN_COLUMNS)
TIMES = frozenset({"begun_at", "finished_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestListView:
    """A page of requests with the totals of the whole query."""

    since: float
    until: float
    page: Page
    totals: PeriodTotals | None
    """None if the roll-ups cannot answer the query."""
    choices: Mapping[str, Sequence[str]]
    rows_since: float | None
    """Time of the oldest row; None without rows."""


def load_requests(
    engine: sa.Engine, query: RequestQuery, since: float, until: float, zone: tzinfo
) -> RequestListView:
    """Query the ledger. May block."""
    totals_filter = TotalsFilter(
        team=query.team, user=query.user, client=query.client, rule=query.rule, track=query.track
    )
    with engine.connect() as connection:
        return RequestListView(
            since=since,
            until=until,
            page=find(connection, build_filter(query, since, until), limit=PAGE_ROWS, after=query.after),
            totals=None
            if query.only or query.conversation or query.after
            else compute_totals(connection, since, until, zone, totals_filter),
            choices=_choices(connection, since, until),
            rows_since=queries.coverage(connection)[0],
        )


def _choices(connection: sa.Connection, since: float, until: float) -> dict[str, list[str]]:
    """Query the values of all filters at once: each alone would take as long."""
    hour = hourly.c.hour
    statement = sa.select(*(hourly.c[name] for name in FILTER_COLUMNS)).where(
        hour >= since - since % HOUR, hour < until
    )
    rows = connection.execute(statement.distinct()).all()
    return {name: sorted({row[at] for row in rows} - {""}) for at, name in enumerate(FILTER_COLUMNS)}


def export_csv(engine: sa.Engine, row_filter: Filter) -> Iterator[str]:
    """Yield all matching rows as CSV, newest first, without a transaction open between pages."""
    yield _line(COLUMNS)
    after = ""
    while True:
        with engine.connect() as connection:
            page = find(connection, row_filter, limit=EXPORT_ROWS, after=after)
        yield "".join(_line([_cell(name, row[name]) for name in COLUMNS]) for row in page.rows)
        after = page.after
        if not after:
            return


def _cell(name: str, value: object) -> str:
    """Format a value for programs and spreadsheets; formulas are escaped."""
    if value is None:
        return ""
    if name in TIMES and isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds")
    if isinstance(value, str):
        return escape_formula(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()


def describe_outcome(row: Row) -> str:
    """Describe how a request ended: `ok`, `client left`, `not finished`, or its status."""
    words = {None: "not finished", "client_left": "client left", "complete": "ok"}
    return words.get(row["end"]) or str(row["status"])
