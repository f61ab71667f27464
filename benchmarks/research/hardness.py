"""How hard a self-contained ask is for a model of some size: how far its text tells, before it is answered.

- A candidate reads the ask alone and predicts the share of answers that pass. It is fitted for one size
  class on published rates, and every figure is of tasks it was not fitted on: of a benchmark that was
  held out whole, or of one tenth of a source after the other.
- Tasks are compared with tasks of their own source only: which benchmark an ask is from says nothing
  here. The bar is the constant, the mean of the rows that a candidate was fitted on.
- Nothing was tuned on what came out; every candidate that was tried is shown.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.evaluation.stats import Interval, interval
from benchmarks.research.hardness_candidates import CONSTANT, Candidate, Columns, Floats, candidates
from benchmarks.research.hardness_sample import Fold, Sample, apgr, auc, other_rates
from benchmarks.research.hardness_tasks import SIZE_CLASSES, SizeClass, Task, load

Split = Literal["benchmarks held out", "tenths held out"]

RESAMPLES = 2_000
HINDSIGHT = "its own rate (hindsight)"
OTHERS = "its rate with the other sizes (hindsight)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a candidate reached in one size class on tasks it was not fitted on."""

    size_class: SizeClass
    split: Split
    candidate: str
    tasks: int
    log_loss: float
    """nan of what only orders."""
    better: Interval
    """The constant's log-loss less this one's: above 0 is better."""
    auc: Interval
    """The chance that an answer which passes is of a task said to be easier than one that does not."""
    apgr: Interval
    """Average performance gap recovered where the hardest go to the cloud model first; 0.5 is a guess."""

    @property
    def is_useful(self) -> bool:
        """Whether it beats the constant in log-loss and a guess in order, beyond both intervals."""
        return self.better.low > 0 and self.auc.low > 1 / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Tasks of a source in a size class, and the mean share that passes."""

    size_class: SizeClass
    source: str
    tasks: int
    mean: float
    deviation: float
    models_agree: float
    """Correlation with the mean rate of the other size classes on the same tasks; nan without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured."""

    measured: str
    """Date, UTC."""
    rows: str
    """Hash of tasks, texts and rates."""
    resamples: int
    rates: tuple[Rate, ...]
    scores: tuple[Score, ...]

    @property
    def useful(self) -> tuple[Score, ...]:
        """What would be served: whatever is useful where benchmarks are held out."""
        return tuple(
            score for score in self.scores if score.split == "benchmarks held out" and score.is_useful
        )


def run(
    data: Path, progress: Callable[[str], None] = lambda _: None, *, resamples: int = RESAMPLES
) -> Result:
    """Measure all candidates in all size classes.

    Args:
        data: See `hardness_tasks.load`.
        progress: Is told each step.
        resamples: How many times tasks are drawn for the intervals.

    Raises:
        BenchmarkError: The tasks cannot be read.
    """
    from threadpoolctl import threadpool_limits

    tasks = load(data)
    progress(f"reading {len(tasks)} asks")
    with threadpool_limits(1):  # fits are small: threads would only wait for each other
        return measure(tasks, candidates(), progress, resamples=resamples)


def measure(
    tasks: Sequence[Task],
    among: Mapping[str, Candidate],
    progress: Callable[[str], None] = lambda _: None,
    *,
    resamples: int = RESAMPLES,
) -> Result:
    """Measure candidates, the constant first among them, on tasks."""
    columns = {name: candidate.features([task.ask for task in tasks]) for name, candidate in among.items()}
    scores: list[Score] = []
    for size in SIZE_CLASSES:
        chosen = [at for at, task in enumerate(tasks) if size in task.rates]
        if not chosen:
            continue
        sample = Sample(size, [tasks[at] for at in chosen], resamples)
        own = {name: values[chosen] for name, values in columns.items()}
        ways: dict[Split, list[list[Fold]]] = {
            "benchmarks held out": list(sample.benchmarks()),
            "tenths held out": list(sample.tenths()),
        }
        for split, splits in ways.items():
            progress(f"{size}, {split}")
            fitted = {name: _fit(sample, splits, each, own[name]) for name, each in among.items()}
            scores += _scores(sample, split, splits, fitted)
    return Result(
        measured=datetime.now(UTC).date().isoformat(),
        rows=_hash(tasks),
        resamples=resamples,
        rates=tuple(_rates(tasks)),
        scores=tuple(scores),
    )


def _fit(
    sample: Sample, splits: Sequence[list[Fold]], candidate: Candidate, columns: Columns
) -> list[Floats]:
    """Predict every task that is held out, once for each way to fold; nan for the others."""
    every = []
    for folds in splits:
        predictions = np.full(len(sample.tasks), np.nan)
        for fitted_on, current in folds:
            predictions[current] = candidate.fit(
                columns[fitted_on], sample.rates[fitted_on], columns[current]
            )
        every.append(predictions)
    return every


def _scores(
    sample: Sample, split: Split, splits: Sequence[list[Fold]], fitted: Mapping[str, list[Floats]]
) -> Iterator[Score]:
    if not splits:
        return
    current = ~np.isnan(fitted[CONSTANT][0])
    bar = _losses(sample.rates, fitted[CONSTANT])
    for name, predictions in fitted.items():
        losses = _losses(sample.rates, predictions)
        yield Score(
            size_class=sample.size,
            split=split,
            candidate=name,
            tasks=int(current.sum()),
            log_loss=float(losses[current].mean()),
            better=interval(_mean((bar - losses)[current], sample.draws[:, current])),
            auc=interval(auc(sample, splits, predictions, current)),
            apgr=interval(apgr(sample, splits, predictions, current)),
        )
    for name, rates in ((HINDSIGHT, sample.rates), (OTHERS, sample.others)):
        rows = current & ~np.isnan(rates)
        if rows.any():
            yield Score(
                size_class=sample.size,
                split=split,
                candidate=name,
                tasks=int(rows.sum()),
                log_loss=math.nan,
                better=Interval(point=math.nan, low=math.nan, high=math.nan),
                auc=interval(auc(sample, splits, [rates] * len(splits), rows)),
                apgr=interval(apgr(sample, splits, [rates] * len(splits), rows)),
            )


def _losses(rates: Floats, predictions: Sequence[Floats]) -> Floats:
    """Log-loss by task, the mean over several ways to fold."""
    expected = np.array(predictions)
    return np.asarray(-(rates * np.log(expected) + (1 - rates) * np.log(1 - expected)).mean(axis=0))


def _mean(values: Floats, draws: Floats) -> Floats:
    return np.asarray(draws @ values / draws.sum(axis=1))


def _rates(tasks: Sequence[Task]) -> Iterator[Rate]:
    for size in SIZE_CLASSES:
        for source in dict.fromkeys(task.source for task in tasks if size in task.rates):
            rows = [task for task in tasks if task.source == source and size in task.rates]
            rates = np.array([task.rates[size] for task in rows])
            others = np.array([other_rates(task, size) for task in rows])
            agree = math.nan if np.isnan(others).any() else float(np.corrcoef(rates, others)[0, 1])
            yield Rate(
                size_class=size,
                source=source,
                tasks=len(rows),
                mean=float(rates.mean()),
                deviation=float(rates.std()),
                models_agree=agree,
            )


def _hash(tasks: Sequence[Task]) -> str:
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(repr((task.id, task.ask, sorted(task.rates.items()), task.cloud)).encode())
    return digest.hexdigest()[:16]
