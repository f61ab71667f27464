"""Why a request goes where it goes, rule by rule, and what would have sent it elsewhere.

An explanation is for a person. It holds no text of the request and no path.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from classifiers.features import TEXTS, Features
from classifiers.verdict import Classifier, Verdict
from policies.changes import Case, Change, find_changes, format_value
from policies.conditions import ERRORS, bind, lookup
from policies.decide import decide
from policies.decision import Decision, TrackName
from policies.policy import Rule
from policies.routing_input import RoutingInput
from policies.variables import inputs_of

_READ = tuple(field.name for field in fields(Features) if field.name not in TEXTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule, held against the request."""

    rule: str
    when: str
    to: TrackName
    why: str
    matched: bool
    decided: bool
    """True for the one that the decision follows."""
    because: str
    """The values of the variables it names, e.g. `files = 12, params.max_files = 4`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything a person may want to know of one decision."""

    policy: str
    decision: Decision
    features: Features | None
    verdict: Verdict | None
    rules: tuple[RuleLine, ...]
    changes: tuple[Change, ...]


def explain(routing: RoutingInput, classifier: Classifier | None = None) -> Explanation:
    """Explain what `decide` makes of the same input; where reading failed, there are no rules to show.

    Args:
        routing: What was decided.
        classifier: Judges varied features, so that `changes` is true of the whole path;
            without it the verdict stays as it is.
    """
    decision, inputs = decide(routing), inputs_of(routing)
    case = inputs and Case(routing=routing, inputs=inputs, classifier=classifier)
    return Explanation(
        policy=routing.policy.name,
        decision=decision,
        features=routing.features,
        verdict=routing.verdict,
        rules=tuple(_lines(case, decision)) if case else (),
        changes=tuple(find_changes(case, decision)) if case else (),
    )


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """Give an explanation as JSON values; the request's text and paths are left out."""
    features, verdict = explanation.features, explanation.verdict
    read = {} if features is None else {name: getattr(features, name) for name in _READ}
    return {
        "policy": explanation.policy,
        "decision": asdict(explanation.decision),
        "features": read,
        "verdict": asdict(verdict) if verdict else {},
        "rules": [asdict(line) for line in explanation.rules],
        "changes": [asdict(change) for change in explanation.changes],
    }


def _lines(case: Case, decision: Decision) -> Iterator[RuleLine]:
    variables = case.values()
    context = bind(variables)
    for rule in case.routing.policy.rules:
        yield RuleLine(
            rule=rule.name,
            when=rule.when.source,
            to=rule.to,
            why=rule.why,
            matched=_holds(rule, context),
            decided=rule.name == decision.rule and not decision.held,
            because=", ".join(
                f"{name} = {format_value(name, lookup(name, variables))}" for name in rule.when.names
            ),
        )


def _holds(rule: Rule, context: Any) -> bool:
    try:
        return rule.when.holds(context)
    except ERRORS:
        return False
