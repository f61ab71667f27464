"""Where requests went, day by day and by track, and how fast the answers came."""

from collections.abc import Iterator, Mapping

from router.ledger.queries import Histogram, Totals
from router.reports import formats, totals
from router.reports.charts import Chart, Series
from router.reports.components import REFUSED, TRACKS, Figure, Section, Table, format_cost
from router.reports.facts import Facts

MIN_FOR_P95 = 20
"""Minimum number of requests for a 95th percentile."""
BILLED_NOTE = "Spent is what providers billed: what your own machine costs is not counted."
TRACK_MEANINGS = {
    "local": "your own machine",
    "cloud": "the provider",
    "": "nowhere: refused before a track was chosen",
}


def build_tracks_section(facts: Facts) -> Section:
    """Show which track served, per day and overall."""
    total = facts.total
    rows = [
        (
            track or REFUSED,
            formats.integer(group["requests"]),
            formats.share(group["requests"], total["requests"]),
            formats.tokens(totals.prompt_tokens(group)),
            formats.tokens(group["cache_read"]),
            formats.tokens(group["output"]),
            format_cost(group),
        )
        for track, group in facts.tracks.items()
    ]
    rows.append(
        (
            "all",
            formats.integer(total["requests"]),
            formats.share(total["requests"], total["requests"]),
            formats.tokens(totals.prompt_tokens(total)),
            formats.tokens(total["cache_read"]),
            formats.tokens(total["output"]),
            format_cost(total),
        )
    )
    table = Table(
        caption="Requests, tokens and dollars by the track that served",
        columns=(
            "track", "requests", "share", "tokens read", "of these from a cache", "tokens written", "spent",
        ),
        rows=rows,
    )  # fmt: skip
    served = ", ".join(f"{track or REFUSED} is {TRACK_MEANINGS.get(track, track)}" for track in facts.tracks)
    return Section(
        title="Where requests went",
        paragraphs=(describe_share_trend(facts),),
        figures=tuple(_build_figures(facts)) if len(facts.days) > 1 else (),
        tables=(table,),
        notes=(f"{served[0].upper()}{served[1:]}.", *([BILLED_NOTE] if not total["local_usd"] else [])),
    )


def build_speed_section(facts: Facts) -> Section:
    """Show time to first token, total time and routing overhead by track."""
    tracks = [
        track
        for track in (*TRACKS, "")
        if track in facts.first_byte or track in facts.seconds or track in facts.overhead
    ]
    measures = (
        ("to the first token", facts.first_byte),
        ("to the end of the answer", facts.seconds),
        ("added by routing", facts.overhead),
    )
    rows = [
        (track or REFUSED, name, *quantiles(histograms[track]))
        for name, histograms in measures
        for track in tracks
        if track in histograms
    ]
    if not rows:
        return Section(
            title="How fast answers came", paragraphs=("No request of these days has been timed to its end.",)
        )
    table = Table(
        caption="Time by track",
        columns=("track", "time", "half within (p50)", "95 of 100 within (p95)", "of requests"),
        rows=rows,
        text_columns=("time",),
    )
    return Section(
        title="How fast answers came",
        paragraphs=tuple(_speed_paragraphs(facts)),
        tables=(table,),
        notes=(
            (
                "Times are read from a histogram and may be 5% off. The tracks do different work, so one is "
                "not faster than the other for being quicker here."
            ),
        ),
    )


def describe_share_trend(facts: Facts) -> str:
    """Describe the local share in the first and the second half of the period, if both have requests."""
    middle = len(facts.days) // 2
    halves = facts.days[:middle], facts.days[middle:]
    shares = []
    for half in halves:
        local = sum(day["local"]["requests"] for day in half if "local" in day)
        everything = sum(totals.sum_measure(day.values(), "requests") for day in half)
        if everything:
            shares.append(formats.share(local, everything))
    if len(shares) < len(halves):
        share = formats.share(facts.local, facts.total["requests"])
        return f"{share} of all requests stayed local."
    early, late = shares
    return f"{early} of requests stayed local in the first half of these days, {late} in the second."


def _build_figures(facts: Facts) -> Iterator[Figure]:
    labels = [formats.day(day) for day in facts.scope.days]
    yield Figure(
        kind="stacked",
        chart=Chart(
            title="Requests a day, by the track that served",
            summary=f"{formats.quantity(facts.total['requests'], 'request')} in {len(labels)} days. "
            f"{describe_share_trend(facts)}",
            labels=labels,
            series=[
                Series(name=track, values=[_requests(day, track) for day in facts.days], style=track or "two")
                for track in (*TRACKS, *([""] if "" in facts.tracks else []))
            ],
            format_value=formats.integer,
            label_heading="day",
        ),
    )
    yield Figure(
        kind="share",
        chart=Chart(
            title="Share of each day's requests that stayed local",
            summary=describe_share_trend(facts),
            labels=labels,
            series=[Series(name="local", values=[_local_share(day) for day in facts.days], style="local")],
            format_value=formats.percent,
            label_heading="day",
        ),
    )


def _requests(day: Mapping[str, Totals], track: str) -> float:
    return day[track]["requests"] if track in day else 0.0


def _local_share(day: Mapping[str, Totals]) -> float | None:
    everything = totals.sum_measure(day.values(), "requests")
    return _requests(day, "local") / everything if everything else None


def quantiles(histogram: Histogram) -> tuple[str, str, str]:
    """Half within, 95 of 100 within, and of how many."""
    too_few = histogram.count < MIN_FOR_P95
    return (
        formats.seconds(histogram.quantile(0.5)),
        "too few to tell" if too_few else formats.seconds(histogram.quantile(0.95)),
        formats.integer(histogram.count),
    )


def _speed_paragraphs(facts: Facts) -> Iterator[str]:
    for track in TRACKS:
        histogram = facts.first_byte.get(track)
        if histogram:
            yield f"Half of the {track} answers began within {formats.seconds(histogram.quantile(0.5))}."
