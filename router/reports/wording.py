"""From facts to a whole report in words, the same for every format."""

from collections.abc import Iterator
from datetime import datetime

from router.reports import formats, totals
from router.reports.components import Card, Section, Story, spent
from router.reports.figures import Facts
from router.reports.sections.gaps import gaps
from router.reports.sections.misroutes import misroutes
from router.reports.sections.money import economics, money
from router.reports.sections.privacy import privacy
from router.reports.sections.rules import moved, rules
from router.reports.sections.teams import budgets, people
from router.reports.sections.traffic import speed, where


def tell(facts: Facts) -> Story:
    """Word a report."""
    scope = facts.scope
    made = datetime.fromtimestamp(facts.made_at, scope.zone)
    first, last = formats.long_day(scope.first), formats.long_day(scope.last)
    days = first if scope.first == scope.last else f"{first} to {last}"
    return Story(
        title=f"Routing report: {f'team {scope.team}' if scope.team else 'all teams'}",
        period=f"{days}, days of {scope.zone.key}",
        lead=_lead(facts),
        warnings=tuple(_warnings(facts)),
        cards=tuple(_cards(facts)) if facts.whole["requests"] else (),
        sections=tuple(_sections(facts)),
        made=(
            f"Made by Turnout on {formats.long_day(made.date())} at {made:%H:%M} ({scope.zone.key}), from "
            "the ledger alone. No prompt and no answer is in the ledger, and so none is here."
        ),
    )


def _sections(facts: Facts) -> Iterator[Section]:
    if not facts.whole["requests"]:
        yield _nothing(facts)
        if facts.budgets:
            yield budgets(facts)
        return
    yield where(facts)
    yield money(facts)
    if facts.economics:
        yield economics(facts.economics)
    yield speed(facts)
    yield rules(facts)
    yield moved(facts)
    yield misroutes(facts)
    yield privacy(facts)
    if facts.budgets:
        yield budgets(facts)
    yield people(facts)
    yield gaps(facts)


def _nothing(facts: Facts) -> Section:
    scope = facts.scope
    if facts.known_since is None:
        says = "The ledger is empty so far. Start the endpoint with `turnout serve` and send it a request."
    elif facts.known_since >= scope.edges[-1]:
        says = f"The ledger begins later, on {formats.long_day(scope.day_of(facts.known_since))}."
    else:
        says = "Either nobody asked anything in these days, or the endpoint was not running."
    again = "A longer period may have some: try `turnout report --last 90d`."
    return Section(title="Nothing to report", says=(says, again) if facts.known_since else (says,))


def _lead(facts: Facts) -> str:
    whole = facts.whole
    if not whole["requests"]:
        return "No request was made in these days."
    share = formats.share(facts.local, whole["requests"])
    stayed = f"{share} of {formats.counted(whole['requests'], 'request')} stayed on your own machine"
    saved, baseline = totals.saved(whole), whole["compared_baseline_usd"]
    if saved is None:
        return f"{stayed}; what that saved is not known, since no request has a price on both sides."
    if saved < 0:
        return (
            f"{stayed}. That was a loss: routing cost {formats.usd(-saved)} more than the "
            f"{formats.usd(baseline)} that the models asked for would have."
        )
    of = f" ({formats.share(saved, baseline)})" if saved else ""
    return (
        f"{stayed}. Routing saved {formats.usd(saved)}{of} against the {formats.usd(baseline)} that the "
        "models asked for would have cost."
    )


def _warnings(facts: Facts) -> Iterator[str]:
    left = facts.whole["private_left"]
    if left:
        yield (
            f"{formats.counted(left, 'request')} that had to stay on this machine "
            f"{'has' if left == 1 else 'have'} an attempt at the cloud on record. See “What had to stay”."
        )


def _cards(facts: Facts) -> Iterator[Card]:
    whole = facts.whole
    requests, earlier = whole["requests"], totals.total(facts.before, "requests")
    yield Card(name="Requests", figure=formats.whole(requests), note=_trend(requests, earlier))
    yield _stayed(facts, earlier)
    yield Card(
        name="Spent",
        figure=spent(whole),
        note=f"{formats.counted(totals.unpriced(whole), 'request')} of unknown price"
        if totals.unpriced(whole)
        else "",
    )
    yield _saved(facts)
    yield Card(
        name="Had to stay",
        figure=formats.whole(whole["private"]),
        note="and none left" if whole["private"] and not whole["private_left"] else _some_left(facts),
        mood="bad" if whole["private_left"] else "",
    )


def _stayed(facts: Facts, earlier: float) -> Card:
    local = sum(one["requests"] for one in facts.before if one.key == ("local",))
    before = f"{formats.share(local, earlier)} in as many days before" if earlier else "of all requests"
    return Card(name="Stayed local", figure=formats.share(facts.local, facts.whole["requests"]), note=before)


def _saved(facts: Facts) -> Card:
    low, high = totals.saved(facts.whole), totals.saved_high(facts.whole)
    if low is None or high is None:
        return Card(name="Saved", figure=formats.NOT_KNOWN, note="no request has a price on both sides")
    if low < 0:
        return Card(name="Lost", figure=formats.usd(-low), note="against what was asked for", mood="bad")
    note = f"up to {formats.usd(high)} had nothing been cached" if high > low + formats.CENT else ""
    return Card(name="Saved", figure=formats.usd(low), note=note, mood="good" if low else "")


def _some_left(facts: Facts) -> str:
    return f"{formats.whole(facts.whole['private_left'])} left" if facts.whole["private_left"] else ""


def _trend(now: float, before: float) -> str:
    if not before:
        return "nothing earlier to compare with"
    return f"{now / before - 1:+.0%} on as many days before"
