"""The check on the recorded suites, and on small ones whose figures can be reckoned by hand."""

import json
import math
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from junitparser import JUnitXml

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation import baselines
from benchmarks.evaluation.baselines import CLOUD, LOCAL, ORACLE, POLICY, RANDOM
from benchmarks.evaluation.cases import SUITES
from benchmarks.evaluation.check import export as check_export
from benchmarks.evaluation.check import report as check_report
from benchmarks.evaluation.check.curve import curve
from benchmarks.evaluation.check.decisions import load as decisions
from benchmarks.evaluation.check.measure import check, data_digest, figures, measure
from benchmarks.evaluation.check.result import POOL, Options
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.runs import local_runs
from benchmarks.evaluation.suites.recorded import load_suite
from benchmarks.evaluation.verdicts import with_verdicts
from benchmarks.evaluation.whole_task import WholeTasks
from classifiers.choose import CLASSIFIERS, DEFAULT
from policies.load import SHIPPED, load, parse
from policies.proof import Serving, digest, read, state
from router.billing.prices import Prices
from router.features.fingerprint import reading_digest

SCHEMA = json.loads((Path(check_export.__file__).parent / "check.schema.json").read_text())
RATES = Rates(model="claude-sonnet-4-5", prices=Prices())
QUICK = Options(resamples=300)
SERVING = Serving(classifier=CLASSIFIERS[DEFAULT]().name, reading=reading_digest())


@pytest.fixture(scope="module")
def suites():
    return {name: with_verdicts(load_suite(name)) for name in SUITES}


@pytest.fixture(scope="module")
def balanced():
    return check(load("balanced"))


def small(suites, outcomes):
    """The first tasks of SWE-bench Verified with outcomes of one's own choice."""
    cases = suites["swebench"].cases[: len(outcomes)]
    return replace(
        suites["swebench"],
        cases=tuple(
            replace(case, local=local, cloud=cloud)
            for case, (local, cloud) in zip(cases, outcomes, strict=True)
        ),
    )


def whole(suite):
    return WholeTasks(suite=suite, rates=RATES, runs=local_runs(), resamples=200)


