"""What a report is made of, whatever the format: cards, sections, tables and charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from router.ledger.queries import Totals
from router.reports import formats, totals
from router.reports.charts import Chart

TRACKS = ("local", "cloud")
REFUSED = "none"
"""The track of what was refused before any was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure at the top."""

    name: str
    figure: str
    note: str = ""
    mood: Literal["", "good", "bad"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows with their caption; the first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[str] = ()
    """Columns, besides the first, that hold words: they are set from the left, numbers from the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A chart and how it is drawn."""

    chart: Chart
    how: Literal["stacked", "lines", "share", "bars"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One question, answered."""

    title: str
    says: Sequence[str] = ()
    drawn: Sequence[Drawn] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    """Sentences that belong under the numbers: how they are meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A whole report."""

    title: str
    period: str
    lead: str
    """The one sentence that a reader must not miss."""
    warnings: Sequence[str]
    """What nobody may overlook."""
    cards: Sequence[Card]
    sections: Sequence[Section]
    made: str


def spent(one: Totals) -> str:
    """What a group cost: `$12.40`, `at least $12.40` where some of it has no price, `not known`."""
    known, partly = totals.cost(one), totals.unpriced(one) > 0
    if known is None or (partly and known < formats.CENT / 2):
        return formats.NOT_KNOWN
    return f"at least {formats.usd(known)}" if partly else formats.usd(known)


def saving(one: Totals) -> str:
    """What a group saved: `$3.10`, `a loss of $3.10`, `not known`."""
    known = totals.saved(one)
    if known is None:
        return formats.NOT_KNOWN
    return formats.usd(known) if known > -formats.CENT / 2 else f"a loss of {formats.usd(-known)}"
