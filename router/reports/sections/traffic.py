"""Where requests went, day by day and by track, and how fast the answers came."""

from collections.abc import Iterator, Mapping

from router.ledger.queries import Histogram, Totals
from router.reports import formats, totals
from router.reports.charts import Chart, Series
from router.reports.components import REFUSED, TRACKS, Drawn, Section, Table, spent
from router.reports.figures import Facts

FEWEST = 20
"""Requests from which on a 95th percentile says something."""
BILLED = "Spent is what providers billed: what your own machine costs is not counted."
MEANT = {
    "local": "your own machine",
    "cloud": "the provider",
    "": "nowhere: refused before a track was chosen",
}


def where(facts: Facts) -> Section:
    """Tell which track served, over the days and in all."""
    whole = facts.whole
    rows = [
        (
            track or REFUSED,
            formats.whole(one["requests"]),
            formats.share(one["requests"], whole["requests"]),
            formats.tokens(totals.prompt(one)),
            formats.tokens(one["cache_read"]),
            formats.tokens(one["output"]),
            spent(one),
        )
        for track, one in facts.tracks.items()
    ]
    rows.append(
        (
            "all",
            formats.whole(whole["requests"]),
            formats.share(whole["requests"], whole["requests"]),
            formats.tokens(totals.prompt(whole)),
            formats.tokens(whole["cache_read"]),
            formats.tokens(whole["output"]),
            spent(whole),
        )
    )
    table = Table(
        caption="Requests, tokens and dollars by the track that served",
        columns=(
            "track", "requests", "share", "tokens read", "of these from a cache", "tokens written", "spent",
        ),
        rows=rows,
    )  # fmt: skip
    served = ", ".join(f"{track or REFUSED} is {MEANT.get(track, track)}" for track in facts.tracks)
    return Section(
        title="Where requests went",
        says=(share_trend(facts),),
        drawn=tuple(_drawn(facts)) if len(facts.days) > 1 else (),
        tables=(table,),
        notes=(f"{served[0].upper()}{served[1:]}.", *([BILLED] if not whole["local_usd"] else [])),
    )


def speed(facts: Facts) -> Section:
    """Tell how long people waited."""
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
        (track or REFUSED, name, *_quantiles(of[track]))
        for name, of in measures
        for track in tracks
        if track in of
    ]
    if not rows:
        return Section(
            title="How fast answers came", says=("No request of these days has been timed to its end.",)
        )
    table = Table(
        caption="Time by track",
        columns=("track", "time", "half within (p50)", "95 of 100 within (p95)", "of requests"),
        rows=rows,
        words=("time",),
    )
    return Section(
        title="How fast answers came",
        says=tuple(_speed_says(facts)),
        tables=(table,),
        notes=(
            (
                "Times are read from a histogram and may be 5% off. The tracks do different work, so one is "
                "not faster than the other for being quicker here."
            ),
        ),
    )


def share_trend(facts: Facts) -> str:
    """Say the local share in the first and the second half, where there are two."""
    middle = len(facts.days) // 2
    halves = facts.days[:middle], facts.days[middle:]
    shares = []
    for half in halves:
        local = sum(day["local"]["requests"] for day in half if "local" in day)
        everything = sum(totals.total(day.values(), "requests") for day in half)
        if everything:
            shares.append(formats.share(local, everything))
    if len(shares) < len(halves):
        share = formats.share(facts.local, facts.whole["requests"])
        return f"{share} of all requests stayed local."
    early, late = shares
    return f"{early} of requests stayed local in the first half of these days, {late} in the second."


def _drawn(facts: Facts) -> Iterator[Drawn]:
    labels = [formats.day(day) for day in facts.scope.days]
    yield Drawn(
        how="stacked",
        chart=Chart(
            title="Requests a day, by the track that served",
            summary=f"{formats.counted(facts.whole['requests'], 'request')} in {len(labels)} days. "
            f"{share_trend(facts)}",
            labels=labels,
            series=[
                Series(name=track, values=[_requests(day, track) for day in facts.days], style=track or "two")
                for track in (*TRACKS, *([""] if "" in facts.tracks else []))
            ],
            words=formats.whole,
            heading="day",
        ),
    )
    yield Drawn(
        how="share",
        chart=Chart(
            title="Share of each day's requests that stayed local",
            summary=share_trend(facts),
            labels=labels,
            series=[Series(name="local", values=[_local_share(day) for day in facts.days], style="local")],
            words=formats.percent,
            heading="day",
        ),
    )


def _requests(day: Mapping[str, Totals], track: str) -> float:
    return day[track]["requests"] if track in day else 0.0


def _local_share(day: Mapping[str, Totals]) -> float | None:
    everything = totals.total(day.values(), "requests")
    return _requests(day, "local") / everything if everything else None


def _quantiles(held: Histogram) -> tuple[str, str, str]:
    few = held.count < FEWEST
    return (
        formats.seconds(held.quantile(0.5)),
        "too few to tell" if few else formats.seconds(held.quantile(0.95)),
        formats.whole(held.count),
    )


def _speed_says(facts: Facts) -> Iterator[str]:
    for track in TRACKS:
        held = facts.first_byte.get(track)
        if held:
            yield f"Half of the {track} answers began within {formats.seconds(held.quantile(0.5))}."
