"""The newest few requests of a kind, by id: to look at, one by one, in the dashboard or the ledger."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from router.ledger.queries import Row
from router.ledger.tables import Rare
from router.reports import formats
from router.reports.components import Table
from router.reports.figures import Facts

WHY: Mapping[Rare, str] = {
    "escalated": "escalated",
    "degraded": "degraded",
    "private": "private_why",
    "failed": "error",
}
"""Which column tells why a request is of its kind."""


def examples(facts: Facts, rare: Rare, caption: str) -> Iterator[Table]:
    """Make the table, where there are any."""
    rows = [_example(row, WHY[rare], facts) for row in facts.examples.get(rare, ())]
    if rows:
        yield Table(
            caption=caption,
            columns=("request", "when", "who", "rule", "why"),
            rows=rows,
            words=("when", "who", "rule", "why"),
        )


def _example(row: Row, why: str, facts: Facts) -> tuple[str, ...]:
    when = datetime.fromtimestamp(row["begun_at"], facts.scope.zone)
    return (
        row["id"],
        f"{formats.day(when)}, {when:%H:%M}",
        row["user"] or row["team"],
        row["rule"] or "",
        _worded(row, why),
    )


def _worded(row: Row, why: str) -> str:
    told = row[why] or f"status {row['status']}"
    return told.replace("_", " ") if why in {"escalated", "degraded"} else told
