"""Which settings lose no more quality than is allowed, with a stated confidence, by the tasks at hand.

The method is Learn-then-Test (Angelopoulos, Bates, Candès, Jordan, Lei: "Learn then Test: Calibrating
Predictive Algorithms to Achieve Risk Control", arXiv:2110.01052; Annals of Applied Statistics 2025):
each setting is a hypothesis, "it loses more than allowed", and one that is refuted is certified.
Whatever is chosen among the certified, the chance that any of them loses more is at most 1 - confidence.

- **The loss** is `1 - quality kept`: the share of the cloud's quality that is lost. It is at most `m` exactly
  where the mean of the shortfall `(1 - m) * cloud - policy` is at most 0, a mean of bounded numbers.
- **The test** is a bet against the hypothesis (Waudby-Smith, Ramdas: "Estimating means of bounded random
  variables by betting", arXiv:2010.09686): a stake that is multiplied by `1 - bet * shortfall` at
  every task does not grow on average where the hypothesis holds, so it reaches `1/d` with probability
  `d` at most. This holds for every number of tasks, without any assumption on their spread. Several bets
  are placed at once and the stakes averaged, so the order of the tasks does not matter. Tasks need not
  be alike: for independent tasks with means whose average is above 0, the expected product is at most
  `(1 - bet * average) ** tasks` (the geometric mean is at most the arithmetic one). So suites
  can be weighted as the traffic is mixed.
- **Many settings**: they are tried along chains, from the least to the most local work; a chain ends at
  its first failure, and where chains part they share the error (fixed-sequence testing, as in the
  paper, along a tree). The order comes from requests alone, never from outcomes: so no outcome has a part in
  what is tried, and every one of them is held out when it tests.

What it rests on: the outcomes are those of independent tasks like the ones to come. Of other kinds of work
it says nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf, log

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

BETS = tuple(2.0**-step for step in range(8))
"""Stakes tried at once, as shares of the largest that cannot lose everything but once."""
_ENOUGH = 10_000
"""Times as many tasks: beyond that, "how many are needed" is answered with "no number"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What is allowed, and how sure of it one wants to be."""

    max_loss: float
    """The most quality that may be lost, 0..1 of the cloud's."""
    confidence: float
    """0..1, e.g. 0.95."""

    def threshold(self, share: float = 1.0) -> float:
        """The logarithm of what a stake must grow to, with this share of the allowed error."""
        return -log(share * (1 - self.confidence))


def shortfall(policy: Numbers, cloud: Numbers, bound: Bound) -> Numbers:
    """What each task lacks of the quality that must be kept; its weighted mean is to be at most 0.

    Args:
        policy: How often each task passes under a setting, 0..1; shape (..., tasks).
        cloud: The same on the cloud track; shape (tasks,).
        bound: What is allowed.
    """
    return (1 - bound.max_loss) * cloud - policy


def growth(shortfalls: Numbers, weights: Numbers, at_risk: Flags, bound: Bound) -> Numbers:
    """The logarithm of what each bet's stake grows to.

    Args:
        shortfalls: Of every setting and task; shape (settings, tasks).
        weights: Of the tasks; shape (tasks,). Only their proportions matter.
        at_risk: Where a setting's task may do worse than on the cloud; shape (settings, tasks).
            Known before any outcome is: the others' shortfalls cannot be above 0.
        bound: What is allowed.

    Returns:
        Shape (settings, bets). A setting that risks nothing has nothing to prove: infinity.
    """
    scaled = weights / weights.mean()
    heaviest = np.where(at_risk, scaled, 0.0).max(axis=-1) * (1 - bound.max_loss)
    safe = heaviest == 0
    unit = 1 / np.where(safe, 1.0, heaviest)
    grown = np.empty((*shortfalls.shape[:-1], len(BETS)))
    with np.errstate(divide="ignore"):  # a whole stake can be lost: the logarithm is then minus infinity
        for at, bet in enumerate(BETS):
            factors = -(bet * unit)[..., None] * (scaled * shortfalls)
            # A loss of everything is exactly -1; rounding must not put it below.
            grown[..., at] = np.log1p(np.maximum(factors, -1.0)).sum(axis=-1)
    grown[safe] = inf
    return grown


def evidence(grown: Numbers) -> Numbers:
    """The logarithm of the stakes' mean, per setting: how strongly "it loses too much" is refuted."""
    highest = grown.max(axis=-1)
    fixed = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        mean = np.log(np.exp(np.where(np.isposinf(grown), 0.0, grown) - fixed[..., None]).mean(axis=-1))
    return np.where(np.isposinf(highest), inf, mean + fixed)


def certify(proof: Numbers, chains: Sequence[Sequence[int]], bound: Bound) -> Flags:
    """Tell which settings are certified.

    Args:
        proof: `evidence` of each setting.
        chains: Settings in the order in which each chain tries them.
        bound: What is allowed.
    """
    certified = np.zeros(len(proof), dtype=np.bool_)
    fallen: set[tuple[int, ...]] = set()
    for path, share in branches(chains):
        if path[:-1] in fallen or proof[path[-1]] < bound.threshold(share):
            fallen.add(path)
        else:
            certified[path[-1]] = True
    return certified


def branches(chains: Sequence[Sequence[int]]) -> Iterator[tuple[tuple[int, ...], float]]:
    """Give every beginning of a chain once, shorter ones first, with its share of the error.

    A beginning that parts into several passes its share on in equal parts.
    """
    level: dict[tuple[int, ...], tuple[float, list[Sequence[int]]]] = {(): (1.0, list(chains))}
    while level:
        deeper: dict[tuple[int, ...], tuple[float, list[Sequence[int]]]] = {}
        for path, (share, through) in level.items():
            if path:
                yield path, share
            ways: dict[int, list[Sequence[int]]] = {}
            for chain in through:
                if len(chain) > len(path):
                    ways.setdefault(chain[len(path)], []).append(chain)
            deeper |= {(*path, at): (share / len(ways), group) for at, group in ways.items()}
        level = deeper


def times_needed(grown: Numbers, share: float, bound: Bound) -> float | None:
    """How many times as many tasks would certify one setting, if they came out as these did.

    Args:
        grown: The setting's row of `growth`.
        share: Its share of the allowed error.
        bound: What is allowed.

    Returns:
        1 where these are enough; None where no number is: they speak against the setting.
    """
    needed = bound.threshold(share)
    low, high = 0.0, 1.0
    while evidence(grown * high) < needed:
        low, high = high, high * 2
        if high > _ENOUGH:
            return None
    if high == 1.0:
        return 1.0
    while high - low > low / 1000:
        middle = (low + high) / 2
        low, high = (low, middle) if evidence(grown * middle) >= needed else (middle, high)
    return high


def tasks_needed(tasks: int, times: float) -> int:
    """Round up to whole tasks."""
    return ceil(tasks * times)
