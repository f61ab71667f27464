"""Why a request goes where it goes, rule by rule, and what would have sent it elsewhere.

An explanation is for a person. It holds no text of the request and no path.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from classifiers.features import Features
from classifiers.verdict import Classifier, Verdict
from policies.conditions import ERRORS, Value, bind, lookup
from policies.decide import decide
from policies.decision import Decision, State, TrackName
from policies.policy import Policy, Rule
from policies.privacy import Clearance
from policies.variables import Inputs, values

_STATE = {
    "local.context": "local_context",
    "local.wait_s": "local_wait_s",
    "local.up": "local_up",
    "cloud.up": "cloud_up",
    "budget.left_usd": "budget_left_usd",
}
"""Variables of the state, and the fields they are read from."""
_TEXTS = frozenset({"ask", "paths", "marks"})
_READ = tuple(field.name for field in fields(Features) if field.name not in _TEXTS)
_FRACTIONS = frozenset({"p_local", "local.wait_s", "budget.left_usd"})
"""Variables that are not whole numbers, whatever their value."""
_HELD_BY = ("context_tokens", "turn_calls", "local.up")
"""What can move a held turn, whatever the rules name."""
_FARTHEST = 20
"""Doublings of a step that are tried: about a million."""


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
class Change:
    """The nearest value of one variable that sends the request to the other track."""

    when: str
    """E.g. `files < 4`."""
    track: TrackName
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything a person may want to know of one decision."""

    policy: str
    decision: Decision
    features: Features | None
    verdict: Verdict | None
    rules: tuple[RuleLine, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One request to decide, any part of which may be varied."""

    policy: Policy
    features: Features
    verdict: Verdict
    state: State
    asked: str
    clearance: Clearance
    team: str
    user: str
    classifier: Classifier | None

    def decide(self) -> Decision:
        return decide(
            self.policy,
            self.features,
            self.verdict,
            self.state,
            asked=self.asked,
            clearance=self.clearance,
            team=self.team,
            user=self.user,
        )

    def values(self) -> dict[str, Value]:
        inputs = Inputs(
            features=self.features,
            verdict=self.verdict,
            state=self.state,
            params=self.policy.params,
            team=self.team,
            user=self.user,
        )
        return values(self.policy.variables | {"context_tokens", "turn_calls", "local"}, inputs)

    def varied(self, name: str, value: Any) -> "_Case":
        """Set one variable; a feature is classified anew where there is a classifier."""
        group, _, member = name.partition(".")
        if group == "params":
            return replace(self, policy=replace(self.policy, params={**self.policy.params, member: value}))
        if name in _STATE:
            return replace(self, state=replace(self.state, **{_STATE[name]: value}))
        if name == "p_local":
            return replace(self, verdict=replace(self.verdict, p_local=value))
        features = replace(self.features, **{name: value})
        verdict = self.classifier.classify(features) if self.classifier else self.verdict
        return replace(self, features=features, verdict=verdict)


def explain(
    policy: Policy,
    features: Features | None,
    verdict: Verdict | None,
    state: State,
    *,
    asked: str,
    clearance: Clearance,
    team: str = "",
    user: str = "",
    classifier: Classifier | None = None,
) -> Explanation:
    """Explain what `decide` says to the same arguments.

    Args:
        policy: See `decide`; so are the next five, `team` and `user`.
        features: None where reading failed: there is then nothing to hold rules against.
        verdict: None where classifying failed.
        state: What the tracks, the budget and this conversation are like.
        asked: The model name the client sent.
        clearance: From `policies.privacy.clear`.
        team: For conditions that name it.
        user: For conditions that name it.
        classifier: Judges varied features, so that `changes` is true of the whole path;
            without it the verdict stays as it is.
    """
    decision = decide(
        policy, features, verdict, state, asked=asked, clearance=clearance, team=team, user=user
    )
    lines: tuple[RuleLine, ...] = ()
    changes: tuple[Change, ...] = ()
    if features is not None and verdict is not None:
        case = _Case(
            policy=policy,
            features=features,
            verdict=verdict,
            state=state,
            asked=asked,
            clearance=clearance,
            team=team,
            user=user,
            classifier=classifier,
        )
        lines = tuple(_lines(case, decision))
        changes = tuple(_changes(case, decision))
    return Explanation(
        policy=policy.name,
        decision=decision,
        features=features,
        verdict=verdict,
        rules=lines,
        changes=changes,
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


def _lines(case: _Case, decision: Decision) -> Iterator[RuleLine]:
    known = case.values()
    context = bind(known)
    for rule in case.policy.rules:
        yield RuleLine(
            rule=rule.name,
            when=rule.when.source,
            to=rule.to,
            why=rule.why,
            matched=_holds(rule, context),
            decided=rule.name == decision.rule and not decision.held,
            because=", ".join(f"{name} = {_shown(name, lookup(name, known))}" for name in rule.when.names),
        )


def _holds(rule: Rule, context: Any) -> bool:
    try:
        return rule.when.holds(context)
    except ERRORS:
        return False


def _changes(case: _Case, decision: Decision) -> Iterator[Change]:
    known = case.values()
    named = dict.fromkeys(name for rule in case.policy.rules for name in rule.when.names)
    for name in named | dict.fromkeys(_HELD_BY if decision.held else ()):
        value = lookup(name, known)
        if isinstance(value, bool):
            other = case.varied(name, not value).decide()
            if _track(other) != _track(decision):
                yield Change(when=f"{name} = {_shown(name, not value)}", track=_track(other), rule=other.rule)
        elif (
            isinstance(value, float) and value < float("inf") and not (name == "local.context" and not value)
        ):
            yield from _thresholds(case, name, value, _track(decision))


def _thresholds(case: _Case, name: str, value: float, track: TrackName) -> Iterator[Change]:
    """Find the nearest flip below and above, in whole numbers or hundredths."""
    whole = value.is_integer() and name not in _FRACTIONS
    unit = 1 if whole else 0.01
    least = 1 if name.startswith(("params.", "local.context")) else 0
    most = round(1 / unit) if name == "p_local" else 2**_FARTHEST * 4

    def flipped(at: int) -> Decision | None:
        other = case.varied(name, at * unit).decide()
        return other if _track(other) != track else None

    start = round(value / unit)
    for sign, sense in ((-1, "<"), (1, ">=")):
        at = _nearest_flip(start, sign, least, most, flipped)
        other = flipped(at) if at is not None else None
        if at is not None and other is not None:
            bound = _shown(name, round((at + (sign < 0)) * unit, 2))
            yield Change(when=f"{name} {sense} {bound}", track=_track(other), rule=other.rule)


def _nearest_flip(
    start: int, sign: int, least: int, most: int, flipped: Callable[[int], Decision | None]
) -> int | None:
    """Go from `start` in doubling steps until the decision flips, then halve back to where it first does."""
    stayed = start
    for power in range(_FARTHEST):
        step: int = min(max(start + sign * 2**power, least), most)
        if flipped(step) is not None:
            break
        stayed = step
    else:
        return None
    while abs(step - stayed) > 1:
        middle = (stayed + step) // 2
        stayed, step = (stayed, middle) if flipped(middle) else (middle, step)
    return step


def _track(decision: Decision) -> TrackName:
    """Take the track that the rules chose, where the policy only observes."""
    return decision.would or decision.track


def _shown(name: str, value: Value | Mapping[str, Value]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int):
        return f"{value:.4g}" if value % 1 else str(int(value))
    return f"({len(value)} characters)" if name in _TEXTS else repr(value)
