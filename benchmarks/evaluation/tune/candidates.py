"""Which of a policy's numbers are swept, and the values that are tried of each.

- A number is swept where a condition compares one feature with it (`p_local >= params.min_p_local`); its
  values are those that tell the cases apart, taken from the cases, and the policy's own.
- The calls a local turn may take (`max_turn_calls`, where the policy escalates a turn that is too long) come
  from recorded runs: no first request tells them.
- No outcome is looked at here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.cases import Case
from benchmarks.evaluation.route import LIMIT, handover_limit
from policies.policy import Policy

MOST = 400
"""Settings tried at most; beyond that each number's values are thinned evenly."""

_COMPARED = re.compile(
    r"(?P<feature>[a-z_]+)\s*(?P<sign>>=|<=|>|<)\s*"
    r"(?P<window>local\.context\s*\*\s*)?params\.(?P<name>\w+)\b(?P<after>\s*\*\s*local\.context)?(?!\s*[-+*/%])"
)
STEP = 0.02
"""Share of the traffic by which two values of a number must differ to be both tried."""
_STRICT = frozenset({">", "<="})
_ENDS: Mapping[str, tuple[float, float]] = MappingProxyType({"p_local": (0.0, 1.0)})
"""Features with a smallest and a largest value; counts have none."""
_DIGITS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptParam:
    """A number, and the values to try."""

    name: str
    values: tuple[float, ...]
    why: str
    """Where the values come from, for people."""


def numbers(
    policy: Policy,
    cases: Sequence[Case],
    weights: NDArray[np.float64],
    limits: Sequence[float],
    *,
    local_context: int,
    only: Sequence[str] = (),
) -> tuple[tuple[SweptParam, ...], dict[str, str]]:
    """Find what can be swept, and why the rest cannot.

    Args:
        policy: Whose `params` they are.
        cases: What their values are taken from.
        weights: (cases,): the traffic's share of each; values that tell too little of it apart are one.
        limits: Values for `max_turn_calls`.
        local_context: The local window in tokens.
        only: Names to sweep; empty for all.
    """
    swept, left = [], {}
    windows = {
        match["name"]
        for rule in policy.rules
        for match in _COMPARED.finditer(rule.when.source)
        if match["window"] or match["after"]
    }
    for name, own in policy.params.items():
        if only and name not in only:
            left[name] = "was not asked for"
        elif name in windows and name not in only:
            left[name] = f"says what fits the local window; --only {name} sweeps it all the same"
        elif name == LIMIT and handover_limit(policy) is not None:
            why = "calls of recorded runs"
            swept.append(SweptParam(name=name, values=tuple(sorted({own, *limits})), why=why))
        else:
            values, features = _values(policy, name, cases, weights, local_context)
            if values:
                every = tuple(sorted({own, *values}))
                swept.append(SweptParam(name=name, values=every, why=f"tells cases apart by {features}"))
            else:
                left[name] = (
                    f"no case differs in {features}" if features else "no case shows what it is compared with"
                )
    return _thin(policy, swept), left


def _values(
    policy: Policy,
    name: str,
    cases: Sequence[Case],
    weights: NDArray[np.float64],
    local_context: int,
) -> tuple[set[float], str]:
    """The values of one number that tell the cases apart, and the features they are compared with."""
    cuts: set[float] = set()
    features: dict[str, None] = {}
    for rule in policy.rules:
        for match in _COMPARED.finditer(rule.when.source):
            observed = _feature_values(match["feature"], cases) if match["name"] == name else None
            if observed is None:
                continue
            features[match["feature"]] = None
            if match["window"] or match["after"]:
                observed = observed / local_context if local_context else np.zeros_like(observed)
            cuts |= set(_cut_points(observed, weights, match["feature"], match["sign"]))
    return cuts, ", ".join(features)


def _feature_values(feature: str, cases: Sequence[Case]) -> NDArray[np.float64] | None:
    if feature == "p_local":
        return np.array([case.judged.p_local for case in cases])
    column = [getattr(case.features, feature, "") for case in cases]
    return None if any(isinstance(value, str) for value in column) else np.array(column, dtype=np.float64)


def _cut_points(
    observed: NDArray[np.float64], weights: NDArray[np.float64], feature: str, sign: str
) -> Iterator[float]:
    """Numbers between and above the values seen, at least `STEP` of the traffic apart."""
    steps, at = np.unique(observed, return_inverse=True)
    if len(steps) <= 1:
        return
    mass = np.bincount(at, weights=weights, minlength=len(steps))
    integral = bool((steps == steps.round()).all())
    ends = _ENDS.get(feature, (float(steps[0]), float(steps[-1]) + 1))
    cuts = [*((float(low), float(high)) for low, high in pairwise(steps)), (float(steps[-1]), ends[1])]
    gathered = STEP  # the highest cut is always one
    for place in range(len(cuts) - 1, -1, -1):
        low, high = cuts[place]
        if gathered >= STEP:
            yield (low if sign in _STRICT else high) if integral else _fewest_digits(low, high)
            gathered = 0.0
        gathered += float(mass[place])
    if not integral:
        yield ends[0]


def _fewest_digits(below: float, above: float) -> float:
    """A number between two, with as few digits as can be."""
    middle = (below + above) / 2
    return next((n for n in (round(middle, d) for d in range(_DIGITS)) if below < n < above), middle)


def _thin(policy: Policy, swept: Sequence[SweptParam]) -> tuple[SweptParam, ...]:
    """Take every so many values of each number until there are not too many settings."""
    thinned = list(swept)
    # The limit costs nothing: where a case starts does not depend on it.
    routing = [at for at, param in enumerate(thinned) if param.name != LIMIT]
    while routing and prod(len(thinned[at].values) for at in routing) > MOST:
        at = max(routing, key=lambda at: len(thinned[at].values))
        param = thinned[at]
        sparse = {*param.values[::2], param.values[-1], policy.params[param.name]}
        if len(sparse) == len(param.values):
            break
        thinned[at] = replace(param, values=tuple(sorted(sparse)))
    return tuple(thinned)
