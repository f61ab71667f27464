"""Totals and a chart of a period, from the roll-ups, so that months are fast too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import sqlalchemy as sa
from markupsafe import Markup

from router.ledger import queries
from router.ledger.queries import Dimension, Totals
from router.ledger.rollups import COMPLETION, HOUR
from router.reports import formats, totals
from router.reports.charts import Chart, Series, render_stacked_columns

TRACKS = ("local", "cloud")
MAX_HOURLY_SPAN = 50 * HOUR
"""Longest period with a column per hour; beyond it, a column is a day."""
WIDE, NARROW = 1120, 360
"""Chart widths in pixels; the style sheet shows the one that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsFilter:
    """A filter that the roll-ups can answer; empty is all."""

    team: str = ""
    user: str = ""
    client: str = ""
    rule: str = ""
    track: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodTotals:
    """The totals of a period, with its chart."""

    total: Totals
    completions: float
    """Number of requests of editors while somebody typed."""
    local: float
    """Number of requests that the local track served."""
    cost_usd: float | None
    saved_usd: float | None
    saved_high_usd: float | None
    """The saving against a baseline without a cache."""
    unpriced: float
    chart: Chart
    svg: Markup


def compute_totals(
    connection: sa.Connection,
    since: float,
    until: float,
    zone: tzinfo,
    totals_filter: TotalsFilter | None = None,
    *,
    completions_apart: bool = False,
) -> PeriodTotals:
    """Query the totals of a period, and render its chart.

    With `completions_apart`, what editors asked for while somebody typed is counted in `completions` alone.
    """
    totals_filter = totals_filter or TotalsFilter()
    dimension_filter: dict[Dimension, str] = {
        "client": totals_filter.client,
        "rule": totals_filter.rule,
        "track": totals_filter.track,
    }
    by: list[Dimension] = [
        "track",
        *(name for name in dimension_filter if dimension_filter[name] and name != "track"),
        "kind",
    ]
    dimension_filter["kind"] = ""
    edges = _edges(since, until, zone)
    groups = [
        group
        for group in queries.series(
            connection, edges, by=by, team=totals_filter.team or None, user=totals_filter.user or None
        )
        if all(
            not dimension_filter[name] or value == dimension_filter[name]
            for name, value in zip(by, group.key, strict=True)
        )
    ]
    completions = [group for group in groups if group.key[-1] == COMPLETION]
    if completions_apart:
        groups = [group for group in groups if group.key[-1] != COMPLETION]
    total = totals.merge(groups).get((), totals.empty(since, until))
    chart = _chart(groups, edges, zone)
    return PeriodTotals(
        total=total,
        completions=totals.sum_measure(completions, "requests"),
        local=sum(group["requests"] for group in groups if group.key[0] == "local"),
        cost_usd=totals.known_cost_usd(total),
        saved_usd=totals.saved_usd(total),
        saved_high_usd=totals.saved_high_usd(total),
        unpriced=totals.unpriced_requests(total),
        chart=chart,
        svg=Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(
            render_stacked_columns(chart, width=WIDE), render_stacked_columns(chart, width=NARROW)
        ),
    )


def _chart(groups: Sequence[Totals], edges: Sequence[float], zone: tzinfo) -> Chart:
    hourly = edges[-1] - edges[0] <= MAX_HOURLY_SPAN
    at = {since: place for place, since in enumerate(edges[:-1])}
    counts = {track: [0.0] * len(at) for track in TRACKS}
    for group in groups:
        if group.key[0] in counts:
            counts[group.key[0]][at[group.since]] += group["requests"]
    moments = [datetime.fromtimestamp(edge, zone) for edge in edges[:-1]]
    local, both = sum(counts["local"]), sum(map(sum, counts.values()))
    return Chart(
        title=f"Requests by {'hour' if hourly else 'day'} and by the track that served them",
        summary=f"{formats.quantity(both, 'request')}, of which {formats.share(local, both)} stayed local.",
        labels=[f"{moment:%H:%M}" if hourly else formats.day(moment.date()) for moment in moments],
        series=[Series(name=track, values=counts[track], style=track) for track in TRACKS],
        format_value=formats.integer,
        label_heading="from" if hourly else "day",
    )


def _edges(since: float, until: float, zone: tzinfo) -> list[float]:
    """Return the edges of the columns: hours of a short period, days of a long one."""
    if until - since <= MAX_HOURLY_SPAN:
        first = since - since % HOUR + HOUR
        inner = [first + n * HOUR for n in range(int((until - first) // HOUR) + 1)]
    else:
        day = datetime.fromtimestamp(since, zone).replace(hour=0, minute=0, second=0, microsecond=0)
        inner = []
        while (day := day + timedelta(days=1)).timestamp() < until:
            inner.append(day.timestamp())
    return [since, *(edge for edge in inner if since < edge < until), until]
