"""What comes of a whole task, by the track it starts on: how often it passes, its calls, its dollars.

This is the one model behind `check`, `tune`, `cascade` and `diff`; nothing else counts a task's money.

- **Started on the cloud**, a task is the cloud's: its outcome, and its calls with a warm cache (`cost`).
- **Started locally**, a task of one call is the local model's.
- **An agent's task** that starts locally is handed over after `limit` calls, where the policy says so
  (`escalate: {on: [turn_too_long]}` and `params.max_turn_calls`). A run that ends before is the answer,
  right or wrong: nobody tells that it was wrong. Where a system's calls were measured, each task's own
  decide; else they are as recorded runs are spread (`runs`), by whether the local system passes. Given that
  outcome, calls say nothing of whether the cloud passes.
- **Everything is charged.** A run that is handed over has cost its local calls, and the cloud then makes its
  full run with the local conversation before it in each of its calls: an endpoint can do no other, for the
  conversation is the client's.

A figure is an array: the point, then one value for each resample. Tasks and recorded runs are drawn anew,
by the same draws for the same seed, whichever command asks.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.cases import Case, Effort, Suite
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.runs import Ends, Handover, Limit, Runs
from benchmarks.evaluation.stats import CORNERS, RESAMPLES, Floats, resample, stream

Flags = NDArray[np.bool_]
Measure = Literal[
    "local_share",
    "quality",
    "usd",
    "usd_begun_anew",
    "handed_over",
    "local_calls",
    "wasted_calls",
    "cloud_calls",
]
"""What a task comes to: whether it starts locally, how often it passes, US dollars, the same had the cloud
begun without the local conversation, whether it is handed over, and calls; wasted are local ones that gave
no answer or a wrong one."""
MEASURES: tuple[Measure, ...] = get_args(Measure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Part of a measure: a number of each task, times one that only the recorded runs decide."""

    tasks: Floats
    """(tasks,)."""
    factor: Floats
    """(1 + resamples,), or (1,) where no recorded run has a part in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where each task starts."""

    local: Flags
    """(tasks,)."""
    limit: Limit = None
    """When a local run is handed over."""


