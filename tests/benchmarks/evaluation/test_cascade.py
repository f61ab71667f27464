"""Local first, cloud after N calls: the rows, and what they are held to."""

from dataclasses import replace

import pytest

from benchmarks.evaluation.cascade import evaluate
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.runs import local_runs
from benchmarks.evaluation.suites.recorded import load_suite
from benchmarks.evaluation.whole_task import WholeTasks
from router.billing.prices import Prices


@pytest.fixture(scope="module")
def tasks():
    rates = Rates(model="claude-sonnet-4-5", prices=Prices())
    return WholeTasks(suite=load_suite("swebench"), rates=rates, runs=local_runs(), resamples=300)


def test_the_first_and_the_last_row_are_the_two_systems(tasks):
    cloud, never = evaluate(tasks, [0, None])
    assert (cloud.quality.point, never.quality.point) == (352 / 500, 258 / 500)
    assert (cloud.kept.point, cloud.saved.point, cloud.local_calls.point, cloud.moved.point) == (1, 0, 0, 0)
    assert (never.usd.point, never.cloud_calls.point, never.moved.point, never.saved.point) == (0, 0, 0, 1)


def test_a_later_hand_over_moves_less_keeps_less_and_costs_less(tasks):
    rows = evaluate(tasks, [40, 60, 80, 100, 120])
    for name in ("moved", "kept", "usd"):
        points = [getattr(row, name).point for row in rows]
        assert points == sorted(points, reverse=True), name
    for row in rows:
        assert row.saved.point <= row.saved_anew.point
        assert row.wasted_calls.point <= row.local_calls.point
        for figure in (row.quality, row.kept, row.moved, row.usd, row.saved):
            assert figure.low <= figure.point <= figure.high


def test_nothing_can_be_said_without_outcomes(tasks):
    suite = tasks.suite
    unknown = replace(suite, cases=tuple(replace(case, local=None) for case in suite.cases[:3]))
    with pytest.raises(ValueError, match="no task has both"):
        evaluate(WholeTasks(suite=unknown, rates=tasks.rates, runs=tasks.runs), [1])
