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
from policies.conditions import bind
from policies.decision import State
from policies.policy import Policy
from policies.variables import Inputs, values

LIMIT = "max_turn_calls"
"""The number that ends a local turn."""
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
class Swept:
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

    swept: tuple[Swept, ...]
    settings: tuple[Setting, ...]
    """Each sends some case elsewhere than any other, or ends local turns after other calls."""
    chains: tuple[tuple[int, ...], ...]
    """Positions in `settings`, from the least local work to the most."""
    own: int
    """The policy's own numbers."""


def escalates_long_turns(policy: Policy) -> bool:
    """Tell whether a turn that was held local moves to the cloud after `max_turn_calls`."""
    causes = policy.escalate.causes if policy.escalate else frozenset()
    return policy.hold != "none" and "turn_too_long" in causes and LIMIT in policy.params


def numbers(
    policy: Policy,
    cases: Sequence[Case],
    weights: NDArray[np.float64],
    limits: Sequence[float],
    *,
    local_context: int,
    only: Sequence[str] = (),
) -> tuple[tuple[Swept, ...], dict[str, str]]:
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
        elif name == LIMIT and escalates_long_turns(policy):
            why = "calls of recorded runs"
            swept.append(Swept(name=name, values=tuple(sorted({own, *limits})), why=why))
        else:
            values, features = _values(policy, name, cases, weights, local_context)
            if values:
                every = tuple(sorted({own, *values}))
                swept.append(Swept(name=name, values=every, why=f"tells cases apart by {features}"))
            else:
                left[name] = (
                    f"no case differs in {features}" if features else "no case shows what it is compared with"
                )
    return _thinned(policy, swept), left


