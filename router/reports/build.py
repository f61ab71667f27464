"""Turns facts into a report in words, the same for every format."""

from collections.abc import Iterator
from datetime import datetime

from router.reports import formats, totals
from router.reports.components import Card, Report, Section, format_cost
from router.reports.facts import Facts
from router.reports.sections.completions import build_completions_section
from router.reports.sections.costs import build_cost_section, build_economics_section
from router.reports.sections.gaps import build_gaps_section
from router.reports.sections.misroutes import build_misroutes_section
from router.reports.sections.privacy import build_privacy_section
from router.reports.sections.rules import build_moved_section, build_rules_section
from router.reports.sections.teams import build_budgets_section, build_people_section
from router.reports.sections.traffic import build_speed_section, build_tracks_section


def build_report(facts: Facts) -> Report:
    """Render the facts as sentences, cards, tables and charts."""
    scope = facts.scope
    created_at = datetime.fromtimestamp(facts.created_at, scope.zone)
    first, last = formats.long_day(scope.first), formats.long_day(scope.last)
    days = first if scope.first == scope.last else f"{first} to {last}"
    return Report(
        title=f"Routing report: {f'team {scope.team}' if scope.team else 'all teams'}",
        period=f"{days}, days of {scope.zone.key}",
        lead=_lead(facts),
        warnings=tuple(_warnings(facts)),
        cards=tuple(_cards(facts)) if facts.total["requests"] else (),
        sections=tuple(_sections(facts)),
        footer=(
            f"Made by Turnout on {formats.long_day(created_at.date())} at {created_at:%H:%M} "
            f"({scope.zone.key}), from the ledger alone. The ledger holds no prompts and no answers, so this "
            "report has none."
        ),
    )


def _sections(facts: Facts) -> Iterator[Section]:
    if not facts.total["requests"]:
        yield _build_empty_section(facts)
        if facts.completions:
            yield build_completions_section(facts)
        if facts.budgets:
            yield build_budgets_section(facts)
        return
    yield build_tracks_section(facts)
    yield build_cost_section(facts)
    if facts.economics:
        yield build_economics_section(facts.economics)
    yield build_speed_section(facts)
    if facts.completions:
        yield build_completions_section(facts)
    yield build_rules_section(facts)
    yield build_moved_section(facts)
    yield build_misroutes_section(facts)
    yield build_privacy_section(facts)
    if facts.budgets:
        yield build_budgets_section(facts)
    yield build_people_section(facts)
    yield build_gaps_section(facts)


def _build_empty_section(facts: Facts) -> Section:
    scope = facts.scope
    if facts.data_since is None:
        explanation = (
            "The ledger is empty so far. Start the endpoint with `turnout serve` and send it a request."
        )
    elif facts.data_since >= scope.edges[-1]:
        explanation = f"The ledger begins later, on {formats.long_day(scope.day_of(facts.data_since))}."
    else:
        explanation = "Either nobody sent a request in these days, or the endpoint was not running."
    advice = "A longer period may have some: try `turnout report --last 90d`."
    return Section(
        title="Nothing to report", paragraphs=(explanation, advice) if facts.data_since else (explanation,)
    )


def _lead(facts: Facts) -> str:
    total = facts.total
    if not total["requests"]:
        return "No request was made in these days."
    share = formats.share(facts.local, total["requests"])
    stayed = f"{share} of {formats.quantity(total['requests'], 'request')} stayed on your own machine"
    saved, baseline = totals.saved_usd(total), total["compared_baseline_usd"]
    if saved is None:
        return f"{stayed}; what that saved is not known, since no request has a price on both sides."
    if saved < 0:
        return (
            f"{stayed}. That was a loss: routing cost {formats.usd(-saved)} more than the "
            f"{formats.usd(baseline)} that the models asked for would have."
        )
    percentage = f" ({formats.share(saved, baseline)})" if saved else ""
    return (
        f"{stayed}. Routing saved {formats.usd(saved)}{percentage} against the {formats.usd(baseline)} that "
        "the models asked for would have cost."
    )


def _warnings(facts: Facts) -> Iterator[str]:
    left = facts.total["private_left"]
    if left:
        yield (
            f"{formats.quantity(left, 'request')} that had to stay on this machine "
            f"{'has' if left == 1 else 'have'} an attempt at the cloud on record. See “What had to stay”."
        )


def _cards(facts: Facts) -> Iterator[Card]:
    total = facts.total
    requests, earlier = total["requests"], totals.sum_measure(facts.previous, "requests")
    yield Card(name="Requests", value=formats.integer(requests), note=_describe_trend(requests, earlier))
    yield _build_local_card(facts, earlier)
    yield Card(
        name="Spent",
        value=format_cost(total),
        note=f"{formats.quantity(totals.unpriced_requests(total), 'request')} of unknown price"
        if totals.unpriced_requests(total)
        else "",
    )
    yield _build_saved_card(facts)
    yield Card(
        name="Had to stay",
        value=formats.integer(total["private"]),
        note="and none left" if total["private"] and not total["private_left"] else _describe_attempts(facts),
        tone="bad" if total["private_left"] else "",
    )


def _build_local_card(facts: Facts, earlier: float) -> Card:
    local = sum(group["requests"] for group in facts.previous if group.key == ("local",))
    before = f"{formats.share(local, earlier)} in as many days before" if earlier else "of all requests"
    return Card(name="Stayed local", value=formats.share(facts.local, facts.total["requests"]), note=before)


def _build_saved_card(facts: Facts) -> Card:
    low, high = totals.saved_usd(facts.total), totals.saved_high_usd(facts.total)
    if low is None or high is None:
        return Card(name="Saved", value=formats.NOT_KNOWN, note="no request has a price on both sides")
    if low < 0:
        return Card(name="Lost", value=formats.usd(-low), note="against what was asked for", tone="bad")
    note = f"up to {formats.usd(high)} had nothing been cached" if high > low + formats.CENT else ""
    return Card(name="Saved", value=formats.usd(low), note=note, tone="good" if low else "")


def _describe_attempts(facts: Facts) -> str:
    return f"{formats.integer(facts.total['private_left'])} left" if facts.total["private_left"] else ""


def _describe_trend(now: float, before: float) -> str:
    if not before:
        return "nothing earlier to compare with"
    return f"{now / before - 1:+.0%} on as many days before"
