"""A report as CSV: a row for each day, team, track and rule that had requests, and its sums.

Nothing is rounded and nothing is worded, so what other programs add up is what the report says.
Dollars of which none is known are left empty; what was counted is in the columns beside them.
A name that a spreadsheet would take for a formula gets an apostrophe in front.
"""

import csv
import io
from collections.abc import Mapping

from router.ledger.queries import Totals
from router.ledger.rollups import COUNTS, SUMS
from router.reports.figures import Facts

KEY = ("day", "team", "track", "rule")
KNOWN_BY: Mapping[str, str] = {
    "cost_usd": "cost_known",
    "baseline_usd": "baseline_known",
    "baseline_cold_usd": "baseline_known",
    "compared_cost_usd": "compared",
    "compared_baseline_usd": "compared",
    "compared_cold_usd": "compared",
}
"""Which column tells of how many requests a sum is known."""
COLUMNS = (*KEY, *COUNTS, *SUMS)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute."""


def sheet(facts: Facts) -> str:
    """Make the table, with a line of column names first."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in facts.rows:
        names = (facts.scope.day_of(one.since).isoformat(), *map(escape_formula, one.key))
        known = measures(one)
        writer.writerow([*names, *("" if known[name] is None else known[name] for name in (*COUNTS, *SUMS))])
    return out.getvalue()


def measures(one: Totals) -> dict[str, float | None]:
    """All sums by name; None where nothing of it is known. Counts are whole numbers."""
    return {
        name: None if name in KNOWN_BY and one["requests"] and not one[KNOWN_BY[name]] else _number(name, one)
        for name in (*COUNTS, *SUMS)
    }


def _number(name: str, one: Totals) -> float:
    return int(one[name]) if name in COUNTS else float(one[name])


def escape_formula(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would compute."""
    return f"'{text}" if text.startswith(FORMULA) else text
