"""Sums over a time, and how they spread over it; from the roll-ups, so that a month is a glance, too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import sqlalchemy as sa
from markupsafe import Markup

from router.ledger import queries
from router.ledger.queries import Dimension, Totals
from router.ledger.rollups import HOUR
from router.reports import formats, totals
from router.reports.charts import Chart, Series, render_stacked_columns

TRACKS = ("local", "cloud")
HOURLY = 50 * HOUR
"""Longer than this, and a column is a day."""
WIDE, NARROW = 1120, 360
"""Pixels of a drawing: the style sheet shows the one that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Whose requests, as far as roll-ups can tell them apart; empty is all."""

    team: str = ""
    user: str = ""
    client: str = ""
    rule: str = ""
    track: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What some requests add up to."""

    whole: Totals
    local: float
    """Requests that the local track served."""
    cost_usd: float | None
    saved_usd: float | None
    saved_high_usd: float | None
    """Had nothing been cached."""
    unpriced: float
    chart: Chart
    drawn: Markup


def figures(
    connection: sa.Connection, since: float, until: float, zone: tzinfo, wanted: Wanted | None = None
) -> Figures:
    """Add up a period, and draw it."""
    wanted = wanted or Wanted()
    narrow: dict[Dimension, str] = {"client": wanted.client, "rule": wanted.rule, "track": wanted.track}
    by: list[Dimension] = ["track", *(name for name in narrow if narrow[name] and name != "track")]
    edges = _edges(since, until, zone)
    found = [
        one
        for one in queries.series(
            connection, edges, by=by, team=wanted.team or None, user=wanted.user or None
        )
        if all(not narrow[name] or value == narrow[name] for name, value in zip(by, one.key, strict=True))
    ]
    whole = totals.merge(found).get((), totals.empty(since, until))
    chart = _chart(found, edges, zone)
    return Figures(
        whole=whole,
        local=sum(one["requests"] for one in found if one.key[0] == "local"),
        cost_usd=totals.known_cost_usd(whole),
        saved_usd=totals.saved_usd(whole),
        saved_high_usd=totals.saved_high_usd(whole),
        unpriced=totals.unpriced_requests(whole),
        chart=chart,
        drawn=Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(
            render_stacked_columns(chart, width=WIDE), render_stacked_columns(chart, width=NARROW)
        ),
    )


def _chart(found: Sequence[Totals], edges: Sequence[float], zone: tzinfo) -> Chart:
    hourly = edges[-1] - edges[0] <= HOURLY
    at = {since: place for place, since in enumerate(edges[:-1])}
    counts = {track: [0.0] * len(at) for track in TRACKS}
    for one in found:
        if one.key[0] in counts:
            counts[one.key[0]][at[one.since]] += one["requests"]
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
    """Hours of a short time, days of a long one."""
    if until - since <= HOURLY:
        first = since - since % HOUR + HOUR
        inner = [first + n * HOUR for n in range(int((until - first) // HOUR) + 1)]
    else:
        day = datetime.fromtimestamp(since, zone).replace(hour=0, minute=0, second=0, microsecond=0)
        inner = []
        while (day := day + timedelta(days=1)).timestamp() < until:
            inner.append(day.timestamp())
    return [since, *(edge for edge in inner if since < edge < until), until]
