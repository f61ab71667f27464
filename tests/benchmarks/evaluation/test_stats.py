"""The statistics, held to worlds whose truth is known. No figure here is of a real model."""

import numpy as np
import pytest
from scipy import stats as distributions

from benchmarks.evaluation.baselines import outcomes
from benchmarks.evaluation.stats import (
    CORNERS,
    auc,
    detectable,
    interval,
    mcnemar,
    ratio,
    resample,
    sign_flip,
    wilson,
)
from benchmarks.evaluation.suites.recorded import load_suite

SIMULATIONS = 1_000


def rates(rng, size):
    """Pass rates near 0.9 of two systems, most of them 1: (local, cloud)."""
    return np.where(rng.random((*size, 2)) < 0.7, 1.0, rng.beta(2, 1.5, (*size, 2)))


def tails(rng, size):
    """Nearly always alike, and far apart on a few tasks: (local, cloud)."""
    cloud = np.where(rng.random(size) < 0.08, 0.0, 1.0)
    local = np.clip(cloud - np.where(rng.random(size) < 0.3, rng.exponential(0.1, size), 0), 0, 1)
    swapped = rng.random(size) < 0.08
    return np.stack([np.where(swapped, 1 - cloud, local), cloud], axis=-1)


def recorded(suite, local=None):
    """Tasks drawn from those of a suite: their recorded outcomes as the whole world."""
    world = outcomes(load_suite(suite, local=local))
    return lambda rng, size: world[rng.integers(0, len(world), size)]


SHAPES = {
    "rates, 29": (lambda: rates, 29),
    "HumanEval, 29": (lambda: recorded("humaneval"), 29),
    "HumanEval with a small model, 29": (lambda: recorded("humaneval", "Qwen/Qwen2.5-7B-Instruct"), 29),
    "MBPP, 29": (lambda: recorded("mbpp"), 29),
    "SWE-bench Verified, 500": (lambda: recorded("swebench"), 500),
}


def coverage(draw, tasks, worlds, resamples, *, corners=CORNERS):
    """Share of worlds in which the interval of local / cloud holds the truth."""
    rng = np.random.default_rng(7)
    local, cloud = draw(rng, (400_000,)).mean(axis=0)
    covered = 0
    for _ in range(worlds):
        figures = resample(draw(rng, (tasks,)), rng, resamples=resamples, corners=corners)
        bounds = interval(ratio(figures[:, 0], figures[:, 1]))
        covered += bounds.low <= local / cloud <= bounds.high
    return covered / worlds


