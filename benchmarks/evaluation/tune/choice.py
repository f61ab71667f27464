"""Which setting does what is asked: by its certificate where there is one, else as measured, and said so.

- A loss is asked for: the cheapest setting certified to stay within it; where none is, the cheapest that
  stays within it as measured.
- A local share: of the settings that reach it and keep little more local than they must, the one that changes
  the fewest numbers. No outcome has a part in that, unless a budget is asked for beside it.
- A budget: the setting that loses least, as measured, of those within it; of those that lose nothing, the
  cheapest.

Several at once must all hold; then a loss decides what is sought first, a share next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.stats import Floats
from benchmarks.evaluation.tune.candidates import STEP
from benchmarks.evaluation.tune.certificate import Certificate
from benchmarks.evaluation.tune.error_shares import error_shares
from benchmarks.evaluation.tune.result import Basis, Goal, HeldOut, Nearest, NearestBy, Requirement
from benchmarks.evaluation.tune.risk import branches, tasks_needed, times_needed

Flags = NDArray[np.bool_]
FOLDS = 5
_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """Chooses among settings; arrays of (settings,)."""

    goal: Goal
    max_loss: float
    certificate: Certificate
    usd: Floats
    shares: Floats

    def choose(self, within: Flags) -> tuple[int | None, Basis]:
        """Choose by some of the known tasks.

        Returns:
            The setting, or None; and what it was chosen by.
        """
        allowed = self.certificate.risky & self._reaches() & self._affords()
        if self.goal.by_loss:
            certified = self._cheapest(allowed & self.certificate.certified(within))
            if self.goal.by == "certified" or (self.goal.by == "any" and certified is not None):
                return certified, "certified"
            return self._cheapest(allowed & self._loses_little(within)), "measured"
        if self.goal.local_share is not None:
            return self._least_local(allowed), "share"
        losses = self.certificate.losses(within)
        if np.isnan(losses).any():
            return None, "measured"
        # Below nothing, a loss is chance: what is gained is not sought.
        lost = np.maximum(losses, 0.0).round(3)
        return self._first(allowed, lost, self.usd, -self.shares), "measured"

    def nearest(self) -> Nearest | None:
        """Where nothing can be chosen: the setting that comes nearest, by the limit that none keeps."""
        all_paired = np.ones(len(self.certificate.tasks.local), dtype=np.bool_)
        losses, risky = self.certificate.losses(all_paired), self.certificate.risky
        if not risky.any():
            return None
        reaches, affords = self._reaches(), self._affords()
        little = self._loses_little(all_paired) if self.goal.by_loss else np.ones(len(losses), dtype=np.bool_)
        limits: dict[NearestBy, tuple[bool, Flags, tuple[Floats, ...]]] = {
            "local_share": (self.goal.local_share is not None, affords & little, (-self.shares, self.usd)),
            "usd": (self.goal.budget_usd is not None, reaches & little, (self.usd, losses)),
            "loss": (self.goal.by_loss, reaches & affords, (losses, self.usd)),
        }
        for what, (limited, others, keys) in limits.items():
            at = self._first(risky & others, *keys) if limited else None
            if at is not None:
                return self._near(what, at, losses)
        what, (_, _, keys) = next((what, limit) for what, limit in limits.items() if limit[0])
        at = self._first(risky, *keys)
        return None if at is None else replace(self._near(what, at, losses), alone=False)

    def needed(self) -> Iterator[Requirement]:
        """How many tasks would certify the policy's own numbers, and the cheapest within the loss."""
        certificate = self.certificate
        all_paired = np.ones(len(certificate.tasks.local), dtype=np.bool_)
        grown, losses = certificate.grown(all_paired), certificate.losses(all_paired)
        part: dict[int, float] = {}
        for path, share in branches(certificate.grid.chains):
            part[path[-1]] = max(share, part.get(path[-1], 0.0))
        best = self._cheapest(certificate.risky & self._loses_little(all_paired))
        tested = certificate.error_shares.tested or error_shares(replace(self.goal, by="any")).tested
        own = certificate.grid.own
        for at in dict.fromkeys(index for index in (own, best) if index is not None):
            if not certificate.risky[at]:
                continue
            times = times_needed(grown[at], part[at] * tested, certificate.bound)
            yield Requirement(
                own=at == own,
                params=certificate.grid.settings[at].params,
                local_share=float(self.shares[at]),
                loss=float(losses[at]),
                outcomes=None
                if times is None
                else {
                    tasks.suite.title: tasks_needed(int(tasks.paired.sum()), times)
                    for tasks in certificate.tasks.suites.values()
                },
            )

    def held_out(self) -> HeldOut | None:
        """Choose anew without each fold's groups, and measure that choice on them."""
        tasks = self.certificate.tasks
        groups = [case.group for case, paired in zip(tasks.cases, tasks.paired, strict=True) if paired]
        folds = _folds(groups)
        if len(folds) <= 1:
            return None
        passes, local = tasks.cloud.copy(), np.zeros(len(groups), dtype=np.bool_)
        for fold in folds:
            out = np.array([group in fold for group in groups])
            at, _ = self.choose(~out)
            if at is not None:
                passes[out] = self.certificate.expected[at, out]
                local[out] = self.certificate.at_risk[at, out]
        return HeldOut(
            folds=len(folds),
            groups=len(set(groups)),
            loss=tasks.loss(passes, local),
            local_share=float(tasks.measured @ local),
        )

    def _least_local(self, eligible: Flags) -> int | None:
        """Of the settings with the least local work, the one that changes the fewest numbers."""
        if not eligible.any():
            return None
        near = eligible & (self.shares <= self.shares[eligible].min() + STEP)
        grid = self.certificate.grid
        own = grid.settings[grid.own].params
        changed = [
            sum(value != own.get(name, value) for name, value in setting.params.items())
            for setting in grid.settings
        ]
        return self._first(near, np.array(changed, dtype=np.float64), self.shares)

    def _reaches(self) -> Flags:
        least = self.goal.local_share
        return np.ones(len(self.shares), dtype=np.bool_) if least is None else self.shares >= least - 1e-9

    def _affords(self) -> Flags:
        most = self.goal.budget_usd
        return np.ones(len(self.usd), dtype=np.bool_) if most is None else self.usd <= most + 1e-9

    def _loses_little(self, within: Flags) -> Flags:
        return self.certificate.losses(within) <= self.max_loss + 1e-9

    def _cheapest(self, eligible: Flags) -> int | None:
        """The cheapest; of equals the one that keeps most local, then the nearest to the policy's own."""
        return self._first(eligible, self.usd, -self.shares)

    def _first(self, eligible: Flags, *keys: Floats) -> int | None:
        at = np.flatnonzero(eligible)
        return min(
            at.tolist(),
            key=lambda index: (*(round(float(key[index]), _DIGITS) for key in keys), index),
            default=None,
        )

    def _near(self, what: NearestBy, at: int, losses: Floats) -> Nearest:
        return Nearest(
            what=what,
            params=self.certificate.grid.settings[at].params,
            local_share=float(self.shares[at]),
            usd=float(self.usd[at]),
            loss=float(losses[at]),
        )


def _folds(groups: Sequence[str]) -> list[set[str]]:
    """Put whole groups into folds of tasks as equal as can be: the largest first, each into the smallest."""
    sizes = {group: groups.count(group) for group in dict.fromkeys(groups)}
    folds: list[set[str]] = [set() for _ in range(min(FOLDS, len(sizes)))]
    for group in sorted(sizes, key=lambda name: -sizes[name]):
        min(folds, key=lambda fold: sum(sizes[name] for name in fold)).add(group)
    return folds
