"""The tasks of one size class: which are held out together, which are compared, and how they are drawn.

Tasks are compared in pairs of one source and one fold, so that neither a benchmark's own level nor a
fold's tells anything. A resample counts a pair as often as both of its tasks are drawn.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.stats import stream
from benchmarks.research.hardness_candidates import Floats
from benchmarks.research.hardness_tasks import SizeClass, Task

Rows = NDArray[np.int64]
Chosen = NDArray[np.bool_]
_FOLDS, _REPEATS = 10, 3
_SEED = 0
_TINY = 1e-12

Fold = tuple[Rows, Rows]
"""Rows to fit on, rows held out."""


class Sample:
    """The tasks of one size class, and which of them are compared with which."""

    def __init__(self, size: SizeClass, tasks: Sequence[Task], resamples: int) -> None:
        self.size = size
        self.tasks = tasks
        self.rates = np.array([task.rates[size] for task in tasks])
        self.cloud = np.array([math.nan if task.cloud is None else task.cloud for task in tasks])
        self.sources = np.array([task.source for task in tasks])
        self.others = np.array([other_rates(task, size) for task in tasks])
        self.draws = self._draw(resamples)

    def benchmarks(self) -> Iterator[list[Fold]]:
        """Each benchmark held out once; nothing where there is but one."""
        names = np.array([task.benchmark for task in self.tasks])
        if len(set(names)) > 1:
            yield [
                (np.flatnonzero(names != name), np.flatnonzero(names == name)) for name in sorted(set(names))
            ]

    def tenths(self) -> Iterator[list[Fold]]:
        """A tenth of a source held out after the other, several times; small sources are left out."""
        for repeat in range(_REPEATS):
            folds: list[Fold] = []
            for source in sorted(set(self.sources)):
                rows = np.flatnonzero(self.sources == source)
                if len(rows) >= 2 * _FOLDS:
                    mixed = stream(_SEED, source, str(repeat)).permutation(rows)
                    current = [np.sort(mixed[at::_FOLDS]) for at in range(_FOLDS)]
                    folds += [(np.setdiff1d(rows, out), out) for out in current]
            yield folds

    def _draw(self, resamples: int) -> Floats:
        """How often each task is drawn, (1 + resamples, tasks): as they are, then source by source."""
        drawn = np.ones((1 + resamples, len(self.tasks)))
        for source in sorted(set(self.sources)):
            rows = np.flatnonzero(self.sources == source)
            dice = stream(_SEED, self.size, source)
            drawn[1:, rows] = dice.multinomial(len(rows), [1 / len(rows)] * len(rows), size=resamples)
        return drawn


def other_rates(task: Task, size: SizeClass) -> float:
    """Its mean rate in the other size classes; nan without any."""
    rates = [rate for name, rate in task.rates.items() if name != size]
    return float(np.mean(rates)) if rates else math.nan


def auc(sample: Sample, splits: Sequence[list[Fold]], predictions: Sequence[Floats], rows: Chosen) -> Floats:
    """AUC over pairs of tasks of one source and fold: one passes, the other fails."""
    weights = np.outer(sample.rates, 1 - sample.rates)
    won = np.zeros_like(weights)
    compared = np.zeros_like(weights)
    for folds, scores in zip(splits, predictions, strict=True):
        pairs = weights * _together(sample, folds, rows)
        won += pairs * _above(scores)
        compared += pairs
    return _ratio(sample.draws, won, compared)


def apgr(sample: Sample, splits: Sequence[list[Fold]], predictions: Sequence[Floats], rows: Chosen) -> Floats:
    """Mean, over all shares that go to the cloud, of the gap that is made up by sending the hardest."""
    existing = rows & ~np.isnan(sample.cloud)
    gaps = np.where(existing, np.nan_to_num(sample.cloud) - sample.rates, 0.0)[:, None]
    made_up = np.zeros((len(gaps), len(gaps)))
    complete = np.zeros_like(made_up)
    for folds, scores in zip(splits, predictions, strict=True):
        together = _together(sample, folds, existing, itself=True)
        # A task is on the cloud for as large a part of the shares as there are easier ones beside it.
        together /= np.maximum(together.sum(axis=1, keepdims=True), 1)
        made_up += gaps * together * _above(scores).T
        complete += gaps * together
    return _ratio(sample.draws, made_up, complete)


def _ratio(draws: Floats, over: Floats, under: Floats) -> Floats:
    """Two sums over pairs of drawn tasks, divided; nan where there is no pair."""
    upper, lower = (np.einsum("ri,ri->r", draws @ pairs, draws) for pairs in (over, under))
    return np.asarray(np.divide(upper, lower, out=np.full(len(draws), np.nan), where=np.abs(lower) > _TINY))


def _above(scores: Floats) -> Floats:
    """Whether the row's score is above the column's; half where they are equal."""
    difference = scores[:, None] - scores
    return np.where(np.abs(difference) < _TINY, 0.5, difference > 0)


def _together(sample: Sample, folds: list[Fold], rows: Chosen, *, itself: bool = False) -> Floats:
    """Which tasks are compared: of one source, held out together."""
    fold = np.full(len(sample.tasks), -1)
    for number, (_, current) in enumerate(folds):
        fold[current] = number
    same = (fold[:, None] == fold) & (sample.sources[:, None] == sample.sources) & np.outer(rows, rows)
    if not itself:
        np.fill_diagonal(same, val=False)
    return np.asarray(same, dtype=np.float64)
