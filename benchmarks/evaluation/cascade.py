"""Local first, cloud after N calls: what that keeps of the quality, and what it costs.

Two systems' outcomes are recorded per task; how many calls the local one made at each is not. So calls
are modelled, and the model is stated:

- Recorded whole runs of one agent (`recorded/runs.csv`) tell how calls are spread over runs that were
  resolved and over runs that were not. All are scaled by one factor, so that their mean is the one that
  was published for a 24B local model. A task's local run is drawn from those with its own outcome.
- Given that outcome, calls say nothing of whether the cloud resolves the task.
- **Everything is charged.** A run that is stopped after N calls has cost N calls, and the cloud then makes
  its full run, with the local conversation before it in each of its calls: an endpoint can do no other,
  for the conversation is the client's.
- A local run that ends before N calls is the answer, right or wrong: nobody tells that it was wrong.

Intervals draw tasks, recorded runs and each task's run anew, so the few runs behind the model show in them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.cases import Case, Effort
from benchmarks.evaluation.stats import Interval
from benchmarks.evaluation.suites.facts import read

Numbers = NDArray[np.float64]
Charge = Callable[[Effort], float]
"""What a task of so much effort costs, in US dollars."""

DRAWS = 2_000
_ENDS = (0.025, 0.975)
_LIMITS = 12
_VERIFIED = 500
"""Instances of SWE-bench Verified, over which the published means are."""
_NOTHING = {"prompt": 0.0, "last_prompt": 0.0, "output": 0.0}
_PROBE = 1000.0
"""Tokens: few enough that no price for long prompts applies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """How long a local agent's run is, by how it ends, and how its conversation grows."""

    passed: tuple[float, ...]
    """Calls of each recorded run that was resolved, as recorded."""
    failed: tuple[float, ...]
    mean: float
    """Calls of a run in the mean, as published; all are scaled to it."""
    share: float
    """Of the runs behind `mean`, how many were resolved, 0..1."""
    first: float
    """Tokens of the first call's prompt."""
    grows: float
    """Tokens by which the prompt grows with each call."""
    output: float
    """Tokens written in each call."""

    @property
    def scale(self) -> float:
        """What recorded calls are multiplied by."""
        return self.mean / (self.share * fmean(self.passed) + (1 - self.share) * fmean(self.failed))

    def moved(self, limit: float) -> tuple[float, float]:
        """The share of runs that are not done after `limit` calls: of those that pass, and that fail."""
        return _share(self.passed, limit / self.scale), _share(self.failed, limit / self.scale)

    def moved_drawn(self, limit: float, draws: int, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
        """`moved`, then the same of runs drawn anew, each set scaled for itself: (1 + draws,) each."""
        passed, failed = (
            np.vstack([calls, _resampled(calls, draws, rng, anew=True)])
            for calls in (self.passed, self.failed)
        )
        recorded = limit * (self.share * passed.mean(1) + (1 - self.share) * failed.mean(1)) / self.mean
        return (passed > recorded[:, None]).mean(1), (failed > recorded[:, None]).mean(1)

    def cautious(self, limit: float, error: float) -> tuple[float, float]:
        """`moved` as it harms most: of runs that pass at most so many, of those that fail at least.

        One-sided bands that hold for all limits at once, each with probability `1 - error`
        (Massart, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", 1990), so
        that a limit may be chosen by them.
        """
        passed, failed = self.moved(limit)
        return (
            min(1.0, passed + sqrt(log(1 / error) / (2 * len(self.passed)))),
            max(0.0, failed - sqrt(log(1 / error) / (2 * len(self.failed)))),
        )

    def limits(self) -> tuple[int, ...]:
        """Limits worth trying, from the calls that were recorded: evenly over the runs."""
        calls = np.array([*self.passed, *self.failed]) * self.scale
        return tuple(sorted({int(limit) for limit in np.quantile(calls, np.linspace(0, 1, _LIMITS))}))

    def prompt(self, calls: Numbers) -> Numbers:
        """Tokens of the last call's prompt; 0 where there was no call."""
        return np.where(calls > 0, self.first + self.grows * (calls - 1), 0.0)

    def prompts(self, calls: Numbers) -> Numbers:
        """Tokens of all calls' prompts together."""
        return calls * (self.first + self.prompt(calls)) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """US dollars for one unit of each part of an `Effort`; what a whole task costs is their sum."""

    prompt: float = 0.0
    last_prompt: float = 0.0
    output: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one limit gives, per task in the mean."""

    limit: int | None
    """Calls the local model has; 0: always the cloud, None: always local."""
    quality: Interval
    """Share of tasks resolved."""
    kept: Interval
    """`quality` over that of always-cloud."""
    moved: Interval
    """Share of tasks that the cloud takes over."""
    local_calls: Interval
    wasted_calls: Interval
    """Of those, in runs that the cloud took over or that were not resolved."""
    cloud_calls: Interval
    usd: Interval
    saved: Interval
    """Share of always-cloud's cost; negative where the cascade costs more."""
    saved_anew: Interval
    """The same, had the cloud begun anew, without the local conversation; no endpoint can do that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """Tasks as they were drawn; each (draws, tasks)."""

    passes: NDArray[np.bool_]
    cloud_passes: NDArray[np.bool_]
    calls: Numbers
    cloud: Mapping[str, Numbers]
    """The parts of the cloud's own effort."""


def from_facts(runs: Sequence[Mapping[str, str]], *, mean: float, share: float) -> Runs:
    """Make the model from rows of `recorded/runs.csv`."""
    calls = [(float(run["calls"]), run["resolved"] == "1") for run in runs]
    grows = [
        (float(run["last_prompt"]) - float(run["first_prompt"])) / (float(run["calls"]) - 1) for run in runs
    ]
    return Runs(
        passed=tuple(count for count, resolved in calls if resolved),
        failed=tuple(count for count, resolved in calls if not resolved),
        mean=mean,
        share=share,
        first=fmean(float(run["first_prompt"]) for run in runs),
        grows=fmean(grows),
        output=fmean(float(run["output"]) / float(run["calls"]) for run in runs),
    )


def local_runs() -> Runs:
    """How many calls a local agent's run takes: recorded runs, scaled to a published mean."""
    published = next(row for row in read("published.csv").rows if row["runs"] == "local")
    share = float(published["resolved"]) / _VERIFIED
    return from_facts(read("runs.csv").rows, mean=float(published["calls"]), share=share)


def evaluate(
    cases: Sequence[Case],
    runs: Runs,
    limits: Sequence[int | None],
    *,
    local: Tariff,
    cloud: Tariff,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Row]:
    """Evaluate each limit on the agent's tasks whose two outcomes are known.

    The first figure of an interval is the mean over draws of calls with the tasks as they are;
    its ends are of draws in which tasks and recorded runs are drawn anew too.

    Raises:
        ValueError: no case has both outcomes.
    """
    paired = [case for case in cases if case.local is not None and case.cloud is not None]
    if not paired:
        raise ValueError("no task has both a local and a cloud outcome")
    fixed = _draw(paired, runs, draws, np.random.default_rng(seed), anew=False)
    anew = _draw(paired, runs, draws, np.random.default_rng(seed + 1), anew=True)
    return [
        _row(limit, _figures(fixed, runs, limit, local, cloud), _figures(anew, runs, limit, local, cloud))
        for limit in limits
    ]


def expected_usd(
    runs: Runs, limit: float, own: Effort, *, local: Tariff, cloud: Tariff
) -> tuple[float, float]:
    """US dollars of a task that starts locally: where the local run would pass, and where it would fail."""
    parts = {part: np.full(1, getattr(own, part)) for part in ("calls", *_NOTHING)}
    passed, failed = (
        _spent(runs, np.array(calls) * runs.scale, limit, parts, local=local, cloud=cloud)[0]
        for calls in (runs.passed, runs.failed)
    )
    return float(passed.mean()), float(failed.mean())


def quality(local: Numbers, cloud: Numbers, moved: tuple[float, float]) -> Numbers:
    """How often a task passes whose local run is handed over with these shares, by how it would end."""
    passed, failed = moved
    return local * (1 - passed) + (local * passed + (1 - local) * failed) * cloud


def _draw(cases: Sequence[Case], runs: Runs, draws: int, rng: np.random.Generator, *, anew: bool) -> _Drawn:
    count = len(cases)
    task = rng.integers(0, count, (draws, count)) if anew else np.tile(np.arange(count), (draws, 1))
    local = np.array([case.local for case in cases], dtype=np.float64)[task]
    cloud = np.array([case.cloud for case in cases], dtype=np.float64)[task]
    passes = rng.random((draws, count)) < local
    calls = np.empty((draws, count))
    passed, failed = (_resampled(kind, draws, rng, anew=anew) for kind in (runs.passed, runs.failed))
    # Each set of recorded runs is scaled to the published mean for itself.
    scale = runs.mean / (runs.share * passed.mean(1) + (1 - runs.share) * failed.mean(1))
    for kind, which in ((passed, passes), (failed, ~passes)):
        picked = np.take_along_axis(kind, rng.integers(0, kind.shape[1], (draws, count)), axis=1)
        calls = np.where(which, picked * scale[:, None], calls)
    parts = ("calls", "prompt", "last_prompt", "output")
    return _Drawn(
        passes=passes,
        cloud_passes=rng.random((draws, count)) < cloud,
        calls=calls,
        cloud={
            part: np.array([getattr(case.cloud_effort, part) for case in cases])[task].astype(np.float64)
            for part in parts
        },
    )


def _resampled(calls: tuple[float, ...], draws: int, rng: np.random.Generator, *, anew: bool) -> Numbers:
    recorded = np.array(calls)
    if not anew:
        return np.tile(recorded, (draws, 1))
    drawn: Numbers = recorded[rng.integers(0, len(recorded), (draws, len(recorded)))]
    return drawn


def _figures(
    drawn: _Drawn, runs: Runs, limit: int | None, local: Tariff, cloud: Tariff
) -> dict[str, Numbers]:
    """Means over the tasks of each draw."""
    moved = drawn.calls > limit if limit is not None else np.zeros_like(drawn.passes)
    local_calls = np.minimum(drawn.calls, limit) if limit is not None else drawn.calls
    passes = np.where(moved, drawn.cloud_passes, drawn.passes)
    own = drawn.cloud
    usd, anew = _spent(runs, drawn.calls, limit, own, local=local, cloud=cloud)
    always = np.maximum(_usd(cloud, own).mean(1), 1e-12)
    return {
        "quality": passes.mean(1),
        "kept": passes.mean(1) / np.maximum(drawn.cloud_passes.mean(1), 1e-9),
        "moved": moved.mean(1),
        "local_calls": local_calls.mean(1),
        "wasted_calls": (local_calls * (moved | ~drawn.passes)).mean(1),
        "cloud_calls": (moved * own["calls"]).mean(1),
        "usd": usd.mean(1),
        "saved": 1 - usd.mean(1) / always,
        "saved_anew": 1 - anew.mean(1) / always,
    }


def _spent(
    runs: Runs,
    calls: Numbers,
    limit: float | None,
    own: Mapping[str, Numbers],
    *,
    local: Tariff,
    cloud: Tariff,
) -> tuple[Numbers, Numbers]:
    """US dollars of runs that take so many calls: as handed over, and had the cloud begun anew."""
    moved = calls > limit if limit is not None else np.zeros(calls.shape, dtype=np.bool_)
    local_calls = np.minimum(calls, limit) if limit is not None else calls
    handed = runs.prompt(local_calls)
    before = _usd(
        local,
        {"prompt": runs.prompts(local_calls), "last_prompt": handed, "output": runs.output * local_calls},
    )
    with_handed = {
        "prompt": own["prompt"] + own["calls"] * handed,
        "last_prompt": own["last_prompt"] + handed,
        "output": own["output"],
    }
    return before + moved * _usd(cloud, with_handed), before + moved * _usd(cloud, own)


def _row(limit: int | None, fixed: Mapping[str, Numbers], anew: Mapping[str, Numbers]) -> Row:
    figures = {}
    for name, values in fixed.items():
        low, high = np.quantile(anew[name], _ENDS)
        figures[name] = Interval(point=float(values.mean()), low=float(low), high=float(high))
    return Row(limit=limit, **figures)


def _usd(tariff: Tariff, parts: Mapping[str, Numbers]) -> Numbers:
    return sum((getattr(tariff, part) * parts[part] for part in _NOTHING), start=np.zeros(1))


def _share(calls: tuple[float, ...], limit: float) -> float:
    return fmean(count > limit for count in calls)


def tariff(charge: Charge) -> Tariff:
    """Take a charge of an agent's tasks, which adds up over the parts of an effort, apart."""
    return Tariff(
        **{
            part: charge(Effort(**(_NOTHING | {part: _PROBE}), calls=2, measured=False)) / _PROBE
            for part in _NOTHING
        }
    )
