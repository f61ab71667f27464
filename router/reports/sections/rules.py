"""The rules that decided, and the requests that changed track on the way."""

from collections.abc import Iterator, Mapping

from router.ledger.queries import Totals
from router.reports import formats, totals
from router.reports.charts import Chart, Series
from router.reports.components import TRACKS, Figure, Section, Table, format_cost, format_saving
from router.reports.facts import Facts

NO_RULE = "no rule"
MAX_CHARTED_RULES = 12
"""Number of rules in the chart; the table lists all."""
ESCALATED = {
    "overflow": "the prompt did not fit the local model's window",
    "bad_tool_call": "its tool call stayed invalid after a second try",
    "local_error": "the local engine failed",
    "slow": "nothing useful came in time",
    "unsupported": "the local model cannot do what was asked",
}
DEGRADED = {
    "cloud_error": "the provider was down or overloaded",
    "no_credential": "there was no key for the provider",
    "private": "it may not leave this machine",
    "slow": "nothing useful came in time",
    "unsupported": "the provider cannot do what was asked",
}
"""Causes in words; see `policies.causes.Cause`."""


def build_rules_section(facts: Facts) -> Section:
    """List the rules by the number of requests they decided."""
    by_rule = totals.group_by(facts.rows, 2)
    split = totals.nest_by_last_key(totals.group_by(facts.rows, 2, 1).values())
    charted = list(split)[:MAX_CHARTED_RULES]
    labels = [rule or NO_RULE for (rule,) in charted]
    figure = Figure(
        kind="bars",
        chart=Chart(
            title="Requests by the rule that decided, and the track that served",
            summary=_describe_most_frequent(by_rule),
            labels=labels,
            series=[
                Series(name=track, values=[_requests(split[rule], track) for rule in charted], style=track)
                for track in TRACKS
            ],
            format_value=formats.integer,
            label_heading="rule",
        ),
    )
    table = Table(
        caption="Every rule, the one that decided most often first",
        columns=("rule", "requests", "share", "local", "spent", "saved"),
        rows=[
            (
                rule or NO_RULE,
                formats.integer(group["requests"]),
                formats.share(group["requests"], facts.total["requests"]),
                formats.share(_requests(split[rule,], "local"), group["requests"]),
                format_cost(group),
                format_saving(group),
            )
            for (rule,), group in by_rule.items()
        ],
    )
    return Section(
        title="Why", paragraphs=tuple(_paragraphs(facts, by_rule)), figures=(figure,), tables=(table,)
    )


def build_moved_section(facts: Facts) -> Section:
    """Count requests that changed track before the client received a byte, by cause."""
    rows = [
        *_causes(facts, "escalated", "escalated: local to cloud", ESCALATED),
        *_causes(facts, "degraded", "failed over: cloud to local", DEGRADED),
    ]
    if not rows:
        return Section(title="Moved to the other track", paragraphs=("No request had to.",))
    table = Table(
        caption="Moved before the client saw a byte; what the first try cost is part of what was spent",
        columns=("way", "cause", "requests", "share", "wasted"),
        rows=rows,
        text_columns=("cause",),
    )
    return Section(title="Moved to the other track", tables=(table,))


def _paragraphs(facts: Facts, by_rule: Mapping[tuple[str, ...], Totals]) -> Iterator[str]:
    yield _describe_most_frequent(by_rule)
    total = facts.total
    if total["held"]:
        yield (
            f"{formats.quantity(total['held'], 'request')} stayed where their turn had begun, under the "
            "rule that decided it then."
        )
    if total["would_local"]:
        yield (
            f"While the policy only observed, {formats.quantity(total['would_local'], 'request')} would have "
            "gone to the local model."
        )
    policies = [group.key[0] or "none" for group in facts.groups["policy"]]
    yield f"Decided by the polic{'y' if len(policies) == 1 else 'ies'} {', '.join(policies)}."


def _describe_most_frequent(by_rule: Mapping[tuple[str, ...], Totals]) -> str:
    (rule,), group = next(iter(by_rule.items()))
    return (
        f"The rule that decided most often is {rule or NO_RULE}: "
        f"{formats.quantity(group['requests'], 'request')}."
    )


def _causes(
    facts: Facts, dimension: str, way: str, descriptions: Mapping[str, str]
) -> Iterator[tuple[str, ...]]:
    for group in facts.groups[dimension]:
        cause = group.key[0]
        if cause:
            yield (
                way,
                descriptions.get(cause, cause.replace("_", " ")),
                formats.integer(group["requests"]),
                formats.share(group["requests"], facts.total["requests"]),
                formats.usd(group["wasted_usd"]),
            )


def _requests(tracks: Mapping[str, Totals], track: str) -> float:
    return tracks[track]["requests"] if track in tracks else 0.0
