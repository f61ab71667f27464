"""The settings that are shown one by one: those along the policy's own other numbers."""

import numpy as np

from benchmarks.evaluation.tune.sweep import Sweep

SHOWN = 25
"""Settings of the curve that get an interval."""


def line(grid: Sweep) -> list[int]:
    """The settings along the chain of the policy's own other numbers, thinned evenly."""
    own = grid.settings[grid.own].params

    def near(at: int) -> bool:
        params = grid.settings[at].params
        return sum(value != own.get(name, value) for name, value in params.items()) <= 1

    through = [chain for chain in grid.chains if grid.own in chain]
    chain = list(max((sum(map(near, chain)), chain) for chain in through)[1])
    if len(chain) <= SHOWN:
        return chain
    at = np.unique(np.linspace(0, len(chain) - 1, SHOWN).round().astype(int))
    return [chain[index] for index in at]
