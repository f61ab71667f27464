"""How many calls a local agent's run takes: recorded runs, scaled, and the bands they leave open."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.evaluation.runs import Runs, from_facts, local_runs
from benchmarks.evaluation.suites.facts import read

RUNS = Runs(passed=(10.0, 20.0), failed=(40.0, 40.0), mean=25.0, share=0.6, first=100.0, grows=10.0)


def test_the_recorded_runs_are_scaled_to_the_published_mean():
    runs = local_runs()
    assert (len(runs.passed), len(runs.failed)) == (37, 22)
    mean = runs.scale * (runs.share * np.mean(runs.passed) + (1 - runs.share) * np.mean(runs.failed))
    assert mean == pytest.approx(87)
    assert from_facts(read("runs.csv").rows, mean=40, share=0.5).mean == 40


@pytest.mark.parametrize(
    ("limit", "moved"), [(0, (1, 1)), (9.9, (1, 1)), (10, (0.5, 1)), (20, (0, 1)), (39, (0, 1)), (40, (0, 0))]
)
def test_a_run_is_moved_where_it_is_not_done_after_so_many_calls(limit, moved):
    assert RUNS.scale == 1
    assert RUNS.moved(limit) == moved
    passed, failed = RUNS.ends(limit, 10, np.random.default_rng(0))
    assert (passed.moved[0], failed.moved[0]) == moved


def test_calls_are_cut_at_the_limit_and_whole_without_one():
    passed, failed = RUNS.ends(15, 0, np.random.default_rng(0))
    assert (passed.calls[0], failed.calls[0]) == (12.5, 15)
    assert (passed.length[0], failed.length[0]) == (15, 40)
    passed, failed = RUNS.ends(None, 0, np.random.default_rng(0))
    assert (passed.moved[0], passed.calls[0], failed.calls[0]) == (0, 15, 40)


def test_more_recorded_runs_scatter_less():
    many = replace(RUNS, passed=RUNS.passed * 20, failed=RUNS.failed * 20)
    few, more = (runs.ends(15, 400, np.random.default_rng(0))[0].moved.std() for runs in (RUNS, many))
    assert few > 2 * more


def test_the_cautious_shares_harm_more():
    for limit in (5, 15, 25, 50):
        (passed, failed), (more, fewer) = RUNS.moved(limit), RUNS.cautious(limit, 0.05)
        assert more >= passed
        assert fewer <= failed


def test_bands_hold_for_all_limits_at_once():
    dice, error, broken = np.random.default_rng(0), 0.1, 0
    for _ in range(500):
        drawn = replace(RUNS, passed=tuple(dice.exponential(10, 37)), failed=tuple(dice.exponential(20, 22)))
        true = replace(
            drawn, mean=drawn.share * np.mean(drawn.passed) + (1 - drawn.share) * np.mean(drawn.failed)
        )
        broken += any(true.cautious(limit, error)[0] < np.exp(-limit / 10) for limit in range(1, 60))
    assert broken <= error * 500
