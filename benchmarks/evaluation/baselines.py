"""A policy beside the routers anyone has for free, on the same tasks: figures with their resamples.

A figure is an array: the point, then one value for each resample (`benchmarks.evaluation.stats`). Suites are
resampled each by itself; a pool is their figures weighted by their share of the tasks, so
every comparison stays paired within each suite.

- `always-local`, to the end; `always-cloud`; `best-single`: the better of the two, on the tasks at hand.
- `random`: a coin that starts as many tasks on the local track as the policy does, and hands them over after
  as many calls.
- `oracle`: knows each outcome beforehand, takes the local track where both pass equally often.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.evaluation.cases import Case, Suite, SuiteName
from benchmarks.evaluation.stats import Floats, interval, ratio
from benchmarks.evaluation.whole_task import Flags, Start, WholeTasks

POLICY, LOCAL, CLOUD, BEST, RANDOM, ORACLE = (
    "policy",
    "always-local",
    "always-cloud",
    "best-single",
    "random",
    "oracle",
)
STARTED = "started-local"
"""All tasks started locally under the policy's limit on calls: what `random` is mixed from, no row."""
RESERVED = (POLICY, LOCAL, CLOUD, BEST, RANDOM, ORACLE, STARTED)


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
    tasks: WholeTasks, routers: Mapping[str, Flags], limits: Mapping[str, float | None]
) -> dict[str, Figures]:
    """Measure routers on a suite, beside `always-local`, `always-cloud` and `oracle`.

    Args:
        tasks: The suite under the model of whole tasks.
        routers: By name, which cases start on the local track, in the suite's order.
        limits: By name, after how many calls a router hands a local run over; never, where it is not named.

    Raises:
        BenchmarkError: a price is not known.
    """
    every = np.ones(len(tasks.paired), dtype=np.bool_)
    starts = {
        **{name: Start(local=local, limit=limits.get(name)) for name, local in routers.items()},
        LOCAL: Start(local=every),
        CLOUD: Start(local=~every),
        STARTED: Start(local=every, limit=limits.get(POLICY)),
    }
    measured = {
        name: Figures(share=figure["local_share"], quality=figure["quality"], usd=figure["usd"])
        for name, figure in zip(
            starts, tasks.figures(list(starts.values()), ("local_share", "quality", "usd")), strict=True
        )
    }
    share, quality, usd = tasks.oracle()
    return {**measured, ORACLE: Figures(share=share, quality=quality, usd=usd)}


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
    local, cloud, started = measured[LOCAL], measured[CLOUD], measured[STARTED]
    share = measured[POLICY].share
    random = Figures(
        share=share,
        quality=share * started.quality + (1 - share) * cloud.quality,
        usd=share * started.usd + (1 - share) * cloud.usd,
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
