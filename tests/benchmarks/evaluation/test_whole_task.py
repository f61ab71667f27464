"""What a whole task comes to, by arithmetic that can be done by hand, and by its edges."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.evaluation.cases import Case, Effort, Suite, System
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.runs import Runs
from benchmarks.evaluation.whole_task import MEASURES, Start, WholeTasks
from classifiers.features import Features
from classifiers.verdict import Verdict
from router.billing.prices import Prices

RUNS = Runs(passed=(10.0, 20.0), failed=(40.0, 40.0), mean=25.0, share=0.6, first=100.0, grows=10.0)
CLOUD = Effort(calls=10, prompt=4000, last_prompt=800, output=300, measured=True)
LOCAL = Effort(calls=25, prompt=5000, last_prompt=340, output=100, measured=False)
ONCE = Effort(calls=1, prompt=1000, last_prompt=1000, output=500, measured=True)
RATES = Rates(model="claude-sonnet-4-5", prices=Prices(), local_usd_per_mtok=1.0)
# Of Claude Sonnet 4.5, US dollars a token.
INPUT, OUTPUT, READ, WRITE = 3e-6, 15e-6, 0.3e-6, 3.75e-6
CLOUD_USD = (4000 - 800) * READ + 800 * WRITE + 300 * OUTPUT


def case(local, cloud, *, effort=LOCAL, cloud_effort=CLOUD):
    return Case(
        id="task",
        suite="mine",
        group="one",
        features=Features(),
        judged=Verdict(p_local=0.4, kind="unknown", why=""),
        local=local,
        cloud=cloud,
        local_effort=effort,
        cloud_effort=cloud_effort,
    )


def whole(*cases, **options):
    suite = Suite(
        name="mine",
        title="mine",
        client="bare",
        local=System(name="l", model="l", runs="local"),
        cloud=System(name="c", model="c", runs="cloud"),
        cases=cases,
        notes=(),
        sources={},
    )
    return WholeTasks(suite=suite, rates=RATES, runs=RUNS, resamples=50, **options)


def test_quality_of_runs_that_are_handed_over():
    tasks = whole(case(1.0, 1.0), case(1.0, 0.0), case(0.0, 1.0), case(0.0, 0.0))
    assert tasks.quality(10, (0.5, 1.0)).tolist() == [1.0, 0.5, 1.0, 0.0]
    assert tasks.quality(10, (1.0, 1.0)).tolist() == tasks.cloud.tolist()
    assert tasks.quality(None).tolist() == tasks.local.tolist()
    assert tasks.expected("quality", 10).tolist() == [1.0, 0.5, 1.0, 0.0]


def test_failed_local_work_and_the_conversation_handed_over_are_charged():
    tasks = whole(case(0.0, 1.0))
    handed = 100 + 29 * 10
    local = (340 + 100) * 1e-6 * 30 / 25
    with_conversation = (4000 - 800 + 9 * handed) * READ + (800 + handed) * WRITE + 300 * OUTPUT
    assert tasks.expected("usd", 30)[0] == pytest.approx(local + with_conversation)
    assert tasks.expected("usd_begun_anew", 30)[0] == pytest.approx(local + CLOUD_USD)
    assert tasks.expected("local_calls", 30)[0] == tasks.expected("wasted_calls", 30)[0] == 30
    assert tasks.expected("cloud_calls", 30)[0] == 10
    assert tasks.expected("handed_over", 30)[0] == 1


def test_a_run_that_ends_wrong_by_itself_is_waste_and_stays_wrong():
    tasks = whole(case(0.0, 1.0))
    assert tasks.expected("quality", 40)[0] == tasks.expected("handed_over", 40)[0] == 0
    assert tasks.expected("wasted_calls", 40)[0] == tasks.expected("local_calls", 40)[0] == 40


def test_a_limit_that_no_run_reaches_is_no_limit():
    tasks = whole(case(1.0, 1.0), case(0.25, 0.5), case(None, 1.0))
    for measure in MEASURES:
        far, never = tasks.expected(measure, 1000), tasks.expected(measure, None)
        assert far == pytest.approx(never, nan_ok=True), measure


def test_a_task_of_one_call_is_never_handed_over():
    tasks = whole(case(1.0, 1.0, effort=ONCE, cloud_effort=ONCE))
    assert tasks.expected("usd", 1)[0] == pytest.approx(1500e-6)
    assert tasks.expected("handed_over", 1)[0] == 0
    assert tasks.usd_cloud[0] == pytest.approx(1000 * INPUT + 500 * OUTPUT)


def test_measured_calls_decide_for_each_task():
    short, long = (replace(LOCAL, calls=calls, measured=True) for calls in (8, 20))
    tasks = whole(case(0.0, 1.0, effort=short), case(0.0, 1.0, effort=long))
    assert tasks.expected("handed_over", 10).tolist() == [0, 1]
    assert tasks.expected("quality", 10).tolist() == [0, 1]
    assert tasks.expected("local_calls", 10).tolist() == [8, 10]
    half = 340 / 2
    handed = (4000 - 800 + 9 * half) * READ + (800 + half) * WRITE + 300 * OUTPUT
    assert tasks.expected("usd", 10) == pytest.approx([440e-6, 440e-6 / 2 + handed])


def test_what_was_paid_goes_before_tokens_on_both_tracks():
    paid = case(1.0, 1.0, effort=replace(LOCAL, usd=0.5), cloud_effort=replace(CLOUD, usd=2.0))
    tasks = whole(paid)
    assert tasks.usd_cloud.tolist() == [2.0]
    assert tasks.expected("usd", None)[0] == pytest.approx(0.5)
    # Half of the runs that pass take 20 calls, of which 15 are made; the others end after 10.
    handed = 9 * 240 * READ + 240 * WRITE
    assert tasks.expected("usd", 15)[0] == pytest.approx(0.5 * 12.5 / 15 + 0.5 * (2.0 + handed))


def test_figures_are_what_is_expected_and_both_ends_are_the_two_systems():
    tasks = whole(*(case(float(at % 2), float(at % 5 > 0)) for at in range(50)))
    everything = np.ones(50, dtype=bool)
    cloud, local, cascade = tasks.figures(
        [Start(local=~everything), Start(local=everything), Start(local=everything, limit=15)], MEASURES
    )
    assert (cloud["quality"][0], local["quality"][0]) == (pytest.approx(0.8), pytest.approx(0.5))
    assert cloud["usd"][0] == pytest.approx(CLOUD_USD)
    assert (cloud["local_share"][0], local["local_share"][0]) == (0, 1)
    for measure in MEASURES:
        assert cascade[measure][0] == pytest.approx(tasks.expected(measure, 15).mean()), measure
        low, high = np.quantile(cascade[measure], (0.025, 0.975))
        assert low <= cascade[measure][0] <= high or measure == "local_share"


def test_the_same_seed_draws_the_same_whatever_else_is_drawn():
    cases = [case(float(at % 2), float(at % 5 > 0)) for at in range(30)]
    start = Start(local=np.arange(30) < 20, limit=15)
    alone = whole(*cases).figures([start], ("quality",))[0]["quality"]
    among = whole(*cases).figures([Start(local=np.arange(30) < 3), start], ("usd", "quality"))[1]["quality"]
    assert alone == pytest.approx(among, abs=1e-12)
    other = whole(*cases, seed=1).figures([start], ("quality",))[0]["quality"]
    assert alone[1:] != pytest.approx(other[1:])