@pytest.mark.parametrize(
    ("worlds", "resamples", "low", "high"),
    [
        pytest.param(200, 500, 0.89, 0.995, id="200 worlds"),
        pytest.param(SIMULATIONS, 2_000, 0.93, 0.97, id="1000 worlds", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_intervals_cover_the_truth(shape, worlds, resamples, low, high):
    draw, tasks = SHAPES[shape]
    assert low <= coverage(draw(), tasks, worlds, resamples) <= high


def test_without_the_task_that_is_thought_of_intervals_are_too_narrow():
    draw = recorded("humaneval")
    assert coverage(draw, 29, 300, 500, corners=None) < 0.91


def test_the_known_limit_that_hangs_on_one_task_in_twelve():
    assert 0.86 < coverage(tails, 29, 300, 500) < 0.935


@pytest.mark.parametrize(
    ("worlds", "low", "high"),
    [
        pytest.param(SIMULATIONS, 0.76, 0.84, id="1000 worlds"),
    ],
)
def test_mcnemar_finds_the_smallest_detectable_effect_in_four_of_five_samples(worlds, low, high):
    # 23% of 500 tasks differ. The exact test is a little more careful than the normal one that the
    # smallest difference is reckoned with.
    rng = np.random.default_rng(5)
    share = 0.232
    tasks = 500
    effect = detectable(one_of_each(share, 0.0, rng, 200_000)[:tasks])
    detected = 0
    for _ in range(worlds):
        differences = one_of_each(share, effect, rng, tasks)
        detected += mcnemar((differences > 0) * 1.0, (differences < 0) * 1.0) < 0.05
    assert low - 0.04 <= detected / worlds <= high + 0.04


def one_of_each(share, effect, rng, size):
    """Differences of 0 and 1: `share` of the tasks differ, with the mean `effect`."""
    up = (share + effect) / 2
    return rng.choice([1.0, -1.0, 0.0], p=[up, share - up, 1 - share], size=size)


@pytest.mark.parametrize(("effect", "low", "high"), [(0.0, 0.03, 0.07), (1.0, 0.76, 0.84)])
def test_sign_flips_find_the_stated_share_of_effects_and_raise_few_false_alarms(effect, low, high):
    rng = np.random.default_rng(3)
    spread, tasks = 0.3, 29
    shape = rng.standard_normal(200_000)[:tasks]
    least = detectable(spread * (shape - shape.mean()) / shape.std(ddof=1))
    detected = sum(
        sign_flip(rng.normal(effect * least, spread, tasks), rng, resamples=1_000) <= 0.05
        for _ in range(SIMULATIONS)
    )
    assert low <= detected / SIMULATIONS <= high


def test_mcnemar_is_the_binomial_test_of_the_tasks_that_differ():
    first = np.array([1, 1, 1, 0, 0, 1.0])
    other = np.array([0, 0, 1, 0, 1, 0.0])
    assert mcnemar(first, other) == pytest.approx(distributions.binomtest(3, 4).pvalue)
    assert mcnemar(first, first) == 1.0


def test_sign_flips_of_zeros_and_ones_are_mcnemars_test():
    differences = np.array([1.0] * 16 + [-1.0] * 5 + [0.0] * 200)
    exact = mcnemar((differences > 0) * 1.0, (differences < 0) * 1.0)
    assert sign_flip(differences, np.random.default_rng(0), resamples=100_000) == pytest.approx(
        exact, abs=0.004
    )
    assert sign_flip(np.zeros(9), np.random.default_rng(0)) == 1.0


def test_detectable_is_what_tables_of_power_say():
    # A paired t test with a standard deviation of 1: 34 pairs find an effect of 0.5 in 80% of samples.
    differences = np.random.default_rng(0).standard_normal(34)
    differences = (differences - differences.mean()) / differences.std(ddof=1)
    assert detectable(differences) == pytest.approx(0.5, abs=0.005)
    assert np.isnan(detectable(np.array([0.3])))


def test_the_point_is_the_sample_and_the_resamples_keep_the_pairing():
    rng = np.random.default_rng(1)
    columns = rng.random((40, 1)) @ np.array([[1.0, 2.0]])
    figures = resample(columns, rng, resamples=300)
    assert figures[0] == pytest.approx(columns.mean(axis=0))
    assert figures[:, 1] == pytest.approx(2 * figures[:, 0])
    assert figures[1:, 0].std() == pytest.approx(columns[:, 0].std() / np.sqrt(40), rel=0.2)


def test_a_large_sample_is_drawn_in_parts():
    figures = resample(np.ones((900_000, 1)), np.random.default_rng(0), resamples=6)
    assert figures.tolist() == [[1.0]] * 7


def test_the_same_seed_gives_the_same_figures():
    columns = np.random.default_rng(0).random((29, 2))
    first, other = (resample(columns, np.random.default_rng(4), resamples=50) for _ in range(2))
    assert (first == other).all()


def test_what_has_no_value_is_nan():
    assert np.isnan(interval(np.full(11, np.nan)).point)
    assert ratio(np.array([1.0, 1.0]), np.array([0.0, 2.0]))[1] == 0.5
    with pytest.raises(ValueError, match="no task"):
        resample(np.empty((0, 2)), np.random.default_rng(0))


@pytest.mark.parametrize(("passed", "n"), [(0, 164), (9, 164), (164, 164), (1, 3)])
def test_the_interval_is_wilsons(passed, n):
    expected = distributions.binomtest(passed, n).proportion_ci(method="wilson")
    assert wilson(passed / n, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


AUCS = [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([1, 1], [1, 1], 0.5), ([1, 3], [2, 3], 0.625)]


@pytest.mark.parametrize(("low", "high", "share"), AUCS)
def test_auc_is_the_chance_to_lie_above(low, high, share):
    assert auc(low, high) == share
