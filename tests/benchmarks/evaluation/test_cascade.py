"""Local first, cloud after N calls: by arithmetic that can be done by hand, and by its edges."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.evaluation.cascade import (
    Runs,
    Tariff,
    evaluate,
    expected_usd,
    from_facts,
    local_runs,
    quality,
    tariff,
)
from benchmarks.evaluation.cases import Case, Effort
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.suites.facts import read
from classifiers.features import Features
from classifiers.verdict import Verdict
from router.billing.prices import Prices

RUNS = Runs(
    passed=(10.0, 20.0), failed=(40.0, 40.0), mean=25.0, share=0.6, first=100.0, grows=10.0, output=5.0
)
CLOUD = Effort(calls=10, prompt=4000, last_prompt=800, output=300, measured=True)
FREE, DEAR = Tariff(), Tariff(prompt=1e-6, last_prompt=3e-6, output=10e-6)


def case(local, cloud, at=0):
    return Case(
        id=f"task-{at}",
        suite="swebench",
        group="one/repository",
        features=Features(),
        judged=Verdict(p_local=0.4, kind="unknown", why=""),
        local=local,
        cloud=cloud,
        local_effort=replace(CLOUD, calls=25),
        cloud_effort=CLOUD,
    )


MIXED = [case(float(at % 2), float(at % 5 > 0), at) for at in range(50)]


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


def test_quality_by_hand():
    local, cloud = np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])
    assert quality(local, cloud, (0.5, 1.0)).tolist() == [1.0, 0.5, 1.0, 0.0]
    assert quality(local, cloud, (1.0, 1.0)).tolist() == cloud.tolist()
    assert quality(local, cloud, (0.0, 0.0)).tolist() == local.tolist()


def test_the_first_and_the_last_row_are_the_two_systems():
    never, always, _ = evaluate(MIXED, RUNS, [None, 0, 10], local=FREE, cloud=DEAR, draws=50)
    assert never.quality.point == pytest.approx(0.5)
    assert never.usd.point == never.moved.point == never.cloud_calls.point == 0
    assert never.saved.point == 1
    assert always.quality.point == pytest.approx(0.8)
    assert always.kept.point == 1
    assert always.local_calls.point == 0
    assert always.usd.point == pytest.approx(4000e-6 + 3 * 800e-6 + 10 * 300e-6)
    assert always.saved.point == pytest.approx(0)


def test_failed_local_work_and_the_conversation_handed_over_are_charged():
    (row,) = evaluate([case(0.0, 1.0)] * 4, RUNS, [30], local=DEAR, cloud=DEAR, draws=20)
    last = 100 + 29 * 10
    own = 30 * (100 + last) / 2 * 1e-6 + last * 3e-6 + 30 * 5 * 10e-6
    cloud = (4000 + 10 * last) * 1e-6 + (800 + last) * 3e-6 + 300 * 10e-6
    assert row.quality.point == row.moved.point == 1
    assert row.local_calls.point == row.wasted_calls.point == 30
    assert row.cloud_calls.point == 10
    assert row.usd.point == pytest.approx(own + cloud)
    assert row.saved.point < 0
    assert row.saved.point < row.saved_anew.point
    assert expected_usd(RUNS, 30, CLOUD, local=DEAR, cloud=DEAR)[1] == pytest.approx(own + cloud)


def test_a_run_that_ends_wrong_by_itself_is_waste_and_stays_wrong():
    (row,) = evaluate([case(0.0, 1.0)] * 4, RUNS, [40], local=FREE, cloud=DEAR, draws=20)
    assert row.quality.point == row.moved.point == 0
    assert row.wasted_calls.point == row.local_calls.point == 40


def test_intervals_hold_the_figure_and_widen_with_fewer_runs():
    passed = [*RUNS.passed * 20], [*RUNS.failed * 20]
    many = replace(RUNS, passed=tuple(passed[0]), failed=tuple(passed[1]))
    few, more = (
        evaluate(MIXED, runs, [15], local=FREE, cloud=DEAR, draws=400)[0].moved for runs in (RUNS, many)
    )
    for rows in (few, more):
        assert rows.low <= rows.point <= rows.high
    assert few.high - few.low > more.high - more.low


def test_draws_can_be_repeated():
    first, same, other = (
        evaluate(MIXED, RUNS, [15], local=FREE, cloud=DEAR, draws=60, seed=seed) for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other


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


def test_a_charge_is_taken_apart():
    rates = Rates(model="claude-sonnet-4-5", prices=Prices(), local_usd_per_mtok=0.5)
    for charge in (rates.cloud, rates.local):
        apart = tariff(charge)
        total = (
            apart.prompt * CLOUD.prompt + apart.last_prompt * CLOUD.last_prompt + apart.output * CLOUD.output
        )
        assert total == pytest.approx(charge(CLOUD))


def test_nothing_can_be_said_without_outcomes():
    with pytest.raises(ValueError, match="no task has both"):
        evaluate([case(None, 1.0)], RUNS, [1], local=FREE, cloud=DEAR)
