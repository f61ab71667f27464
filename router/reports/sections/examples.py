"""The newest requests of a kind, by id, to be looked up in the dashboard or the ledger."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from router.ledger.queries import Row
from router.ledger.tables import Rare
from router.reports import formats
from router.reports.components import Table
from router.reports.facts import Facts

REASON_COLUMNS: Mapping[Rare, str] = {
    "escalated": "escalated",
    "degraded": "degraded",
    "private": "private_why",
    "failed": "error",
}
"""Ledger column with the reason, for each kind."""


def build_example_tables(facts: Facts, rare: Rare, caption: str) -> Iterator[Table]:
    """Yield the table; nothing if there are no examples."""
    rows = [_example(row, REASON_COLUMNS[rare], facts) for row in facts.examples.get(rare, ())]
    if rows:
        yield Table(
            caption=caption,
            columns=("request", "when", "who", "rule", "why"),
            rows=rows,
            text_columns=("when", "who", "rule", "why"),
        )


def _example(row: Row, why: str, facts: Facts) -> tuple[str, ...]:
    when = datetime.fromtimestamp(row["begun_at"], facts.scope.zone)
    return (
        row["id"],
        f"{formats.day(when)}, {when:%H:%M}",
        row["user"] or row["team"],
        row["rule"] or "",
        _describe(row, why),
    )


def _describe(row: Row, column: str) -> str:
    text = row[column] or f"status {row['status']}"
    return text.replace("_", " ") if column in {"escalated", "degraded"} else text
