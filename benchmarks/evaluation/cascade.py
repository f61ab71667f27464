"""Local first, cloud after N calls: what that keeps of the quality, and what it costs, by N.

The model is that of every other figure (`whole_task`): here all tasks start locally, and the limit varies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.evaluation.stats import Floats, Interval, interval, ratio
from benchmarks.evaluation.whole_task import MEASURES, Measure, Start, WholeTasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one limit gives, per task in the mean."""

    limit: int | None
    """Calls the local model has; 0: everything starts on the cloud, None: everything stays local."""
    quality: Interval
    """Share of tasks that pass."""
    kept: Interval
    """`quality` over that of always-cloud."""
    moved: Interval
    """Share of tasks that the cloud takes over."""
    local_calls: Interval
    wasted_calls: Interval
    """Of those, in runs that the cloud took over or that did not pass."""
    cloud_calls: Interval
    usd: Interval
    saved: Interval
    """Share of always-cloud's cost; negative where the cascade costs more."""
    saved_anew: Interval
    """The same, had the cloud begun anew, without the local conversation; no endpoint can do that."""


def evaluate(tasks: WholeTasks, limits: Sequence[int | None]) -> list[Row]:
    """Evaluate each limit on tasks that all start locally.

    Args:
        tasks: A suite under the model of whole tasks.
        limits: Calls; 0 for everything on the cloud, None for everything local.

    Raises:
        BenchmarkError: a price is not known.
        ValueError: no task has both outcomes.
    """
    if not tasks.paired.any():
        raise ValueError("no task has both a local and a cloud outcome")
    everything = np.ones(len(tasks.paired), dtype=np.bool_)
    starts = [Start(local=everything if limit != 0 else ~everything, limit=limit) for limit in limits]
    cloud, *drawn = tasks.figures([Start(local=~everything), *starts], MEASURES)
    return [_row(limit, figures, cloud) for limit, figures in zip(limits, drawn, strict=True)]


def _row(limit: int | None, figures: dict[Measure, Floats], cloud: dict[Measure, Floats]) -> Row:
    return Row(
        limit=limit,
        quality=interval(figures["quality"]),
        kept=interval(ratio(figures["quality"], cloud["quality"])),
        moved=interval(figures["handed_over"]),
        local_calls=interval(figures["local_calls"]),
        wasted_calls=interval(figures["wasted_calls"]),
        cloud_calls=interval(figures["cloud_calls"]),
        usd=interval(figures["usd"]),
        saved=interval(1 - ratio(figures["usd"], cloud["usd"])),
        saved_anew=interval(1 - ratio(figures["usd_begun_anew"], cloud["usd"])),
    )
