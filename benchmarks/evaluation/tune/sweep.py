"""Which settings of a policy's numbers there are to choose from, and where each sends every case.

- A number is swept where a condition compares one feature with it (`p_local >= params.min_p_local`); its
  values are those that tell the cases apart, taken from the cases, and the policy's own.
- The calls a local turn may take (`max_turn_calls`, where the policy escalates a turn that is too long) come
  from recorded runs: no first request tells them.
- Settings that send every case to the same track are one setting, written as near to the policy's own
  numbers as can be.
- No outcome is looked at here.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import prod
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.cases import Case
from benchmarks.evaluation.route import LIMIT, handover_limit
from policies.conditions import bind
from policies.decision import State
from policies.policy import Policy
from policies.variables import Inputs, values

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

Track = Callable[[Policy, Case], bool]
"""Whether a policy starts a case on the local track."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptParam:
    """A number, and the values to try."""

    name: str
    values: tuple[float, ...]
    why: str
    """Where the values come from, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Numbers for all that is swept."""

    params: Mapping[str, float]
    local: NDArray[np.bool_]
    """(cases,): which start on the local track."""
    limit: float | None
    """Calls after which a local turn goes on in the cloud; None where the policy has no such limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """All settings, and the chains along which they are tried."""

    swept: tuple[SweptParam, ...]
    settings: tuple[Setting, ...]
    """Each sends some case elsewhere than any other, or ends local turns after other calls."""
    chains: tuple[tuple[int, ...], ...]
    """Positions in `settings`, from the least local work to the most."""
    own: int
    """The policy's own numbers."""


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


def sweep(
    policy: Policy,
    cases: Sequence[Case],
    swept: Sequence[SweptParam],
    weights: NDArray[np.float64],
    starts_local: Track,
    *,
    local_context: int,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Sweep:
    """Route every case under every setting.

    Args:
        policy: Its own numbers stay where none is swept.
        cases: What is routed.
        swept: What `numbers` found.
        weights: (cases,): the traffic's share of each.
        starts_local: Where a policy sends a case.
        local_context: The local window in tokens.
        progress: Called with how many settings are done, and of how many.
    """
    limited = handover_limit(policy) is not None
    routing = [param for param in swept if not (limited and param.name == LIMIT)]
    limits: tuple[float | None, ...] = (policy.params[LIMIT] if limited else None,)
    if limited and len(routing) < len(swept):
        limits = next(param.values for param in swept if param.name == LIMIT)
    own = tuple(policy.params[param.name] for param in routing)
    agents = np.array([case.local_effort.calls > 1 for case in cases])
    groups = _group_cases(policy, cases, {param.name for param in routing}, local_context)
    # The nearest to the policy's own numbers first: they stand for all that decide the same.
    combined = sorted(
        product(*(param.values for param in routing)), key=lambda values: _distance(values, own, routing)
    )
    index_of: dict[tuple[bytes, float | None], int] = {}
    settings: list[Setting] = []
    places: dict[tuple[tuple[float, ...], float | None], int] = {}
    for at, chosen in enumerate(combined):
        progress(at, len(combined))
        params = dict(zip((param.name for param in routing), chosen, strict=True))
        row = _routed(
            replace(policy, params=MappingProxyType({**policy.params, **params})), groups, starts_local
        )
        for limit in limits:
            effective = limit if (row & agents).any() else None
            key = (row.tobytes(), effective)
            if key not in index_of:
                index_of[key] = len(settings)
                limit_param = {LIMIT: effective} if len(limits) > 1 and effective is not None else {}
                settings.append(Setting(params={**params, **limit_param}, local=row, limit=effective))
            places[chosen, limit] = index_of[key]
    shares = [float(weights @ setting.local) for setting in settings]
    return Sweep(
        swept=tuple(swept),
        settings=tuple(settings),
        chains=_chains(places, shares, routing),
        own=places[own, policy.params[LIMIT] if limited else None],
    )


def _routed(
    policy: Policy, groups: Sequence[tuple[Case, list[int]]], starts_local: Track
) -> NDArray[np.bool_]:
    row = np.zeros(sum(len(at) for _, at in groups), dtype=np.bool_)
    for case, at in groups:
        row[at] = starts_local(policy, case)
    return row


def _group_cases(
    policy: Policy, cases: Sequence[Case], swept: set[str], local_context: int
) -> list[tuple[Case, list[int]]]:
    """Put cases together that no setting can tell apart.

    They are equal in all that conditions with a swept number read, and in whether each of the other
    conditions holds.
    """
    moving = [
        rule for rule in policy.rules if swept & {name.removeprefix("params.") for name in rule.when.names}
    ]
    still = [rule for rule in policy.rules if rule not in moving]
    read = {name.partition(".")[0] for rule in moving for name in rule.when.names} - {"params"}
    groups: dict[tuple[object, ...], tuple[Case, list[int]]] = {}
    for at, case in enumerate(cases):
        inputs = Inputs(
            features=case.features,
            verdict=case.judged,
            state=State(local_context=local_context),
            params=policy.params,
        )
        variables = values(policy.variables, inputs)
        context = bind(variables)
        holds = tuple(rule.when.holds(context) for rule in still)
        key = (holds, case.features.kind, *(str(variables[name]) for name in sorted(read)))
        groups.setdefault(key, (case, []))[1].append(at)
    return list(groups.values())


def _distance(
    values: Sequence[float], own: Sequence[float], routing: Sequence[SweptParam]
) -> tuple[int, float]:
    """How many numbers differ from the policy's own, and by how many of their values in all."""
    steps = [
        abs(param.values.index(value) - param.values.index(mine))
        for param, value, mine in zip(routing, values, own, strict=True)
    ]
    return sum(step > 0 for step in steps), float(sum(steps))


def _chains(
    places: Mapping[tuple[tuple[float, ...], float | None], int],
    shares: Sequence[float],
    routing: Sequence[SweptParam],
) -> tuple[tuple[int, ...], ...]:
    """One chain for each combination of all but one number: the one with the most values, or the limit."""
    widths = [len(param.values) for param in routing]
    main = widths.index(max(widths)) if widths else 0
    by_others: dict[tuple[object, ...], dict[int, float]] = {}
    for (chosen, limit), at in places.items():
        others = (*chosen[:main], *chosen[main + 1 :], limit) if routing else ()
        by_others.setdefault(others, {})[at] = limit or 0.0
    ordered = {
        tuple(sorted(chain, key=lambda at: (shares[at], chain[at], at))) for chain in by_others.values()
    }
    # A chain that another one begins with adds nothing.
    maximal = {
        chain
        for chain in ordered
        if not any(other[: len(chain)] == chain and other != chain for other in ordered)
    }
    return tuple(sorted(maximal))


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
