"""Where each setting of a policy's numbers sends every case, and the chains along which settings are tried.

- Settings that send every case to the same track are one setting, written as near to the policy's own
  numbers as can be.
- No outcome is looked at here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.cases import Case
from benchmarks.evaluation.route import LIMIT, handover_limit
from benchmarks.evaluation.tune.candidates import SweptParam
from policies.conditions import bind
from policies.decision import State
from policies.policy import Policy
from policies.variables import Inputs, values

Track = Callable[[Policy, Case], bool]
"""Whether a policy starts a case on the local track."""


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
