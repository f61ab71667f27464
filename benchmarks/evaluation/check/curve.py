"""What a score is worth that ranks tasks: the curve of quality over the share of the cloud.

The tasks of the lowest score go to the cloud first. APGR is the area under PGR over that share
(0.5 for a coin, since equal scores are drawn by lot); CPT(x) is the least share of the cloud at
which PGR reaches x. Scores are taken in steps of 0.01.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.evaluation.baselines import outcomes
from benchmarks.evaluation.cases import Suite, SuiteName
from benchmarks.evaluation.stats import RESAMPLES, Floats, ratio, resample


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """(1 + resamples, 1 + scores) each: what the share of the cloud is, and PGR there."""

    share: Floats
    pgr: Floats

    @property
    def apgr(self) -> Floats:
        """The area under the curve."""
        heights = (self.pgr[:, 1:] + self.pgr[:, :-1]) / 2
        return np.asarray((np.diff(self.share, axis=1) * heights).sum(axis=1))

    def cpt(self, target: float) -> Floats:
        """The least share of the cloud that reaches `target`; nan where none does."""
        least = np.full(len(self.share), np.nan)
        for at in range(self.pgr.shape[1] - 1, 0, -1):
            before, after = self.pgr[:, at - 1], self.pgr[:, at]
            crosses = (before < target) & (after >= target)
            part = ratio(target - before, after - before)
            there = self.share[:, at - 1] + part * (self.share[:, at] - self.share[:, at - 1])
            least = np.where(crosses, there, least)
        return least


def curve(
    suites: Mapping[SuiteName, Suite],
    scores: Mapping[SuiteName, Floats],
    weights: Mapping[SuiteName, float],
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> Curve:
    """Rank the tasks with known outcomes of mixed traffic by their scores.

    Args:
        suites: By name.
        scores: By suite: how likely the local model suffices, for each task with both outcomes.
        weights: By suite: its share of the tasks.
        rng: What draws.
        resamples: How many times the tasks are drawn.
    """
    used = {name: weight for name, weight in weights.items() if weight > 0 and len(scores[name])}
    steps = {name: np.round(scores[name], 2) for name in used}
    levels = np.unique(np.concatenate(list(steps.values())))
    total = np.zeros((1 + resamples, 2 * len(levels)))
    for name, weight in used.items():
        both = outcomes(suites[name])
        at = (steps[name][:, None] == levels).astype(np.float64)
        gains = at * (both[:, 1] - both[:, 0])[:, None]
        total += weight * resample(np.hstack([at, gains]), rng, resamples=resamples)
    start = np.zeros((1 + resamples, 1))
    share = np.hstack([start, np.cumsum(total[:, : len(levels)], axis=1)])
    gained = np.hstack([start, np.cumsum(total[:, len(levels) :], axis=1)])
    return Curve(share=share, pgr=ratio(gained, gained[:, [-1]]))
