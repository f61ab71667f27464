"""A team's scale: what is known comes back, little evidence moves little, and noise gains nothing."""

import math
import random

import pytest

from classifiers.artefact import Artefact, Number, Word, digest
from classifiers.features import Features
from classifiers.refit import AS_IT_IS, Outcome, Scale, compose, fit, gain, log_odds, probability
from classifiers.sufficiency import SufficiencyClassifier


def outcomes(truth: Scale, conversations: int, turns: int = 3, seed: int = 7) -> list[Outcome]:
    """Turns whose outcomes are drawn by `truth`."""
    drawn = random.Random(seed)
    return [
        Outcome(
            odds=(odds := drawn.uniform(-2, 2)),
            label=int(drawn.random() < probability(truth.odds(odds))),
            weight=1.0,
            group=str(conversation),
        )
        for conversation in range(conversations)
        for _ in range(turns)
    ]


@pytest.mark.parametrize(
    "truth", [Scale(intercept=1.5, slope=0.6), Scale(intercept=-1.0, slope=1.4), AS_IT_IS]
)
def test_a_known_shift_is_recovered(truth):
    scale = fit(outcomes(truth, 2_000))
    assert scale.intercept == pytest.approx(truth.intercept, abs=0.15)
    assert scale.slope == pytest.approx(truth.slope, abs=0.15)


def test_nothing_moves_nothing_and_little_moves_little():
    assert fit([]) == AS_IT_IS
    local = Outcome(odds=0.0, label=1, weight=0.2, group="1")
    moved = [fit([local] * turns).intercept for turns in (1, 10, 1_000)]
    assert moved == sorted(moved)
    assert 0 < moved[0] < 0.1
    assert moved[-1] > 1


def test_the_minimum_is_found_where_all_outcomes_agree_and_odds_are_far_out():
    scale = fit([Outcome(odds=8.0, label=0, weight=1.0, group=str(at)) for at in range(500)])
    assert probability(scale.odds(8.0)) < 0.1
    for step in (1e-3, -1e-3):
        for other in (
            Scale(intercept=scale.intercept + step, slope=scale.slope),
            Scale(intercept=scale.intercept, slope=scale.slope + step),
        ):
            assert loss(other) > loss(scale)


def loss(scale: Scale) -> float:
    """What is minimised, written another way."""
    evidence = 500 * -math.log(1 - probability(scale.odds(8.0)))
    return evidence + scale.intercept**2 / 2 + (scale.slope - 1) ** 2 / (2 * 0.5**2)


def test_a_shift_is_a_gain_on_what_was_not_seen_and_none_is_none():
    shifted = gain(outcomes(Scale(intercept=1.5, slope=0.6), 200))
    assert shifted.after < shifted.before
    assert shifted.interval[0] > 0
    assert shifted.significant
    still = [gain(outcomes(AS_IT_IS, 60, turns=1, seed=seed)).significant for seed in range(20)]
    assert sum(still) <= 2


def test_turns_of_one_conversation_never_vouch_for_each_other():
    # Each conversation has odds and an outcome of its own: only whoever saw the twin could tell.
    alike = [outcome for at in range(40) for outcome in outcomes(AS_IT_IS, 1, seed=at) * 5]
    twins = [
        Outcome(odds=outcome.odds, label=outcome.label, weight=1.0, group=str(at // 15))
        for at, outcome in enumerate(alike)
    ]
    strangers = [
        Outcome(odds=outcome.odds, label=outcome.label, weight=1.0, group=str(at))
        for at, outcome in enumerate(alike)
    ]
    assert gain(twins).after > gain(strangers).after


def test_a_composed_artefact_says_what_the_scale_says():
    start = Artefact(
        intercept=0.3,
        numbers={"rules": Number(weight=0.4, mean=-0.2), "files": Number(weight=-0.3, mean=0.5)},
        words={"function": Word(idf=1.0, weight=0.7)},
    )
    scale = Scale(intercept=0.9, slope=0.5)
    composed = compose(start, scale, {"turns": 60})
    assert composed.card == {"turns": 60}
    assert digest(composed) != digest(start)
    for features in (Features(ask="Write a function."), Features(ask="Fix it.", files=4, kind="agent")):
        before = SufficiencyClassifier(load=lambda: start).classify(features).p_local
        after = SufficiencyClassifier(load=lambda: composed).classify(features).p_local
        assert after == pytest.approx(probability(scale.odds(log_odds(before))))
        assert scale.inverse(log_odds(after)) == pytest.approx(log_odds(before))
