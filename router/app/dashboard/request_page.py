"""One request, from what was read to the bill, as the ledger has it: no text was kept, so none is shown.

The ledger keeps which rule decided, not how each of the others stood. Those are held against the
kept features again, under the policy of that name as it is now, and the page says how far that
can be trusted: whether the policy's file changed since, which conditions ask for a state (a queue,
a budget) that was not kept, and whether the outcome is the recorded one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from classifiers.verdict import Verdict
from policies.decision import LastDecision
from policies.explain import Explanation, explain
from policies.load import PolicyError, PolicyHolder, find
from policies.privacy import Clearance
from policies.routing_input import RoutingInput
from router.app.dashboard.context import DashboardOptions, Json
from router.ledger import queries
from router.ledger.queries import Row
from router.ledger.stored_features import read_features
from router.ledger.tables import feedback
from router.types import USAGE_FIELDS

STATE = frozenset({"local", "cloud", "budget", "last"})
"""Variables that tell of the moment, which was not kept."""
READ: Mapping[str, str] = {
    "kind": "kind of request",
    "phase": "phase",
    "context_tokens": "tokens of the prompt",
    "output_limit": "most tokens wanted back",
    "turns": "turns of the conversation",
    "turn_calls": "calls made in this turn before",
    "follow_up": "only goes on from the ask before",
    "files": "files in play",
    "files_edited": "files edited",
    "directories": "directories",
    "files_named": "files named in the ask",
    "tools_offered": "tools offered",
    "tools_used": "tools used",
    "tool_calls": "tool calls",
    "tool_errors": "tool errors",
    "repeats": "repeated calls",
    "repeat_streak": "repeated calls in a row",
    "error_streak": "errors in a row",
    "tests_failed": "tests failing",
    "tests_passed": "tests passing",
    "tests_fixed": "tests were fixed in this turn",
    "images": "images",
    "thinking": "thinking asked for",
    "server_tools": "needs a tool of the provider's servers",
    "json_schema": "must answer in a schema",
    "body_bytes": "bytes of the body",
}
"""Columns of what was read, in the order of a page, in words."""
TOKENS: Mapping[str, str] = {
    "input": "input",
    "cache_read": "read from the cache",
    "cache_write_5m": "written to the cache (5 min)",
    "cache_write_1h": "written to the cache (1 h)",
    "output": "output",
}
assert set(TOKENS) == set(USAGE_FIELDS)  # noqa: S101


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, held against the request again."""

    name: str
    when: str
    to: str
    why: str
    matched: bool
    decided: bool
    because: str
    after: bool
    """It stands behind the one that decided, so it was not asked."""
    moment: bool
    """Its condition asks for a state that was not kept: that is as it is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What the policy says of it now."""

    explanation: Explanation
    rules: Sequence[Rule]
    same: bool
    """The outcome is the recorded one."""
    changed_at: float | None
    """When the policy's file was written, where that was after the request; None where it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """Everything a page says of one request."""

    row: Row
    read: Sequence[tuple[str, object]]
    nothing: Sequence[str]
    """What was zero or empty, in words."""
    again: Again | None
    """None where no policy of that name serves any more."""
    attempts: Sequence[Json]
    tokens: Sequence[tuple[str, int]]
    saved_usd: float | None
    verdict: str
    """What a person said of the answer; empty where nobody did."""


def look(options: DashboardOptions, request_id: str) -> One | None:
    """Read one request; None where there is none. May block."""
    with options.engine.connect() as connection:
        row = queries.request(connection, request_id)
        said = sa.select(feedback.c.verdict).where(feedback.c.request_id == request_id)
        verdict = connection.execute(said).scalar() or ""
    if row is None:
        return None
    known = {column: row[column] for column in READ}
    cost, baseline = row["cost_usd"], row["baseline_usd"]
    return One(
        row=row,
        read=[(words, known[name]) for name, words in READ.items() if known[name]],
        nothing=[words for name, words in READ.items() if not known[name]],
        again=_again(options, row),
        attempts=json.loads(row["attempts"] or "[]"),
        tokens=[(words, row[name] or 0) for name, words in TOKENS.items()],
        saved_usd=None if cost is None or baseline is None else baseline - cost,
        verdict=verdict.replace("_", " "),
    )


def _again(options: DashboardOptions, row: Row) -> Again | None:
    holder = next(
        (one for one in options.registry.holders.values() if one.policy.name == row["policy"]), None
    )
    if holder is None:
        return None
    features, policy = read_features(row), holder.policy
    state = options.state(features)
    if row["held"]:
        kept = LastDecision(
            track=row["track"], model="", rule=row["rule"], why=row["why"], turn=row["turns"] or 0
        )
        state = replace(state, last=kept)
    if row["rule"] == "budget":
        state = replace(state, budget_left_usd=0.0, budget_why=row["why"])
    explanation = explain(
        RoutingInput(
            policy=policy,
            features=features,
            verdict=Verdict(p_local=row["p_local"] or 0.0, kind=row["work"] or "", why=""),
            state=state,
            requested_model=row["asked_model"] or "",
            clearance=Clearance(allowed=row["cleared"] is not False, why=row["private_why"] or ""),
            team=row["team"],
            user=row["user"] or "",
        )
    )
    asks_state = {
        rule.name: any(name.partition(".")[0] in STATE for name in rule.when.names) for rule in policy.rules
    }
    names = [line.rule for line in explanation.rules]
    decided = names.index(row["rule"]) if row["rule"] in names else len(names)
    rules = [
        Rule(
            name=line.rule,
            when=line.when,
            to=line.to,
            why=line.why,
            matched=line.matched,
            decided=at == decided,
            after=at > decided,
            because=line.because,
            moment=asks_state[line.rule],
        )
        for at, line in enumerate(explanation.rules)
    ]
    same = (explanation.decision.rule, explanation.decision.track) == (row["rule"], row["track"])
    return Again(
        explanation=explanation, rules=rules, same=same, changed_at=_changed(holder, row["begun_at"])
    )


def _changed(holder: PolicyHolder, begun_at: float) -> float | None:
    try:
        written: float = find(holder.name_or_path)[0].stat().st_mtime
    except (OSError, PolicyError):
        return None
    return written if written > begun_at else None
