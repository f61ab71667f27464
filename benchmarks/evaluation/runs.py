"""How many calls a local agent's run takes, and how its conversation grows: recorded runs, scaled.

How many calls a local system made at each task is published nowhere. Recorded whole runs of one agent
(`recorded/runs.csv`) tell how calls are spread over runs that were resolved and over runs that were
not; all are scaled by one factor, so that their mean is the one published for a 24B local model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.stats import Floats
from benchmarks.evaluation.suites.facts import read

_LIMITS = 12
_VERIFIED = 500
"""Instances of SWE-bench Verified, over which the published means are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What becomes of runs of one kind under a limit; each (1 + draws,), as recorded and drawn anew."""

    moved: Floats
    """Share that is not done after so many calls."""
    calls: Floats
    """Calls made locally, in the mean."""
    length: Floats
    """Calls of a whole run, in the mean."""
    given_up: Floats
    """Calls made locally in runs that are handed over, in the mean over all runs."""
    tokens: Floats
    """Tokens of the conversation that is handed over, in the mean over all runs; 0 under a limit on calls,
    where each suite tells them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """After which call each recorded run is handed over, in the order of `Runs`; infinite for never."""

    passed: tuple[float, ...]
    """Calls as recorded, of runs that were resolved."""
    failed: tuple[float, ...]
    passed_tokens: tuple[float, ...]
    """Tokens of the prompt with which it is handed over; 0 where it is not."""
    failed_tokens: tuple[float, ...]


Limit = float | Handover | None
"""When a local run is handed over: after so many calls, each recorded run at its own, or never."""


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

    @property
    def scale(self) -> float:
        """What recorded calls are multiplied by."""
        return self.mean / (self.share * fmean(self.passed) + (1 - self.share) * fmean(self.failed))

    def moved(self, limit: float) -> tuple[float, float]:
        """The share of runs that are not done after `limit` calls: of those that pass, and that fail."""
        return _share(self.passed, limit / self.scale), _share(self.failed, limit / self.scale)

    def ends(self, limit: Limit, draws: int, rng: np.random.Generator) -> tuple[Ends, Ends]:
        """What becomes of runs that pass and of runs that fail, as recorded and drawn anew.

        Each set of recorded runs that is drawn is scaled to the published mean for itself.

        Args:
            limit: When a run is handed over.
            draws: How many times the recorded runs are drawn.
            rng: What draws.
        """
        chosen = [_drawn(len(calls), draws, rng) for calls in (self.passed, self.failed)]
        passed, failed = (np.array(calls)[rows] for calls, rows in zip(self._calls, chosen, strict=True))
        scale = (self.mean / (self.share * passed.mean(1) + (1 - self.share) * failed.mean(1)))[:, None]
        if isinstance(limit, Handover):
            at = [np.array(calls)[rows] for calls, rows in zip(_at(limit), chosen, strict=True)]
            tokens = [np.array(count)[rows] for count, rows in zip(_tokens(limit), chosen, strict=True)]
            return (
                _ends(passed * scale, at[0] * scale, tokens[0]),
                _ends(failed * scale, at[1] * scale, tokens[1]),
            )
        most = np.full((1, 1), np.inf if limit is None else limit)
        return _ends(passed * scale, most), _ends(failed * scale, most)

    @property
    def _calls(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self.passed, self.failed

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

    def prompt(self, calls: float) -> float:
        """Tokens of the last call's prompt; 0 where there was no call."""
        return self.first + self.grows * (calls - 1) if calls > 0 else 0.0


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
    )


def local_runs() -> Runs:
    """How many calls a local agent's run takes: recorded runs, scaled to a published mean."""
    published = next(row for row in read("published.csv").rows if row["runs"] == "local")
    share = float(published["resolved"]) / _VERIFIED
    return from_facts(read("runs.csv").rows, mean=float(published["calls"]), share=share)


def _drawn(runs: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(1 + draws, runs), which runs: as recorded, then drawn with replacement."""
    return np.vstack([np.arange(runs), rng.integers(0, runs, (draws, runs))])


def _at(handover: Handover) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return handover.passed, handover.failed


def _tokens(handover: Handover) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return handover.passed_tokens, handover.failed_tokens


def _ends(calls: Floats, most: Floats, tokens: Floats | None = None) -> Ends:
    moved = calls > most
    return Ends(
        moved=moved.mean(1),
        calls=np.minimum(calls, most).mean(1),
        length=calls.mean(1),
        given_up=np.where(moved, np.minimum(calls, most), 0.0).mean(1),
        tokens=np.zeros(len(calls)) if tokens is None else (moved * tokens).mean(1),
    )


def _share(calls: tuple[float, ...], limit: float) -> float:
    return fmean(count > limit for count in calls)
