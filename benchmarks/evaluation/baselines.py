"""A policy beside the routers anyone has for free, on the same tasks: figures with their resamples.

A figure is an array: the point, then one value for each resample (`benchmarks.evaluation.stats`). Suites are
resampled each by itself; a pool is their figures weighted by their share of the tasks, so
every comparison stays paired within each suite.

- `always-local`, `always-cloud`; `best-single`: the better of the two, on the tasks at hand.
- `random`: a coin that sends as many tasks to the local track as the policy does.
- `oracle`: knows each outcome beforehand, takes the local track where both pass equally often.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Case, Suite, SuiteName
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.stats import CORNERS, RESAMPLES, Floats, interval, ratio, resample

Flags = NDArray[np.bool_]
POLICY, LOCAL, CLOUD, BEST, RANDOM, ORACLE = (
    "policy",
    "always-local",
    "always-cloud",
    "best-single",
    "random",
    "oracle",
)
RESERVED = (POLICY, LOCAL, CLOUD, BEST, RANDOM, ORACLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One router on one suite, or on a mix of suites."""

    share: Floats
    """Of tasks that start on the local track."""
    quality: Floats
    """Share of tasks that pass, of those whose outcomes are known."""
    usd: Floats
    """US dollars per task."""


def paired_cases(suite: Suite) -> tuple[Case, ...]:
    """The cases with outcomes of both systems."""
    return tuple(case for case in suite.cases if case.local is not None and case.cloud is not None)


def outcomes(suite: Suite) -> Floats:
    """(known cases, 2): how often the local and the cloud system pass."""
    return np.array([(case.local, case.cloud) for case in paired_cases(suite)], dtype=np.float64).reshape(
        -1, 2
    )


def is_paired(suite: Suite) -> Flags:
    """Which cases, in the suite's order, have outcomes of both systems."""
    return np.array(
        [case.local is not None and case.cloud is not None for case in suite.cases], dtype=np.bool_
    )


def sample(
    suite: Suite,
    routers: Mapping[str, Flags],
    rates: Rates,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> dict[str, Figures]:
    """Measure routers on a suite, beside `always-local`, `always-cloud` and `oracle`.

    Quality is resampled over the tasks whose outcomes are known, shares and costs over all.

    Args:
        suite: The tasks.
        routers: By name, which cases start on the local track, in the suite's order.
        rates: What tokens cost.
        rng: What draws.
        resamples: How many times the tasks are drawn.

    Raises:
        BenchmarkError: no task has both outcomes, or a price is not known.
    """
    both, paired = outcomes(suite), is_paired(suite)
    if not len(both):
        raise BenchmarkError(
            f"{suite.title}: no task has outcomes of both {suite.local.name} and {suite.cloud.name}"
        )
    everywhere = {
        **routers,
        LOCAL: np.ones(len(paired), dtype=np.bool_),
        CLOUD: np.zeros(len(paired), dtype=np.bool_),
    }
    local = np.array(list(everywhere.values()))
    usd = np.array([(rates.local(case.local_effort), rates.cloud(case.cloud_effort)) for case in suite.cases])
    best = both[:, 0] >= both[:, 1]
    draw = partial(resample, rng=rng, resamples=resamples)
    columns, corners = _quality(both, np.vstack([local[:, paired], best]))
    quality = draw(columns, corners=corners)
    shares_and_costs = draw(np.hstack([local.T, _chosen_usd(local, usd).T]))
    ideal = draw(np.hstack([best[:, None], _chosen_usd(best[None], usd[paired]).T]))
    measured = {
        name: Figures(
            share=shares_and_costs[:, at], quality=quality[:, at], usd=shares_and_costs[:, len(local) + at]
        )
        for at, name in enumerate(everywhere)
    }
    return {**measured, ORACLE: Figures(share=ideal[:, 0], quality=quality[:, -1], usd=ideal[:, 1])}


def _chosen_usd(local: Flags, usd: Floats) -> Floats:
    return np.where(local, usd[:, 0], usd[:, 1])


def _quality(both: Floats, local: Flags) -> tuple[Floats, Floats]:
    """Each router's outcomes by task, and on the task that is thought of; the oracle comes last.

    That task goes where the router sends the others, in proportion; the oracle knows its outcome.
    """
    columns = np.where(local, both[:, 0], both[:, 1]).T
    share = local.mean(axis=1)
    corners = CORNERS[:, [0]] * share + CORNERS[:, [1]] * (1 - share)
    corners[:, -1] = CORNERS.max(axis=1)
    return columns, corners


def mix(
    suites: Mapping[SuiteName, Mapping[str, Figures]], weights: Mapping[SuiteName, float]
) -> dict[str, Figures]:
    """Mix suites by their share of all tasks; only routers that were measured on each of them."""
    used = {name: weight for name, weight in weights.items() if weight > 0}

    def mixed(router: str, column: str) -> Floats:
        parts = [weight * getattr(suites[suite][router], column) for suite, weight in used.items()]
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)

    routers = [name for name in suites[next(iter(used))] if all(name in suites[suite] for suite in used)]
    return {
        name: Figures(share=mixed(name, "share"), quality=mixed(name, "quality"), usd=mixed(name, "usd"))
        for name in routers
    }


def standings(measured: Mapping[str, Figures]) -> dict[str, Figures]:
    """All rows in the order they are shown, with those that follow from the others."""
    local, cloud = measured[LOCAL], measured[CLOUD]
    share = measured[POLICY].share
    random = Figures(
        share=share,
        quality=share * local.quality + (1 - share) * cloud.quality,
        usd=share * local.usd + (1 - share) * cloud.usd,
    )
    best = local if local.quality[0] > cloud.quality[0] else cloud
    derived = {**measured, BEST: best, RANDOM: random}
    others = (name for name in measured if name not in RESERVED)
    return {name: derived[name] for name in (POLICY, LOCAL, CLOUD, BEST, RANDOM, ORACLE, *others)}


def quality_kept(figures: Figures, cloud: Figures) -> Floats:
    """Quality kept: of the cloud's."""
    return ratio(figures.quality, cloud.quality)


def saving(figures: Figures, cloud: Figures) -> Floats:
    """Share of always-cloud's cost that is not spent."""
    return 1 - ratio(figures.usd, cloud.usd)


def recovered_gap(figures: Figures, local: Figures, cloud: Figures, confidence: float) -> Floats:
    """PGR, (quality - local) / (cloud - local); nan where the two cannot be told apart."""
    gap = cloud.quality - local.quality
    if not interval(gap, confidence).low > 0:
        return np.full_like(gap, np.nan)
    return ratio(figures.quality - local.quality, gap)