def with_bars(name, bars):
    text = (Path(check_export.__file__).parents[3] / "policies" / f"{name}.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("check:")]
    return parse("\n".join([*lines, f"check: {bars}"]), source=f"{name}.yaml")


def part(result, name):
    return next(item for item in result.parts if item.name == name)


def row(result, name, router):
    return next(item for item in part(result, name).standings if item.router == router)


def test_published_totals_are_in_the_table(balanced):
    assert row(balanced, "swebench", LOCAL).quality.point == pytest.approx(258 / 500)
    assert row(balanced, "swebench", CLOUD).quality.point == pytest.approx(352 / 500)
    assert row(balanced, "swebench", ORACLE).quality.point == pytest.approx((247 + 11 + 105) / 500)
    assert part(balanced, "swebench").contested.tasks == 11 + 105
    assert (part(balanced, "humaneval").outcomes, part(balanced, "humaneval").tasks) == (29, 164)


def test_balanced_passes_and_says_what_its_bars_came_to(balanced):
    assert balanced.passed
    assert {bar.metric for bar in balanced.bars} == {
        "quality_kept",
        "swebench_local_share",
        "humaneval_local_share",
        "everyday_right",
        "everyday_repository_cloud",
    }
    assert all(bar.held and bar.words.startswith(f"{bar.metric} is ") for bar in balanced.bars)
    assert check_report.summary(balanced) == "balanced passed: all 5 bars hold."


def test_intervals_hold_their_points_and_pgr_is_left_out_where_it_means_nothing(balanced):
    for item in balanced.parts:
        for standing in item.standings:
            for figure in (
                standing.local_share,
                standing.quality,
                standing.quality_kept,
                standing.usd_per_task,
            ):
                assert figure.low <= figure.point <= figure.high
    assert math.isnan(row(balanced, "humaneval", POLICY).pgr.point)
    assert row(balanced, "swebench", LOCAL).pgr.point == 0
    assert row(balanced, "swebench", CLOUD).pgr.point == 1
    # The few that it starts local are handed over after 40 calls, which no recorded run is done with.
    assert row(balanced, "swebench", POLICY).pgr.point == 1


def test_labelled_asks_are_counted_by_hand(suites):
    """The first asks of each label, of which a policy keeps all: half of them rightly."""
    cases = suites["everyday"].cases
    asks = [case for label in ("self-contained", "repository") for case in cases if case.label == label]
    chosen = {case.id for case in (*asks[:10], *asks[-30:])} | {case.id for case in cases if not case.label}
    few = replace(suites["everyday"], cases=tuple(case for case in cases if case.id in chosen))
    everywhere = parse("name: stay\notherwise: {to: local, why: stays}\n", source="stay.yaml")
    labelled = part(
        measure(everywhere, suites | {"everyday": few}, QUICK, {}, started=0), "everyday"
    ).labelled
    assert (labelled.self_contained, labelled.repository) == (10, 30)
    assert (labelled.right.point, labelled.self_contained_local.point, labelled.repository_cloud.point) == (
        0.25,
        1,
        0,
    )
    assert (round(labelled.right.low, 3), round(labelled.right.high, 3)) == (0.142, 0.402)


def test_every_policy_has_a_row_for_everyday_asks_and_no_other_suite_has_labels(balanced):
    assert [item.name for item in balanced.parts if item.labelled] == ["everyday"]
    labelled = part(balanced, "everyday").labelled
    assert (labelled.self_contained, labelled.repository) == (160, 160)
    mean = (labelled.self_contained_local.point + labelled.repository_cloud.point) / 2
    assert labelled.right.point == pytest.approx(mean)
    assert "Decided as labelled: " in check_report.markdown(balanced)


def test_a_bar_holds_everyday_asks(suites):
    bars = '{everyday_right: ">= 0.99", everyday_repository_cloud_low: ">= 0.5"}'
    result = measure(with_bars("balanced", bars), suites, QUICK, {}, started=0)
    right, cloud = result.bars
    assert (right.held, cloud.held) == (False, True)
    assert right.value == part(result, "everyday").labelled.right.point
    assert cloud.value == part(result, "everyday").labelled.repository_cloud.low


def test_the_pool_is_the_mix_of_its_suites(balanced):
    halves = [row(balanced, name, POLICY) for name in ("humaneval", "swebench")]
    pool = row(balanced, POOL, POLICY)
    assert pool.quality.point == pytest.approx(sum(half.quality.point for half in halves) / 2)
    assert pool.usd_per_task.point == pytest.approx(sum(half.usd_per_task.point for half in halves) / 2)


def test_another_mix(suites):
    mixed = measure(
        load("balanced"), suites, replace(QUICK, mix={"humaneval": 0.7, "swebench": 0.3}), {}, started=0
    )
    assert row(mixed, POOL, CLOUD).quality.point == pytest.approx(
        0.7 * row(mixed, "humaneval", CLOUD).quality.point + 0.3 * 352 / 500
    )
    assert part(mixed, POOL).title == "Mixed traffic: 70% HumanEval + 30% SWE-bench Verified (share of tasks)"


def test_local_first_falls_over_a_bar_on_swebench_and_says_why(suites):
    policy = with_bars("local-first", '{swebench_local_share: "<= 0.05", humaneval_local_share: ">= 0.99"}')
    result = measure(policy, suites, QUICK, {}, started=0)
    assert not result.passed
    assert check_report.summary(result) == (
        "local-first fell: swebench_local_share is 1, the bar is <= 0.05."
    )


def test_a_low_bar_is_held_to_the_interval(suites, balanced):
    policy = with_bars("balanced", '{quality_kept: ">= 0.98", quality_kept_low: ">= 0.98"}')
    result = measure(policy, suites, QUICK, {}, started=0)
    point, low = result.bars
    assert (point.held, low.held) == (True, False)
    assert low.value == row(result, POOL, POLICY).quality_kept.low
    assert figures(balanced)["quality_kept"].low < 0.98


def test_a_wider_confidence_makes_a_wider_interval(suites):
    narrow, wide = (
        row(
            measure(with_bars("balanced", f"{{ci: {ci}}}"), suites, QUICK, {}, started=0), POOL, POLICY
        ).quality
        for ci in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_bar_on_what_has_no_value_falls(suites):
    result = measure(with_bars("balanced", '{humaneval_pgr: ">= 0"}'), suites, QUICK, {}, started=0)
    assert result.bars[0].words == (
        "humaneval_pgr has no value: the two systems cannot be told apart, the bar is >= 0"
    )
    assert not result.passed


@pytest.mark.parametrize(
    ("outcomes", "why"),
    [([(1, 0), (0, 0)], "always-cloud passes none of the tasks"), ([(None, None)], "no task has outcomes")],
)
def test_a_bar_on_a_quality_without_a_value_says_why(suites, outcomes, why):
    held = with_bars("balanced", '{swebench_quality_kept: ">= 0.9", swebench_quality_kept_low: ">= 0.5"}')
    few = {"swebench": small(suites, outcomes)}
    result = measure(held, few, replace(QUICK, mix={"swebench": 1.0}), {}, started=0)
    assert not any(bar.held for bar in result.bars)
    assert all(f"has no value: {why}" in bar.words for bar in result.bars)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_pass_and_their_proofs_are_of_these_files(suites, name):
    policy = load(name)
    result = measure(policy, suites, QUICK, {}, started=0)
    assert result.bars
    assert result.passed, check_report.summary(result)
    proof = read(name)
    assert proof is not None
    assert state(name, policy, SERVING).proven
    assert (proof.digest, proof.data) == (digest(policy), data_digest(suites))
    shares = {name: figure.point for name, figure in figures(result).items() if figure.point == figure.point}
    assert {metric: figure.point for metric, figure in proof.figures.items() if figure.point is not None} == (
        pytest.approx(shares, abs=1e-3)
    )


def test_figures_that_can_be_reckoned_by_hand(suites):
    suite = small(suites, [(1, 1), (1, 0), (0, 1), (0, 0)])
    routers = {POLICY: np.array([True, True, False, False])}
    measured = baselines.sample(whole(suite), routers, {})
    rows = baselines.standings(measured)
    assert {name: figures.quality[0] for name, figures in rows.items()} == {
        "policy": 0.75,
        "always-local": 0.5,
        "always-cloud": 0.5,
        "best-single": 0.5,
        "random": 0.5,
        "oracle": 0.75,
    }
    assert rows[RANDOM].share[0] == 0.5
    assert rows[ORACLE].share[0] == 0.75
    assert baselines.saving(rows[POLICY], rows[CLOUD])[0] == pytest.approx(0.5)
    assert baselines.quality_kept(rows[POLICY], rows[CLOUD])[0] == 1.5


def test_a_policy_that_is_the_cloud_keeps_exactly_its_quality(suites):
    suite = small(suites, [(1, 1), (0, 1), (1, 0), (0, 0)] * 5)
    measured = baselines.sample(whole(suite), {POLICY: np.zeros(20, dtype=bool)}, {POLICY: 40})
    assert (baselines.quality_kept(measured[POLICY], measured[CLOUD]) == 1).all()


def test_what_a_ranking_is_worth(suites):
    suite = {"swebench": small(suites, [(0, 1)] * 5 + [(1, 1)] * 5)}
    rng = np.random.default_rng(0)
    knows = {"swebench": np.array([0.1] * 5 + [0.9] * 5)}
    perfect = curve(suite, knows, {"swebench": 1.0}, rng, resamples=5)
    assert perfect.apgr[0] == pytest.approx(0.75)
    assert perfect.cpt(0.5)[0] == pytest.approx(0.25)
    alike = curve(suite, {"swebench": np.full(10, 0.4)}, {"swebench": 1.0}, rng, resamples=5)
    assert alike.apgr[0] == pytest.approx(0.5)
    assert alike.cpt(0.8)[0] == pytest.approx(0.8)


def test_without_outcomes_of_both_the_track_is_known_and_quality_is_not(suites):
    suite = small(suites, [(1, None), (None, 0)])
    result = measure(
        with_bars("balanced", '{swebench_quality_kept: ">= 0.1", swebench_local_share: "<= 0.1"}'),
        {"swebench": suite},
        replace(QUICK, mix={"swebench": 1.0}),
        {},
        started=0,
    )
    own = row(result, "swebench", POLICY)
    assert (own.local_share.point, own.saving.point) == (0, 0)
    assert math.isnan(own.quality.point)
    assert math.isnan(own.quality_kept.point)
    assert [bar.held for bar in result.bars] == [False, True]
    assert "0 of 2 tasks have outcomes" in check_report.markdown(result)


def test_json_is_as_the_schema_says(balanced):
    payload = json.loads(json.dumps(check_export.values(balanced), allow_nan=False))
    jsonschema.Draft202012Validator(SCHEMA).validate(payload)
    assert payload["parts"][0]["standings"][0]["pgr"]["point"] is None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**payload, "surprise": 1}, SCHEMA)


