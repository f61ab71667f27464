"""A report as CSV: the sums of each day, team, track and rule that had requests.

Nothing is rounded, so sums over the rows equal the report's figures. Unknown dollars are empty;
the count columns say how many requests are priced. Names that a spreadsheet would read as a
formula get a leading apostrophe.
"""

import csv
import io
from collections.abc import Mapping

from router.ledger.queries import Totals
from router.ledger.rollups import COUNTS, SUMS
from router.reports.facts import Facts

KEY = ("day", "team", "track", "rule")
COUNT_COLUMNS: Mapping[str, str] = {
    "cost_usd": "cost_known",
    "baseline_usd": "baseline_known",
    "baseline_cold_usd": "baseline_known",
    "compared_cost_usd": "compared",
    "compared_baseline_usd": "compared",
    "compared_cold_usd": "compared",
}
"""Count column for each dollar column: how many requests its sum covers."""
COLUMNS = (*KEY, *COUNTS, *SUMS)
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would evaluate."""


def render_csv(facts: Facts) -> str:
    """Render the table with a header line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for group in facts.rows:
        names = (facts.scope.day_of(group.since).isoformat(), *map(escape_formula, group.key))
        values = known_measures(group)
        writer.writerow(
            [*names, *("" if values[name] is None else values[name] for name in (*COUNTS, *SUMS))]
        )
    return buffer.getvalue()


def known_measures(group: Totals) -> dict[str, float | None]:
    """Return all sums by name: counts as int, the others as float, None where nothing is known."""
    return {
        name: None
        if name in COUNT_COLUMNS and group["requests"] and not group[COUNT_COLUMNS[name]]
        else _number(name, group)
        for name in (*COUNTS, *SUMS)
    }


def _number(name: str, group: Totals) -> float:
    return int(group[name]) if name in COUNTS else float(group[name])


def escape_formula(text: str) -> str:
    """Prefix an apostrophe to text that a spreadsheet would evaluate."""
    return f"'{text}" if text.startswith(FORMULA_PREFIXES) else text
