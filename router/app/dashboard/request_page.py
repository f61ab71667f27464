"""One request as the ledger has it, from its features to its bill.

The ledger stores which rule decided, not the results of the others. The rules are evaluated again on
the stored features, under the present policy of that name. The page states the limits of that:
whether the policy's file changed since, which conditions depend on a state (a queue, a budget) that
was not stored, and whether the outcome is the recorded one.
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

STATE_VARIABLES = frozenset({"local", "cloud", "budget", "last"})
"""Variables of conditions that depend on state, which is not stored."""
FEATURE_LABELS: Mapping[str, str] = {
    "kind": "kind of request",
    "phase": "phase",
    "context_tokens": "tokens of the prompt",
    "output_limit": "most tokens wanted back",
    "turns": "turns of the conversation",
    "turn_calls": "calls made in this turn before",
    "self_contained": "how likely the ask is self-contained",
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
    "same_call_failed": "times the same call failed",
    "same_test_failed": "times the same test failed, edits between",
    "edits_rejected": "edits that did not apply, in a row",
    "turn_edits": "edits of this turn",
    "mid_step": "a tool call is still open",
    "tests_failed": "tests failing",
    "tests_passed": "tests passing",
    "tests_fixed": "tests were fixed in this turn",
    "images": "images",
    "thinking": "thinking asked for",
    "server_tools": "needs a tool of the provider's servers",
    "json_schema": "must answer in a schema",
    "body_bytes": "bytes of the body",
}
"""Labels of the stored features, in the order of the page."""
TOKENS: Mapping[str, str] = {
    "input": "input",
    "cache_read": "read from the cache",
    "cache_write_5m": "written to the cache (5 min)",
    "cache_write_1h": "written to the cache (1 h)",
    "output": "output",
}
assert set(TOKENS) == set(USAGE_FIELDS)  # noqa: S101


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """A rule evaluated again on the request."""

    name: str
    when: str
    to: str
    why: str
    matched: bool
    decided: bool
    because: str
    skipped: bool
    """It follows the rule that decided, so it was not evaluated then."""
    uses_state: bool
    """Its condition depends on state that was not stored, so the present one is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reevaluation:
    """The result of the present policy for a stored request."""

    explanation: Explanation
    rules: Sequence[RuleResult]
    same_outcome: bool
    """Whether rule and track equal the recorded ones."""
    changed_at: float | None
    """Modification time of the policy's file, if later than the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """Everything on the page of a request."""

    row: Row
    features: Sequence[tuple[str, object]]
    empty_features: Sequence[str]
    """Labels of features that were zero or empty."""
    reevaluation: Reevaluation | None
    """None if no policy of that name serves any more."""
    attempts: Sequence[Json]
    tokens: Sequence[tuple[str, int]]
    saved_usd: float | None
    verdict: str
    """A person's verdict on the answer; empty without one."""


def load_request(options: DashboardOptions, request_id: str) -> RequestView | None:
    """Query a request; None if there is none of this id. May block."""
    with options.engine.connect() as connection:
        row = queries.request(connection, request_id)
        statement = sa.select(feedback.c.verdict).where(feedback.c.request_id == request_id)
        verdict = connection.execute(statement).scalar() or ""
    if row is None:
        return None
    values = {column: row[column] for column in FEATURE_LABELS}
    cost, baseline = row["cost_usd"], row["baseline_usd"]
    return RequestView(
        row=row,
        features=[(words, values[name]) for name, words in FEATURE_LABELS.items() if values[name]],
        empty_features=[words for name, words in FEATURE_LABELS.items() if not values[name]],
        reevaluation=_reevaluate(options, row),
        attempts=json.loads(row["attempts"] or "[]"),
        tokens=[(words, row[name] or 0) for name, words in TOKENS.items()],
        saved_usd=None if cost is None or baseline is None else baseline - cost,
        verdict=verdict.replace("_", " "),
    )


def _reevaluate(options: DashboardOptions, row: Row) -> Reevaluation | None:
    holder = next(
        (
            candidate
            for candidate in options.registry.holders.values()
            if candidate.policy.name == row["policy"]
        ),
        None,
    )
    if holder is None:
        return None
    features, policy = read_features(row), holder.policy
    state = options.state(features)
    if row["held"]:
        last_decision = LastDecision(
            track=row["track"], model="", rule=row["rule"], why=row["why"], turn=row["turns"] or 0
        )
        state = replace(state, last=last_decision)
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
            provider_field="field" if row["rule"] == "provider_only" else "",
        )
    )
    uses_state = {
        rule.name: any(name.partition(".")[0] in STATE_VARIABLES for name in rule.when.names)
        for rule in policy.rules
    }
    names = [line.rule for line in explanation.rules]
    decided = names.index(row["rule"]) if row["rule"] in names else len(names)
    rules = [
        RuleResult(
            name=line.rule,
            when=line.when,
            to=line.to,
            why=line.why,
            matched=line.matched,
            decided=at == decided,
            skipped=at > decided,
            because=line.because,
            uses_state=uses_state[line.rule],
        )
        for at, line in enumerate(explanation.rules)
    ]
    same = (explanation.decision.rule, explanation.decision.track) == (row["rule"], row["track"])
    return Reevaluation(
        explanation=explanation, rules=rules, same_outcome=same, changed_at=_changed(holder, row["begun_at"])
    )


def _changed(holder: PolicyHolder, begun_at: float) -> float | None:
    try:
        written: float = find(holder.name_or_path)[0].stat().st_mtime
    except (OSError, PolicyError):
        return None
    return written if written > begun_at else None
