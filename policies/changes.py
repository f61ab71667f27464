"""What would have changed a decision: each variable the rules name, varied on its own.

Numbers are varied to the nearest value that flips the track, switches are turned
over; everything else stays as it is. What flips nothing is left out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from classifiers.verdict import Classifier
from policies.conditions import Value, lookup
from policies.decide import decide
from policies.decision import Decision, TrackName
from policies.routing_input import RoutingInput
from policies.variables import Inputs, values

_STATE = {
    "local.context": "local_context",
    "local.wait_s": "local_wait_s",
    "local.up": "local_up",
    "local.vision": "local_vision",
    "local.audio": "local_audio",
    "cloud.up": "cloud_up",
    "budget.left_usd": "budget_left_usd",
}
"""Variables of the state, and the fields they are read from."""
_FRACTIONS = frozenset({"p_local", "local.wait_s", "budget.left_usd"})
"""Variables that are not whole numbers, whatever their value."""
_HOLD_VARIABLES = ("context_tokens", "turn_calls", "local.up")
"""What can move a held turn, whatever the rules name."""
_FARTHEST = 20
"""Doublings of a step that are tried: about a million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The nearest value of one variable that sends the request to the other track."""

    when: str
    """E.g. `files < 4`."""
    track: TrackName
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request that was read, any part of which may be varied."""

    routing: RoutingInput
    inputs: Inputs
    """Of `routing`."""
    classifier: Classifier | None

    def values(self) -> dict[str, Value]:
        """Read the variables that the rules or a hold look at."""
        return values(self.routing.policy.variables | {"context_tokens", "turn_calls", "local"}, self.inputs)

    def varied(self, name: str, value: Any) -> RoutingInput:
        """Set one variable; a feature is classified anew where there is a classifier."""
        routing, policy = self.routing, self.routing.policy
        group, _, member = name.partition(".")
        if group == "params":
            return replace(routing, policy=replace(policy, params={**policy.params, member: value}))
        if name in _STATE:
            return replace(routing, state=replace(routing.state, **{_STATE[name]: value}))
        if name == "p_local":
            return replace(routing, verdict=replace(self.inputs.verdict, p_local=value))
        features = replace(self.inputs.features, **{name: value})
        verdict = self.classifier.classify(features) if self.classifier else self.inputs.verdict
        return replace(routing, features=features, verdict=verdict)


def find_changes(case: Case, decision: Decision) -> Iterator[Change]:
    """Find every single change that sends the request to the other track."""
    variables = case.values()
    named = dict.fromkeys(name for rule in case.routing.policy.rules for name in rule.when.names)
    for name in named | dict.fromkeys(_HOLD_VARIABLES if decision.held else ()):
        value = lookup(name, variables)
        if isinstance(value, bool):
            other = decide(case.varied(name, not value))
            if _track(other) != _track(decision):
                yield Change(
                    when=f"{name} = {format_value(name, not value)}", track=_track(other), rule=other.rule
                )
        elif (
            isinstance(value, float) and value < float("inf") and not (name == "local.context" and not value)
        ):
            yield from _thresholds(case, name, value, _track(decision))


def _thresholds(case: Case, name: str, value: float, track: TrackName) -> Iterator[Change]:
    """Find the nearest flip below and above, in whole numbers or hundredths."""
    integral = value.is_integer() and name not in _FRACTIONS
    unit = 1 if integral else 0.01
    least = 1 if name.startswith(("params.", "local.context")) else 0
    most = round(1 / unit) if name == "p_local" else 2**_FARTHEST * 4

    def flipped(at: int) -> Decision | None:
        other = decide(case.varied(name, at * unit))
        return other if _track(other) != track else None

    start = round(value / unit)
    for sign, sense in ((-1, "<"), (1, ">=")):
        at = _nearest_flip(start, sign, least, most, flipped)
        other = flipped(at) if at is not None else None
        if at is not None and other is not None:
            bound = format_value(name, round((at + (sign < 0)) * unit, 2))
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


def format_value(name: str, value: Value) -> str:
    """Write a value for a person; the text of an ask is never shown."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int):
        return f"{value:.4g}" if value % 1 else str(int(value))
    return f"({len(value)} characters)" if name == "ask" else repr(value)
