"""Fits a trained classifier to a team's own outcomes: two numbers, centred on what it starts from.

    odds of the start ─ Scale ▶ intercept + slope x odds ─ compose ▶ an artefact like any other

Rules that hold here:

- Two numbers only (Platt scaling): a team's evidence is small, so its order is kept and its scale moved.
- Both have a Gaussian prior around "as it is" (0 and 1). It counts as evidence of its own, so little
  evidence moves little. Its widths are judgements, not fitted.
- What is told of a fit is of conversations that it had not seen.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from classifiers.artefact import Artefact

INTERCEPT_WIDTH = 1.0
"""Standard deviation of the prior, in log-odds: as much as 0.50 is from 0.73."""
SLOPE_WIDTH = 0.5
FOLDS = 10
_STEPS = 50
_CLOSE = 1e-10
_EDGE = 1e-6
_Z = 1.96
"""Standard errors on each side of a 95% interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was said of a request, and what came of it."""

    odds: float
    """Log-odds that the local model suffices, by what the fit starts from."""
    label: int
    weight: float
    """In 0..1, of one certain outcome."""
    group: str
    """The conversation: never on both sides of a fold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """New log-odds are `intercept + slope * odds`."""

    intercept: float = 0.0
    slope: float = 1.0

    def odds(self, odds: float) -> float:
        """Bring log-odds to this scale."""
        return self.intercept + self.slope * odds

    def inverse(self, odds: float) -> float:
        """Bring log-odds of this scale back; the slope must not be 0."""
        return (odds - self.intercept) / self.slope


AS_IT_IS = Scale()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Log-loss by weight, before and after, on conversations that the fit had not seen."""

    before: float
    after: float
    error: float
    """Standard error, over conversations, of how much lower it is after."""

    @property
    def better(self) -> float:
        """How much lower it is after."""
        return self.before - self.after

    @property
    def significant(self) -> bool:
        """Whether it is better by more than its standard error: mere noise seldom is."""
        return self.better > self.error

    @property
    def interval(self) -> tuple[float, float]:
        """95%, of how much lower it is after."""
        return self.better - _Z * self.error, self.better + _Z * self.error


def fit(outcomes: Sequence[Outcome]) -> Scale:
    """The scale that is most likely, given the outcomes and the prior."""
    intercept, slope = AS_IT_IS.intercept, AS_IT_IS.slope
    for _ in range(_STEPS):
        pull, bend = 1 / INTERCEPT_WIDTH**2, 1 / SLOPE_WIDTH**2
        gradient = [pull * intercept, bend * (slope - 1)]
        curve = [pull, 0.0, bend]
        for outcome in outcomes:
            predicted = probability(intercept + slope * outcome.odds)
            off, steep = (
                outcome.weight * (predicted - outcome.label),
                outcome.weight * predicted * (1 - predicted),
            )
            gradient[0] += off
            gradient[1] += off * outcome.odds
            curve[0] += steep
            curve[1] += steep * outcome.odds
            curve[2] += steep * outcome.odds**2
        area = curve[0] * curve[2] - curve[1] ** 2
        step = (
            (curve[2] * gradient[0] - curve[1] * gradient[1]) / area,
            (curve[0] * gradient[1] - curve[1] * gradient[0]) / area,
        )
        most = max(map(abs, step))
        damped = 1 / max(most, 1.0)  # Newton's step may go astray far from the minimum
        intercept, slope = intercept - damped * step[0], slope - damped * step[1]
        if most < _CLOSE:
            break
    return Scale(intercept=intercept, slope=slope)


def gain(outcomes: Sequence[Outcome]) -> Gain:
    """How much better fits are than what they start from, in grouped cross-validation."""
    groups = sorted(
        {outcome.group for outcome in outcomes}, key=lambda group: hashlib.sha256(group.encode()).digest()
    )
    fold = {group: at % FOLDS for at, group in enumerate(groups)}
    scales = [
        fit([outcome for outcome in outcomes if fold[outcome.group] != at])
        for at in range(min(FOLDS, len(groups)))
    ]
    mass = sum(outcome.weight for outcome in outcomes)
    before = after = 0.0
    lower: dict[str, float] = dict.fromkeys(groups, 0.0)
    for outcome in outcomes:
        was = outcome.weight * cross_entropy(outcome, AS_IT_IS)
        now = outcome.weight * cross_entropy(outcome, scales[fold[outcome.group]])
        before, after = before + was / mass, after + now / mass
        lower[outcome.group] += (was - now) / mass
    mean = sum(lower.values()) / len(groups)
    squares = sum((value - mean) ** 2 for value in lower.values())
    error = math.sqrt(squares * len(groups) / max(len(groups) - 1, 1))
    return Gain(before=before, after=after, error=error)


def cross_entropy(outcome: Outcome, scale: Scale) -> float:
    """How far off what is said of it is, in nats."""
    predicted = min(max(probability(scale.odds(outcome.odds)), _EDGE), 1 - _EDGE)
    return -math.log(predicted if outcome.label else 1 - predicted)


def compose(artefact: Artefact, scale: Scale, card: Mapping[str, Any]) -> Artefact:
    """The numbers of `artefact` on another scale."""
    return Artefact(
        intercept=scale.odds(artefact.intercept),
        numbers={
            name: replace(number, weight=scale.slope * number.weight)
            for name, number in artefact.numbers.items()
        },
        words={
            name: replace(word, weight=scale.slope * word.weight) for name, word in artefact.words.items()
        },
        card=card,
    )


def log_odds(p: float) -> float:
    """Of a probability; its ends are cut off."""
    p = min(max(p, _EDGE), 1 - _EDGE)
    return math.log(p / (1 - p))


def probability(odds: float) -> float:
    """Of log-odds of any size."""
    return 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1 + math.exp(odds))
