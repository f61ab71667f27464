"""The test of every setting on the tasks at hand: `risk`, with what the recorded calls leave open.

Where an agent's calls are modelled by recorded runs, these are taken as they harm most, within bands that get
a tenth of the allowed error; the rest is for the outcomes.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.stats import Floats, ratio
from benchmarks.evaluation.tune.error_shares import ErrorShares
from benchmarks.evaluation.tune.measured import Tasks
from benchmarks.evaluation.tune.risk import Bound, certify, evidence, growth, shortfall
from benchmarks.evaluation.tune.sweep import Sweep

Flags = NDArray[np.bool_]
_FOR_CALLS = 0.05
"""Shares of the allowed error that go to each of the two bands of recorded calls."""
_STEPS = 12
"""Halvings of a bound: to a quarter of a thousandth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the test of all settings needs; arrays of (settings, known)."""

    grid: Sweep
    tasks: Tasks
    bound: Bound
    """What is left of the allowed error after the recorded calls."""
    error_shares: ErrorShares
    """The parts of it that each statement gets."""
    expected: Floats
    """How often each task passes, as far as is known."""
    cautious: Floats
    """The same, with the recorded calls taken as they harm most."""
    at_risk: Flags

    @property
    def risky(self) -> Flags:
        """Which settings keep a task local whose outcomes are known; none where no loss is defined."""
        return np.asarray(self.at_risk.any(axis=1) & self.tasks.has_loss)

    @property
    def _starts_local(self) -> Flags:
        """Which settings keep any task local, of known outcomes or not."""
        return np.array([setting.local.any() for setting in self.grid.settings], dtype=np.bool_)

    def grown(self, within: Flags) -> Floats:
        """The stakes' growth on some of the known tasks."""
        lacks = shortfall(self.cautious, self.tasks.cloud, self.bound)[:, within]
        return growth(lacks, self.tasks.measured[within], self.at_risk[:, within], self.bound)

    def certified(self, within: Flags) -> Flags:
        """Which settings those tasks certify; none where the goal leaves the test no error."""
        if not self.error_shares.tested:
            return np.zeros(len(self.grid.settings), dtype=np.bool_)
        tested = replace(self.bound, confidence=1 - self.error_shares.tested * (1 - self.bound.confidence))
        current = certify(evidence(self.grown(within)), self.grid.chains, tested)
        # Where all that starts local is unknown, the test had nothing to go by.
        return current & (self.risky | ~self._starts_local)

    def losses(self, within: Flags) -> Floats:
        """Share of the cloud's quality that each setting loses on some of the known tasks, as measured.

        nan where the cloud passes none of them: there is nothing to lose a share of.
        """
        weights = self.tasks.measured[within]
        return 1 - ratio(self.expected[:, within] @ weights, self.tasks.cloud[within] @ weights)

    def loss_within(self, at: int, share: float = 1.0) -> float | None:
        """The least loss that a setting is certified to stay within.

        Args:
            at: The setting.
            share: The part of the allowed error that this statement gets; all of it where it is the only one.

        Returns:
            0..1 of the cloud's quality, rounded up; 0 for a setting that starts nothing local; None where no
            loss below all of it is certified, or none is known of what it starts local.
        """
        if not self.risky[at]:
            return None if self._starts_local[at] else 0.0
        low, high = 0.0, 1.0
        if not self._holds(at, 1 - 2.0**-_STEPS, share):
            return None
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if self._holds(at, middle, share) else (middle, high)
        return float(np.ceil(high * 1000) / 1000)

    def _holds(self, at: int, loss: float, share: float) -> bool:
        bound = Bound(max_loss=loss, confidence=self.bound.confidence)
        lacks = shortfall(self.cautious[[at]], self.tasks.cloud, bound)
        grown = growth(lacks, self.tasks.measured, self.at_risk[[at]], bound)
        return bool(evidence(grown)[0] >= bound.threshold(share))


def certificate(grid: Sweep, tasks: Tasks, bound: Bound, error_shares: ErrorShares) -> Certificate:
    """Prepare the test of all settings."""
    error = 1 - bound.confidence
    at_risk = np.array([setting.local[tasks.paired] for setting in grid.settings])
    expected, cautious = np.empty(at_risk.shape), np.empty(at_risk.shape)
    modelled = any(suite.modelled.any() for suite in tasks.suites.values())
    for limit in {setting.limit for setting in grid.settings}:
        moved = (0.0, 0.0) if limit is None else tasks.runs.moved(limit)
        harm = (0.0, 0.0) if limit is None else tasks.runs.cautious(limit, _FOR_CALLS * error)
        for at, setting in enumerate(grid.settings):
            if setting.limit == limit:
                expected[at] = np.where(at_risk[at], tasks.quality(limit, moved), tasks.cloud)
                cautious[at] = np.where(at_risk[at], tasks.quality(limit, harm), tasks.cloud)
    handing = modelled and any(setting.limit is not None for setting in grid.settings)
    left = Bound(max_loss=bound.max_loss, confidence=1 - error * (1 - (2 * _FOR_CALLS if handing else 0.0)))
    return Certificate(
        grid=grid,
        tasks=tasks,
        bound=left,
        error_shares=error_shares,
        expected=expected,
        cautious=cautious,
        at_risk=at_risk,
    )
