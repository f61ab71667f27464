"""The gaps of a report: missing days, unpriced and unfinished requests."""

from collections.abc import Iterator

from router.reports import formats, totals
from router.reports.components import Section
from router.reports.facts import Facts
from router.reports.sections.examples import build_example_tables


def build_gaps_section(facts: Facts) -> Section:
    """State each gap in a sentence, and list the newest failures."""
    sentences = (*_of_time(facts), *_of_requests(facts))
    return Section(
        title="What this report does not know",
        paragraphs=sentences or ("Every request of these days is finished, priced and counted.",),
        tables=tuple(build_example_tables(facts, "failed", "The newest that failed")),
    )


def _of_requests(facts: Facts) -> Iterator[str]:
    total = facts.total
    gap_counts = (
        (total["unfinished"], "is under way or cut off by a crash", "are under way or cut off by a crash"),
        (totals.unpriced_requests(total), "has no known cost", "have no known cost"),
        (
            total["estimated"],
            "was cut off: its tokens are estimated",
            "were cut off: their tokens are estimated",
        ),
        (total["failed"], "ended in an error", "ended in an error"),
        (total["hung_up"], "was given up by its client", "were given up by their clients"),
    )
    for count, singular, plural in gap_counts:
        if count > 0:
            yield f"{formats.quantity(count, 'request')} {singular if count == 1 else plural}."


def _of_time(facts: Facts) -> Iterator[str]:
    scope = facts.scope
    since, until = scope.edges[0], scope.edges[-1]
    if since < facts.created_at < until:
        yield "These days are not over yet: what begins after this report was made is not in it."
    if facts.data_since is None:
        return
    first_day = scope.day_of(facts.data_since)
    if first_day > scope.first:
        yield f"The ledger begins on {formats.long_day(first_day)}: of the days before, nothing is known."
    first_row_day = None if facts.rows_since is None else scope.day_of(facts.rows_since)
    if first_row_day is None or first_row_day > max(first_day, scope.first):
        retained = (
            "no longer kept" if first_row_day is None else f"kept from {formats.long_day(first_row_day)} on"
        )
        yield (
            f"Single requests are {retained}; of earlier days only the hourly sums are, so requests asked "
            "again and verdicts are not counted there."
        )
    empty = sum(
        not day
        for day, begun in zip(facts.days, scope.edges, strict=False)
        if facts.data_since <= begun < facts.created_at
    )
    if empty and facts.total["requests"]:
        yield f"On {formats.quantity(empty, 'day')} nobody sent a request, or the endpoint was not running."