@dataclass(frozen=True, kw_only=True)
class WholeTasks:
    """A suite's tasks under one model. Arrays are of (tasks,)."""

    suite: Suite
    rates: Rates
    runs: Runs
    seed: int = 0
    resamples: int = RESAMPLES

    @cached_property
    def paired(self) -> Flags:
        """Which have outcomes of both systems."""
        return np.isfinite(self.local) & np.isfinite(self.cloud)

    @cached_property
    def local(self) -> Floats:
        """How often the local system passes; nan where nobody knows."""
        return np.array([_known(case.local) for case in self.suite.cases])

    @cached_property
    def cloud(self) -> Floats:
        """The same of the cloud system."""
        return np.array([_known(case.cloud) for case in self.suite.cases])

    @cached_property
    def usd_local(self) -> Floats:
        """US dollars of a whole local run."""
        return np.array([self.rates.local(case.local_effort) for case in self.suite.cases])

    @cached_property
    def usd_cloud(self) -> Floats:
        """US dollars of the cloud's run from the start.

        Raises:
            BenchmarkError: the model's price is not known.
        """
        return np.array([self.rates.cloud(case.cloud_effort) for case in self.suite.cases])

    @cached_property
    def agents(self) -> Flags:
        """Which take more than one call locally."""
        return np.array([case.local_effort.calls > 1 for case in self.suite.cases], dtype=np.bool_)

    @cached_property
    def modelled(self) -> Flags:
        """Which take as many calls as recorded runs do, for nobody has counted theirs."""
        measured = np.array([case.local_effort.measured for case in self.suite.cases], dtype=np.bool_)
        return self.agents & ~measured

    def over(self, limit: Limit) -> Flags:
        """Which take more calls than the limit, of those whose calls were measured."""
        if limit is None or isinstance(limit, Handover):
            return np.zeros(len(self.suite.cases), dtype=np.bool_)
        return self.agents & ~self.modelled & (self._calls > limit)

    def quality(self, limit: Limit, moved: tuple[float, float] = (0.0, 0.0)) -> Floats:
        """How often a task passes that starts locally.

        Args:
            limit: Calls after which it is handed over; None for never.
            moved: Share of recorded runs that are, of those that pass and of those that fail.
        """
        passed, failed = moved
        own = np.where(self.over(limit), self.cloud, self.local)
        handed = self.local * (1 - passed) + (self.local * passed + (1 - self.local) * failed) * self.cloud
        return np.where(self.modelled, handed, own)

    def expected(self, measure: Measure, limit: Limit) -> Floats:
        """A measure of each task that starts locally, without resamples."""
        terms = self._from_local(limit)[measure]
        return np.asarray(sum((term.factor[0] * term.tasks for term in terms), start=np.zeros(1)))

    def figures(self, starts: Sequence[Start], measures: Collection[Measure]) -> list[dict[Measure, Floats]]:
        """Means over the tasks, and over each resample of them, of every start.

        Quality is of the tasks with both outcomes, all else of all tasks.
        """
        others = [measure for measure in measures if measure != "quality"]
        terms = [list(self._started(start, measure)) for start in starts for measure in others]
        drawn = iter(self._drawn(terms) if terms else ())
        figures: list[dict[Measure, Floats]] = [{measure: next(drawn) for measure in others} for _ in starts]
        if "quality" in measures:
            quality = [list(self._started(start, "quality")) for start in starts]
            corners = [list(self._corners(start)) for start in starts]
            for figure, passes in zip(figures, self._drawn(quality, corners), strict=True):
                figure["quality"] = passes
        return figures

    def oracle(self) -> tuple[Floats, Floats, Floats]:
        """Share, quality and dollars of one that knows each outcome, on the tasks where it is known."""
        best = (self.local >= self.cloud) & self.paired
        quality = Term(tasks=np.maximum(self.local, self.cloud), factor=_ONE)
        corner = Term(tasks=CORNERS.max(axis=1), factor=_ONE)
        usd = list(self._started(Start(local=best), "usd"))
        share = [Term(tasks=best.astype(np.float64), factor=_ONE)]
        (drawn,) = self._drawn([[quality]], [[corner]])
        ideal_share, ideal_usd = self._drawn([share, usd], paired_only=True)
        return ideal_share, drawn, ideal_usd

    @cached_property
    def _calls(self) -> Floats:
        return np.array([case.local_effort.calls for case in self.suite.cases])

    @cached_property
    def _cloud_calls(self) -> Floats:
        return np.array([case.cloud_effort.calls for case in self.suite.cases])

    @cached_property
    def _paid(self) -> Flags:
        """Whose local cost was measured."""
        return np.array([case.local_effort.usd is not None for case in self.suite.cases], dtype=np.bool_)

    @cached_property
    def _passes(self) -> Floats:
        """How often the local system passes; where nobody knows, as often as the recorded runs' did."""
        return np.where(np.isfinite(self.local), self.local, self.runs.share)

    @cached_property
    def _by_limit(self) -> dict[Limit, dict[Measure, tuple[Term, ...]]]:
        return {}

    def _started(self, start: Start, measure: Measure) -> Iterator[Term]:
        cloud = self._on_the_cloud(measure)
        first, *others = self._from_local(start.limit)[measure]
        yield Term(tasks=np.where(start.local, first.tasks, cloud), factor=first.factor)
        for term in others:
            yield Term(tasks=np.where(start.local, term.tasks, 0.0), factor=term.factor)

    def _on_the_cloud(self, measure: Measure) -> Floats:
        if measure == "quality":
            return self.cloud
        if measure in {"usd", "usd_begun_anew"}:
            return self.usd_cloud
        return self._cloud_calls if measure == "cloud_calls" else np.zeros(len(self.cloud))

    def _corners(self, start: Start) -> Iterator[Term]:
        """Quality of the task that is thought of: it goes where the others go, in proportion."""
        local, cloud = CORNERS[:, 0], CORNERS[:, 1]
        here = start.local & self.paired
        pairs = max(int(self.paired.sum()), 1)
        ours = (here & ~self.over(start.limit)).sum() / pairs
        handed = (here & self.modelled).sum() / pairs
        yield Term(tasks=local * ours + cloud * (1 - ours), factor=_ONE)
        yield Term(tasks=-handed * local * (1 - cloud), factor=_ONE)
        yield Term(tasks=handed * (1 - local) * cloud, factor=_ONE)

    def _drawn(
        self,
        terms: Sequence[Sequence[Term]],
        corners: Sequence[Sequence[Term]] | None = None,
        *,
        paired_only: bool = False,
    ) -> list[Floats]:
        """Sum each list of terms over every resample of the tasks; with corners, of those with outcomes."""
        rows = (
            self.paired if corners is not None or paired_only else np.ones(len(self.paired), dtype=np.bool_)
        )
        columns = np.column_stack([term.tasks[rows] for group in terms for term in group])
        if not len(columns):
            return [np.full(1 + self.resamples, np.nan) for _ in terms]
        means = resample(
            columns,
            stream(self.seed, self.suite.name, "outcomes" if rows is self.paired else "tasks"),
            resamples=self.resamples,
            one_by_one=True,
            corners=None
            if corners is None
            else np.column_stack([t.tasks for group in corners for t in group]),
        )
        figures, at = [], 0
        for group in terms:
            figures.append(sum((term.factor * means[:, at + n] for n, term in enumerate(group)), np.zeros(1)))
            at += len(group)
        return figures

    def _from_local(self, limit: Limit) -> dict[Measure, tuple[Term, ...]]:
        """Each measure of every task, were it started locally; the first term is of all tasks."""
        if limit not in self._by_limit:
            passed, failed = self.runs.ends(limit, self.resamples, stream(self.seed, "runs"))
            self._by_limit[limit] = {
                measure: tuple(self._terms(measure, limit, passed, failed)) for measure in MEASURES
            }
        return self._by_limit[limit]

    def _terms(self, measure: Measure, limit: Limit, passed: Ends, failed: Ends) -> Iterator[Term]:
        modelled, over, calls = self.modelled, self.over(limit), self._calls
        most = limit if isinstance(limit, float | int) else np.inf
        done = np.minimum(calls, most) / calls
        if measure == "local_share":
            yield Term(tasks=np.ones(len(calls)), factor=_ONE)
        elif measure == "quality":
            yield Term(tasks=np.where(over, self.cloud, self.local), factor=_ONE)
            yield Term(tasks=modelled * -self.local * (1 - self.cloud), factor=passed.moved)
            yield Term(tasks=modelled * (1 - self.local) * self.cloud, factor=failed.moved)
        elif measure in {"usd", "usd_begun_anew"}:
            after = self.usd_cloud + (self._handed_usd(limit) if measure == "usd" else 0.0)
            yield Term(tasks=np.where(modelled, 0.0, self.usd_local * done + over * after), factor=_ONE)
            yield from self._by_end(after, passed.moved, failed.moved)
            if measure == "usd" and isinstance(limit, Handover):
                yield from self._by_end(self._usd_per_token, passed.tokens, failed.tokens)
            # What a run cost is of its own length; what is estimated is of the mean run's.
            estimated = np.where(self._paid, 0.0, self.usd_local)
            yield from self._by_end(estimated, passed.calls / self.runs.mean, failed.calls / self.runs.mean)
            paid = np.where(self._paid, self.usd_local, 0.0)
            yield from self._by_end(paid, passed.calls / passed.length, failed.calls / failed.length)
        elif measure == "handed_over":
            yield Term(tasks=over.astype(np.float64), factor=_ONE)
            yield from self._by_end(np.ones(len(calls)), passed.moved, failed.moved)
        elif measure == "local_calls":
            yield Term(tasks=np.where(modelled, 0.0, done * calls), factor=_ONE)
            yield from self._by_end(np.ones(len(calls)), passed.calls, failed.calls)
        elif measure == "wasted_calls":
            wasted = done * calls * np.where(over, 1.0, 1 - self._passes)
            yield Term(tasks=np.where(modelled, 0.0, wasted), factor=_ONE)
            yield from self._by_end(np.ones(len(calls)), passed.given_up, failed.calls)
        else:
            yield Term(tasks=over * self._cloud_calls, factor=_ONE)
            yield from self._by_end(self._cloud_calls, passed.moved, failed.moved)

    def _by_end(self, tasks: Floats, passed: Floats, failed: Floats) -> Iterator[Term]:
        """A number of each task whose calls are modelled, by how its local run ends."""
        yield Term(tasks=np.where(self.modelled, tasks * self._passes, 0.0), factor=passed)
        yield Term(tasks=np.where(self.modelled, tasks * (1 - self._passes), 0.0), factor=failed)

    @cached_property
    def _usd_per_token(self) -> Floats:
        """US dollars by which a task on the cloud is dearer for each token before each of its calls."""
        per_thousand: dict[Effort, float] = {}
        for case in self.suite.cases:
            if case.cloud_effort not in per_thousand:
                per_thousand[case.cloud_effort] = self.rates.conversation_before(case.cloud_effort, 1_000.0)
        return np.array([per_thousand[case.cloud_effort] / 1_000 for case in self.suite.cases])

    def _handed_usd(self, limit: Limit) -> Floats:
        """US dollars that the local conversation adds to the cloud's calls, where a run is handed over."""
        if limit is None or isinstance(limit, Handover):
            return np.zeros(len(self.suite.cases))
        prices: dict[tuple[Effort, float], float] = {}
        usd = []
        for case in self.suite.cases:
            key = (case.cloud_effort, self._handed_tokens(case, limit))
            if key not in prices:
                prices[key] = self.rates.conversation_before(*key)
            usd.append(prices[key])
        return np.array(usd)

    def _handed_tokens(self, case: Case, limit: float) -> float:
        """The local conversation after so many calls, in tokens."""
        effort = case.local_effort
        if effort.calls <= 1:
            return 0.0
        return (
            effort.last_prompt * min(1.0, limit / effort.calls)
            if effort.measured
            else self.runs.prompt(limit)
        )


_ONE: Floats = np.ones(1)


def whole_tasks(
    suites: Mapping[str, Suite], rates: Rates, runs: Runs, *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, WholeTasks]:
    """The tasks of several suites under one model."""
    return {
        name: WholeTasks(suite=suite, rates=rates, runs=runs, seed=seed, resamples=resamples)
        for name, suite in suites.items()
    }


def _known(passes: float | None) -> float:
    return np.nan if passes is None else passes
