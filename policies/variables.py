"""The variables a condition may name, and how each is read. Numbers are given as floats.

Every number, switch and word of `Features` is one; so are `p_local` and `work` (the
verdict), `params.*`, `local.*`, `cloud.*`, `budget.*`, `last.*`, `team` and `user`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import get_origin

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.conditions import Value
from policies.decision import State
from policies.routing_input import RoutingInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that conditions are evaluated over."""

    features: Features
    verdict: Verdict
    state: State
    params: Mapping[str, float]
    team: str = ""
    user: str = ""


def _feature(name: str, kind: object) -> Callable[[Inputs], Value]:
    read: Callable[[Inputs], Value] = attrgetter(f"features.{name}")
    return (lambda inputs: float(read(inputs))) if kind is int else read  # type: ignore[arg-type] # an int


def _last(inputs: Inputs) -> Value:
    last = inputs.state.last
    if last is None or last.temporary:  # where only an outage sent it says nothing of where the work belongs
        return {"track": "", "rule": ""}
    return {"track": last.track, "rule": last.rule}


_COLLECTIONS = (frozenset, tuple)
_NO_VARIABLES = frozenset({"ask_key", "newest_ask", "self_contained"})
"""Features that name something and say nothing of it, are part of `ask`, or that `p_local` has taken in."""

NAMED_FEATURES = tuple(
    field
    for field in fields(Features)
    if get_origin(field.type) not in _COLLECTIONS and field.name not in _NO_VARIABLES
)
"""The fields of `Features` that are variables."""

READERS: Mapping[str, Callable[[Inputs], Value]] = {
    **{field.name: _feature(field.name, field.type) for field in NAMED_FEATURES},
    "p_local": lambda inputs: inputs.verdict.p_local,
    "work": lambda inputs: inputs.verdict.kind,
    "params": lambda inputs: dict(inputs.params),
    "local": lambda inputs: {
        "context": float(inputs.state.local_context),
        "wait_s": inputs.state.local_wait_s,
        "up": inputs.state.local_up,
        "vision": inputs.state.local_vision,
        "audio": inputs.state.local_audio,
    },
    "cloud": lambda inputs: {"up": inputs.state.cloud_up},
    "budget": lambda inputs: {"left_usd": inputs.state.budget_left_usd},
    "last": _last,
    "team": lambda inputs: inputs.team,
    "user": lambda inputs: inputs.user,
}


def inputs_of(routing: RoutingInput) -> Inputs | None:
    """Collect what conditions read of a request; None where reading or classifying it failed."""
    if routing.features is None or routing.verdict is None:
        return None
    return Inputs(
        features=routing.features,
        verdict=routing.verdict,
        state=routing.state,
        params=routing.policy.params,
        team=routing.team,
        user=routing.user,
    )


def values(names: Iterable[str], inputs: Inputs) -> dict[str, Value]:
    """Read the variables named; groups are read whole."""
    return {name: READERS[name](inputs) for name in names}


def sample(params: Mapping[str, float]) -> dict[str, Value]:
    """Give every variable a value of its type, to try conditions on."""
    verdict = Verdict(p_local=0.5, kind="self-contained", why="")
    return values(
        READERS,
        Inputs(
            features=Features(context_tokens=1000, turns=1),
            verdict=verdict,
            state=State(local_context=8192),
            params=params,
        ),
    )