def sweep(
    policy: Policy,
    cases: Sequence[Case],
    swept: Sequence[Swept],
    weights: NDArray[np.float64],
    starts_local: Track,
    *,
    local_context: int,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> Sweep:
    """Route every case under every setting.

    Args:
        policy: Its own numbers stay where none is swept.
        cases: What is routed.
        swept: What `numbers` found.
        weights: (cases,): the traffic's share of each.
        starts_local: Where a policy sends a case.
        local_context: The local window in tokens.
        tell: Called with how many settings are done, and of how many.
    """
    limited = escalates_long_turns(policy)
    routing = [one for one in swept if not (limited and one.name == LIMIT)]
    limits: tuple[float | None, ...] = (policy.params[LIMIT] if limited else None,)
    if limited and len(routing) < len(swept):
        limits = next(one.values for one in swept if one.name == LIMIT)
    own = tuple(policy.params[one.name] for one in routing)
    agents = np.array([case.local_effort.calls > 1 for case in cases])
    groups = _alike(policy, cases, {one.name for one in routing}, local_context)
    # The nearest to the policy's own numbers first: they stand for all that decide the same.
    combined = sorted(
        product(*(one.values for one in routing)), key=lambda values: _distance(values, own, routing)
    )
    found: dict[tuple[bytes, float | None], int] = {}
    settings: list[Setting] = []
    places: dict[tuple[tuple[float, ...], float | None], int] = {}
    for at, chosen in enumerate(combined):
        tell(at, len(combined))
        params = dict(zip((one.name for one in routing), chosen, strict=True))
        row = _routed(
            replace(policy, params=MappingProxyType({**policy.params, **params})), groups, starts_local
        )
        for limit in limits:
            effective = limit if (row & agents).any() else None
            key = (row.tobytes(), effective)
            if key not in found:
                found[key] = len(settings)
                shown = {LIMIT: effective} if len(limits) > 1 and effective is not None else {}
                settings.append(Setting(params={**params, **shown}, local=row, limit=effective))
            places[chosen, limit] = found[key]
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


def _alike(
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
        seen = values(policy.variables, inputs)
        context = bind(seen)
        holds = tuple(rule.when.holds(context) for rule in still)
        key = (holds, case.features.kind, *(str(seen[name]) for name in sorted(read)))
        groups.setdefault(key, (case, []))[1].append(at)
    return list(groups.values())


def _distance(values: Sequence[float], own: Sequence[float], routing: Sequence[Swept]) -> tuple[int, float]:
    """How many numbers differ from the policy's own, and by how many of their values in all."""
    steps = [
        abs(one.values.index(value) - one.values.index(mine))
        for one, value, mine in zip(routing, values, own, strict=True)
    ]
    return sum(step > 0 for step in steps), float(sum(steps))


def _chains(
    places: Mapping[tuple[tuple[float, ...], float | None], int],
    shares: Sequence[float],
    routing: Sequence[Swept],
) -> tuple[tuple[int, ...], ...]:
    """One chain for each combination of all but one number: the one with the most values, or the limit."""
    widths = [len(one.values) for one in routing]
    main = widths.index(max(widths)) if widths else 0
    found: dict[tuple[object, ...], dict[int, float]] = {}
    for (chosen, limit), at in places.items():
        others = (*chosen[:main], *chosen[main + 1 :], limit) if routing else ()
        found.setdefault(others, {})[at] = limit or 0.0
    ordered = {tuple(sorted(chain, key=lambda at: (shares[at], chain[at], at))) for chain in found.values()}
    # A chain that another one begins with adds nothing.
    kept = {
        chain
        for chain in ordered
        if not any(other[: len(chain)] == chain and other != chain for other in ordered)
    }
    return tuple(sorted(kept))


def _values(
    policy: Policy,
    name: str,
    cases: Sequence[Case],
    weights: NDArray[np.float64],
    local_context: int,
) -> tuple[set[float], str]:
    """The values of one number that tell the cases apart, and the features they are compared with."""
    found: set[float] = set()
    features: dict[str, None] = {}
    for rule in policy.rules:
        for match in _COMPARED.finditer(rule.when.source):
            seen = _seen(match["feature"], cases) if match["name"] == name else None
            if seen is None:
                continue
            features[match["feature"]] = None
            if match["window"] or match["after"]:
                seen = seen / local_context if local_context else np.zeros_like(seen)
            found |= set(_between(seen, weights, match["feature"], match["sign"]))
    return found, ", ".join(features)


def _seen(feature: str, cases: Sequence[Case]) -> NDArray[np.float64] | None:
    if feature == "p_local":
        return np.array([case.judged.p_local for case in cases])
    found = [getattr(case.features, feature, "") for case in cases]
    return None if any(isinstance(value, str) for value in found) else np.array(found, dtype=np.float64)


def _between(
    seen: NDArray[np.float64], weights: NDArray[np.float64], feature: str, sign: str
) -> Iterator[float]:
    """Numbers between and above the values seen, at least `STEP` of the traffic apart."""
    steps, at = np.unique(seen, return_inverse=True)
    if len(steps) <= 1:
        return
    mass = np.bincount(at, weights=weights, minlength=len(steps))
    whole = bool((steps == steps.round()).all())
    ends = _ENDS.get(feature, (float(steps[0]), float(steps[-1]) + 1))
    cuts = [*((float(low), float(high)) for low, high in pairwise(steps)), (float(steps[-1]), ends[1])]
    gathered = STEP  # the highest cut is always one
    for place in range(len(cuts) - 1, -1, -1):
        low, high = cuts[place]
        if gathered >= STEP:
            yield (low if sign in _STRICT else high) if whole else _short(low, high)
            gathered = 0.0
        gathered += float(mass[place])
    if not whole:
        yield ends[0]


def _short(below: float, above: float) -> float:
    """A number between two, with as few digits as can be."""
    middle = (below + above) / 2
    return next((n for n in (round(middle, d) for d in range(_DIGITS)) if below < n < above), middle)


def _thinned(policy: Policy, swept: Sequence[Swept]) -> tuple[Swept, ...]:
    """Take every so many values of each number until there are not too many settings."""
    thinned = list(swept)
    # The limit costs nothing: where a case starts does not depend on it.
    routing = [at for at, one in enumerate(thinned) if one.name != LIMIT]
    while routing and prod(len(thinned[at].values) for at in routing) > MOST:
        at = max(routing, key=lambda at: len(thinned[at].values))
        one = thinned[at]
        kept = {*one.values[::2], one.values[-1], policy.params[one.name]}
        if len(kept) == len(one.values):
            break
        thinned[at] = replace(one, values=tuple(sorted(kept)))
    return tuple(thinned)
