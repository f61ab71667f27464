"""The requests that ended, as lines to show: the newest, and those since a moment."""

from collections.abc import Sequence

import sqlalchemy as sa

from router.ledger.queries import Filter
from router.ledger.tables import requests
from router.telemetry.request_line import RequestLine
from router.types import USAGE_FIELDS

LONGEST_S = 7200.0
"""No request takes longer; only rows that began so recently are looked at, which an index finds."""
MOST = 5000
"""Rows at once; more would be more than anybody reads."""

_row = requests.c
_shown = sa.select(
    *(
        _row[name]
        for name in (
            "id", "finished_at", "client", "kind", "operation", "served_track", "served_model", "rule",
            *USAGE_FIELDS, "first_byte_s", "cost_usd", "status", "end", "error", "escalated", "degraded",
        )
    )
).where(_row.finished_at.is_not(None))  # fmt: skip


def last_ended(connection: sa.Connection, count: int, *, team: str | None = None) -> list[RequestLine]:
    """Return the `count` newest, the oldest of them first."""
    query = _shown.where(*Filter(team=team).clauses()).order_by(_row.begun_at.desc()).limit(count)
    return _lines(connection.execute(query).mappings().all())


def ended_since(connection: sa.Connection, since: float, *, team: str | None = None) -> list[RequestLine]:
    """Return those that ended after `since`, in seconds since the epoch, in that order."""
    recent = Filter(team=team, since=since - LONGEST_S).clauses()
    query = _shown.where(*recent, _row.finished_at > since).order_by(_row.finished_at.desc()).limit(MOST)
    return _lines(connection.execute(query).mappings().all())


def _lines(rows: Sequence[sa.RowMapping]) -> list[RequestLine]:
    return sorted(map(_line, rows), key=lambda line: line.finished_at)


def _line(row: sa.RowMapping) -> RequestLine:
    return RequestLine(
        id=row["id"],
        finished_at=row["finished_at"],
        client=row["client"] or "",
        kind="count" if row["operation"] == "count" else row["kind"] or "",
        track=row["served_track"] or "",
        model=row["served_model"] or "",
        rule=row["rule"] or "",
        input=sum(row[name] or 0 for name in USAGE_FIELDS if name != "output"),
        output=row["output"] or 0,
        first_byte_s=row["first_byte_s"],
        cost_usd=row["cost_usd"],
        status=row["status"] or 0,
        end=row["end"] or "",
        error=row["error"] or "",
        moved=row["escalated"] or row["degraded"] or "",
    )
