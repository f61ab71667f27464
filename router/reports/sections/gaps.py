"""What a report does not know, or knows only in part."""

from collections.abc import Iterator

from router.reports import formats, totals
from router.reports.components import Section
from router.reports.figures import Facts
from router.reports.sections.examples import examples


def gaps(facts: Facts) -> Section:
    """Tell every gap in a sentence."""
    says = (*_of_time(facts), *_of_requests(facts))
    return Section(
        title="What this report does not know",
        says=says or ("Every request of these days is finished, priced and counted.",),
        tables=tuple(examples(facts, "failed", "The newest that failed")),
    )


def _of_requests(facts: Facts) -> Iterator[str]:
    whole = facts.whole
    found = (
        (whole["unfinished"], "is under way or cut off by a crash", "are under way or cut off by a crash"),
        (totals.unpriced(whole), "has no known cost", "have no known cost"),
        (
            whole["estimated"],
            "was cut off: its tokens are estimated",
            "were cut off: their tokens are estimated",
        ),
        (whole["failed"], "ended in an error", "ended in an error"),
        (whole["hung_up"], "was given up by its client", "were given up by their clients"),
    )
    for number, one, many in found:
        if number > 0:
            yield f"{formats.counted(number, 'request')} {one if number == 1 else many}."


def _of_time(facts: Facts) -> Iterator[str]:
    scope = facts.scope
    since, until = scope.edges[0], scope.edges[-1]
    if since < facts.made_at < until:
        yield "These days are not over yet: what begins after this report was made is not in it."
    if facts.known_since is None:
        return
    known = scope.day_of(facts.known_since)
    if known > scope.first:
        yield f"The ledger begins on {formats.long_day(known)}: of the days before, nothing is known."
    kept = None if facts.kept_since is None else scope.day_of(facts.kept_since)
    if kept is None or kept > max(known, scope.first):
        told = "no longer kept" if kept is None else f"kept from {formats.long_day(kept)} on"
        yield (
            f"Single requests are {told}; of earlier days only the hourly sums are, so requests asked again "
            "and verdicts are not counted there."
        )
    empty = sum(
        not day
        for day, begun in zip(facts.days, scope.edges, strict=False)
        if facts.known_since <= begun < facts.made_at
    )
    if empty and facts.whole["requests"]:
        yield f"On {formats.counted(empty, 'day')} nobody asked anything, or the endpoint was not running."
