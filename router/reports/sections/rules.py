"""Why requests went where they went, and which changed track on the way."""

from collections.abc import Iterator, Mapping

from router.ledger.queries import Totals
from router.reports import formats, totals
from router.reports.charts import Chart, Series
from router.reports.components import TRACKS, Drawn, Section, Table, saving, spent
from router.reports.figures import Facts

UNRULED = "no rule"
MOST = 12
"""Rules that are drawn; the table has them all."""
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
"""Causes in words; see `router.errors.Cause`."""


def rules(facts: Facts) -> Section:
    """Tell which rules decided."""
    by_rule = totals.by(facts.rows, 2)
    split = totals.nested(totals.by(facts.rows, 2, 1).values())
    shown = list(split)[:MOST]
    labels = [rule or UNRULED for (rule,) in shown]
    drawn = Drawn(
        how="bars",
        chart=Chart(
            title="Requests by the rule that decided, and the track that served",
            summary=_first(by_rule),
            labels=labels,
            series=[
                Series(name=track, values=[_requests(split[rule], track) for rule in shown], style=track)
                for track in TRACKS
            ],
            words=formats.whole,
            heading="rule",
        ),
    )
    table = Table(
        caption="Every rule, the one that decided most often first",
        columns=("rule", "requests", "share", "local", "spent", "saved"),
        rows=[
            (
                rule or UNRULED,
                formats.whole(one["requests"]),
                formats.share(one["requests"], facts.whole["requests"]),
                formats.share(_requests(split[rule,], "local"), one["requests"]),
                spent(one),
                saving(one),
            )
            for (rule,), one in by_rule.items()
        ],
    )
    return Section(title="Why", says=tuple(_says(facts, by_rule)), drawn=(drawn,), tables=(table,))


def moved(facts: Facts) -> Section:
    """Tell what changed track before the client saw a byte, and why."""
    rows = [
        *_causes(facts, "escalated", "escalated: local to cloud", ESCALATED),
        *_causes(facts, "degraded", "failed over: cloud to local", DEGRADED),
    ]
    if not rows:
        return Section(title="Moved to the other track", says=("No request had to.",))
    table = Table(
        caption="Moved before the client saw a byte; what the first try cost is part of what was spent",
        columns=("way", "cause", "requests", "share", "wasted"),
        rows=rows,
        words=("cause",),
    )
    return Section(title="Moved to the other track", tables=(table,))


def _says(facts: Facts, by_rule: Mapping[tuple[str, ...], Totals]) -> Iterator[str]:
    yield _first(by_rule)
    whole = facts.whole
    if whole["held"]:
        yield (
            f"{formats.counted(whole['held'], 'request')} went on where their turn had begun, under the rule "
            "that decided it then."
        )
    if whole["would_local"]:
        yield (
            f"While the policy only observed, {formats.counted(whole['would_local'], 'request')} would have "
            "gone to the local model."
        )
    policies = [one.key[0] or "none" for one in facts.by["policy"]]
    yield f"Decided by the polic{'y' if len(policies) == 1 else 'ies'} {', '.join(policies)}."


def _first(by_rule: Mapping[tuple[str, ...], Totals]) -> str:
    (rule,), one = next(iter(by_rule.items()))
    return (
        f"The rule that decided most often is {rule or UNRULED}: "
        f"{formats.counted(one['requests'], 'request')}."
    )


def _causes(facts: Facts, group: str, way: str, known: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for one in facts.by[group]:
        cause = one.key[0]
        if cause:
            yield (
                way,
                known.get(cause, cause.replace("_", " ")),
                formats.whole(one["requests"]),
                formats.share(one["requests"], facts.whole["requests"]),
                formats.usd(one["wasted_usd"]),
            )


def _requests(tracks: Mapping[str, Totals], track: str) -> float:
    return tracks[track]["requests"] if track in tracks else 0.0
