"""What editors asked for while somebody typed, which no other figure of a report counts."""

from router.reports import formats, totals
from router.reports.components import REFUSED, Section, Table, format_cost
from router.reports.facts import Facts
from router.reports.sections.traffic import quantiles


def build_completions_section(facts: Facts) -> Section:
    """Show how many completions there were, what became of them, and how soon they came."""
    groups = facts.completions
    asked = totals.sum_measure(groups.values(), "requests")
    left = totals.sum_measure(groups.values(), "hung_up")
    rows = [
        (
            track or REFUSED,
            formats.integer(group["requests"]),
            formats.integer(group["requests"] - group["hung_up"] - group["failed"] - group["unfinished"]),
            formats.integer(group["hung_up"]),
            formats.integer(group["failed"]),
            formats.tokens(group["output"]),
            format_cost(group),
        )
        for track, group in groups.items()
    ]
    counts = Table(
        caption="Completions by the track that served",
        columns=("track", "asked for", "answered", "given up", "failed", "tokens written", "spent"),
        rows=rows,
    )
    times = [
        (track or REFUSED, name, *quantiles(histograms[track]))
        for name, histograms in (
            ("to the first token", facts.typed_first),
            ("to the end of the answer", facts.typed_total),
        )
        for track in groups
        if track in histograms
    ]
    speed = Table(
        caption="Time by track",
        columns=("track", "time", "half within (p50)", "95 of 100 within (p95)", "of requests"),
        rows=times,
        text_columns=("time",),
    )
    return Section(
        title="Autocomplete",
        paragraphs=(
            (
                f"Editors asked for {formats.quantity(asked, 'completion')} while somebody typed. "
                f"{formats.share(left, asked)} of them were given up: the next keystroke came first, or the "
                "editor hung up."
            ),
        ),
        tables=(counts, speed) if times else (counts,),
        notes=(
            (
                "Completions are counted here and among the kinds of request, and in no other figure of this "
                "report: an editor asks for one with every few keystrokes."
            ),
        ),
    )
