"""The parts of a report in any format: cards, sections, tables and charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from router.ledger.queries import Totals
from router.reports import formats, totals
from router.reports.charts import Chart

TRACKS = ("local", "cloud")
REFUSED = "none"
"""Label for requests refused before a track was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A key figure at the top of the report."""

    name: str
    value: str
    note: str = ""
    tone: Literal["", "good", "bad"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A captioned table; the first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: Sequence[str] = ()
    """Columns, besides the first, that hold text. Text is left-aligned, numbers right-aligned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart and the kind to render it as."""

    chart: Chart
    kind: Literal["stacked", "lines", "share", "bars"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Sentences, charts and tables under a heading; every format renders them in this order."""

    title: str
    paragraphs: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    """Footnotes: how to read the numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report before it is rendered in a format."""

    title: str
    period: str
    lead: str
    """The most important sentence."""
    warnings: Sequence[str]
    cards: Sequence[Card]
    sections: Sequence[Section]
    footer: str


def format_cost(group: Totals) -> str:
    """Format the cost of a group: `$12.40`, `at least $12.40` if some requests have no price, `not known`."""
    usd, partly = totals.known_cost_usd(group), totals.unpriced_requests(group) > 0
    if usd is None or (partly and usd < formats.CENT / 2):
        return formats.NOT_KNOWN
    return f"at least {formats.usd(usd)}" if partly else formats.usd(usd)


def format_saving(group: Totals) -> str:
    """Format the saving of a group: `$3.10`, `a loss of $3.10`, `not known`."""
    usd = totals.saved_usd(group)
    if usd is None:
        return formats.NOT_KNOWN
    return formats.usd(usd) if usd > -formats.CENT / 2 else f"a loss of {formats.usd(-usd)}"