def test_junit_has_a_case_for_each_bar(suites):
    policy = with_bars("local-first", '{swebench_local_share: "<= 0.05", local_share: ">= 0.1"}')
    report = JUnitXml.fromstring(check_export.junit(measure(policy, suites, QUICK, {}, started=0)))
    cases = {case.name: case for suite in report for case in suite}
    assert set(cases) == {"swebench_local_share <= 0.05", "local_share >= 0.1"}
    fell = cases["swebench_local_share <= 0.05"]
    assert fell.result[0].message == "swebench_local_share is 1, the bar is <= 0.05"
    assert cases["local_share >= 0.1"].is_passed
    assert {suite.name: suite.failures for suite in report}["SWE-bench Verified"] == 1


def test_other_routers_are_rows_on_the_suites_they_decide(suites, tmp_path):
    names = [case.id for case in suites["swebench"].cases]
    file = tmp_path / "length.csv"
    file.write_text(
        "task,track\n" + "".join(f"{name},{'local' if i < 50 else 'cloud'}\n" for i, name in enumerate(names))
    )
    compared = {"length": decisions(file, set(names))}
    result = measure(load("balanced"), suites, QUICK, compared, started=0)
    assert row(result, "swebench", "length").local_share.point == pytest.approx(0.1)
    assert [item.router for item in part(result, "humaneval").standings][-1] == ORACLE
    compared["length"].pop(names[0])
    with pytest.raises(BenchmarkError, match="length decides 499 of 500 tasks of SWE-bench Verified"):
        measure(load("balanced"), suites, QUICK, compared, started=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,track\na,local\n", ":1: the columns `task` and `track` are needed"),
        ("task,track\nb,local\n", ":2: no recorded task is called 'b'"),
        ("task,track\na,near\n", ":2: 'near' is no track; write local or cloud"),
        ("task,track\na,local\na,local\n", ":3: 'a' stands here a second time"),
    ],
)
def test_wrong_decisions_are_told_by_line(tmp_path, text, message):
    file = tmp_path / "other.csv"
    file.write_text(text)
    with pytest.raises(BenchmarkError, match=r"--compare: ") as caught:
        decisions(file, {"a"})
    assert str(caught.value) == f"--compare: {file}{message}"


def test_a_router_must_not_be_called_like_a_row(tmp_path):
    with pytest.raises(BenchmarkError, match="rename it"):
        decisions(tmp_path / "oracle.csv", {"a"})


def test_markdown_has_every_part_and_every_note(balanced):
    page = check_report.markdown(balanced)
    for item in balanced.parts:
        assert f"## {item.title}" in page
        assert f"{item.outcomes} of {item.tasks} tasks" in page
    assert all(note in page for note in balanced.notes)
