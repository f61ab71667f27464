"""All tasks of the traffic as arrays, and what every setting comes to, by the model of whole tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation import baselines
from benchmarks.evaluation.baselines import CLOUD, LOCAL, ORACLE
from benchmarks.evaluation.cases import Case, Suite
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.runs import Runs, local_runs
from benchmarks.evaluation.stats import CORNERS, Floats, Interval, interval, ratio, resample, stream
from benchmarks.evaluation.tune.result import Point, Sample, TuneOptions
from benchmarks.evaluation.tune.sweep import Setting, Sweep
from benchmarks.evaluation.whole_task import WholeTasks, whole_tasks
from router.billing.prices import Prices

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """The tasks of several suites, one after another; arrays of (tasks,), or of (known,) where said."""

    suites: Mapping[str, WholeTasks]
    mix: Mapping[str, float]
    """Share of the traffic by suite; adds up to 1."""
    runs: Runs

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """All cases."""
        return tuple(case for tasks in self.suites.values() for case in tasks.suite.cases)

    @cached_property
    def paired(self) -> Flags:
        """Which have outcomes of both systems."""
        return np.concatenate([tasks.paired for tasks in self.suites.values()])

    @cached_property
    def weights(self) -> Floats:
        """Each task's share of the traffic."""
        return np.concatenate(
            [
                np.full(len(tasks.paired), self.mix[name] / len(tasks.paired))
                for name, tasks in self.suites.items()
            ]
        )

    @cached_property
    def measured(self) -> Floats:
        """Each known task's share, where only those count; (known,)."""
        counts = {name: int(tasks.paired.sum()) for name, tasks in self.suites.items()}
        return np.concatenate(
            [np.full(count, self.mix[name] / max(count, 1)) for name, count in counts.items()]
        )

    @cached_property
    def local(self) -> Floats:
        """Outcomes of the local system; (known,)."""
        return np.concatenate([tasks.local[tasks.paired] for tasks in self.suites.values()])

    @cached_property
    def cloud(self) -> Floats:
        """Outcomes of the cloud system; (known,)."""
        return np.concatenate([tasks.cloud[tasks.paired] for tasks in self.suites.values()])

    @cached_property
    def has_loss(self) -> bool:
        """Whether a loss is defined: each suite has known tasks, and the cloud passes some of them."""
        return all(tasks.paired.any() for tasks in self.suites.values()) and bool(
            self.cloud @ self.measured > 0
        )

    @cached_property
    def usd_cloud(self) -> float:
        """US dollars a task, were all sent to the cloud."""
        return float(self.weights @ np.concatenate([tasks.usd_cloud for tasks in self.suites.values()]))

    @property
    def samples(self) -> tuple[Sample, ...]:
        """How many tasks of each suite there are, and of how many the outcomes are known."""
        return tuple(
            Sample(
                title=part.suite.title,
                share=self.mix[name],
                tasks=len(part.paired),
                outcomes=int(part.paired.sum()),
            )
            for name, part in self.suites.items()
        )

    def quality(self, limit: float | None, moved: tuple[float, float]) -> Floats:
        """How often each known task passes, were it started locally; (known,)."""
        return np.concatenate([tasks.quality(limit, moved)[tasks.paired] for tasks in self.suites.values()])

    def usd(self, settings: Sequence[Setting]) -> Floats:
        """US dollars a task under each setting."""
        cloud = np.concatenate([tasks.usd_cloud for tasks in self.suites.values()])
        local = {
            limit: np.concatenate([tasks.expected("usd", limit) for tasks in self.suites.values()])
            for limit in {setting.limit for setting in settings}
        }
        return np.array(
            [self.weights @ np.where(setting.local, local[setting.limit], cloud) for setting in settings]
        )

    def points(
        self, grid: Sweep, picked: Sequence[int], certified: Flags, losses: Mapping[int, float | None]
    ) -> tuple[dict[int, Point], tuple[Point, ...]]:
        """Some settings, and what anyone has for free, each with intervals."""
        drawn = self._drawn({str(at): grid.settings[at] for at in picked})
        cloud = drawn[CLOUD]

        def point(name: str, key: str, at: int | None) -> Point:
            figures = drawn[key]
            return Point(
                name=name,
                params={} if at is None else grid.settings[at].params,
                local_share=float(figures.share[0]),
                kept=interval(baselines.quality_kept(figures, cloud)),
                usd=float(figures.usd[0]),
                saving=float(baselines.saving(figures, cloud)[0]),
                certified=name == CLOUD if at is None else bool(certified[at]),
                certified_loss=None if at is None else losses[at],
            )

        return (
            {at: point("own" if at == grid.own else "setting", str(at), at) for at in picked},
            tuple(point(name, name, None) for name in (LOCAL, CLOUD, ORACLE)),
        )

    def loss(self, passes: Floats, local: Flags) -> Interval:
        """Quality lost by known tasks that pass so often, with its interval; `local` are those at risk."""
        total, start = np.zeros(1), 0
        for name, tasks in self.suites.items():
            stop = start + int(tasks.paired.sum())
            share = local[start:stop].mean() if stop > start else 0.0
            corners = np.column_stack([CORNERS[:, 0] * share + CORNERS[:, 1] * (1 - share), CORNERS[:, 1]])
            columns = np.column_stack([passes[start:stop], self.cloud[start:stop]])
            total = total + self.mix[name] * resample(
                columns, stream(tasks.seed, name, "outcomes"), resamples=tasks.resamples, corners=corners
            )
            start = stop
        return interval(1 - ratio(total[:, 0], total[:, 1]))

    def _drawn(self, settings: Mapping[str, Setting]) -> dict[str, baselines.Figures]:
        limits = {name: setting.limit for name, setting in settings.items()}
        measured, start = {}, 0
        for name, tasks in self.suites.items():
            stop = start + len(tasks.paired)
            flags = {key: setting.local[start:stop] for key, setting in settings.items()}
            measured[name] = baselines.sample(tasks, flags, limits)
            start = stop
        return baselines.mix(measured, self.mix)


def of_traffic(suites: Sequence[Suite], options: TuneOptions) -> Tasks:
    """The tasks of suites with a share of the traffic."""
    rates = Rates(model=options.price_model, prices=Prices(), local_usd_per_mtok=options.local_usd_per_mtok)
    runs, total = local_runs(), sum(options.mix[suite.name] for suite in suites)
    named = {suite.name: suite for suite in suites}
    return Tasks(
        suites=whole_tasks(named, rates, runs, seed=options.seed, resamples=options.resamples),
        mix={name: options.mix[name] / total for name in named},
        runs=runs,
    )
