"""Bars that hold nothing, or that nothing can pass, are refused; any other is taken."""

import pytest

from policies.bars import split
from policies.load import PolicyError, parse

POLICY = "name: mine\notherwise: {to: cloud, why: not known}\ncheck:\n"

DECIDED = [
    ("local_share", ">= 1.2", "no policy can pass: local_share is between 0 and 1"),
    ("humaneval_local_share", "<= -0.1", "no policy can pass: local_share is between 0 and 1"),
    ("local_share", "< 0", "no policy can pass"),
    ("swebench_local_share", "<= 1", "every policy passes"),
    ("quality", ">= 0", "every policy passes"),
    ("quality_low", "> 1", "no policy can pass"),
    ("quality_kept", ">= 0", "every policy passes: quality_kept is between 0 and 2"),
    ("quality_kept", ">= 98", "no policy can pass: quality_kept is between 0 and 2; for 98%, write '>= 98%'"),
    ("mbpp_quality_kept_low", "< 3", "every policy passes"),
    ("saving", ">= 1.2", "no policy can pass: saving is at most 1"),
    ("saving_low", "<= 1", "every policy passes"),
]


def problems(*bars: str) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        parse(POLICY + "".join(f"  {bar}\n" for bar in bars), source="p.yaml")
    return caught.value.problems


@pytest.mark.parametrize(("metric", "bar", "outcome"), DECIDED)
def test_a_bar_that_is_decided_beforehand_is_refused(metric, bar, outcome):
    (problem,) = problems(f"{metric}: '{bar}'")
    assert problem.startswith(f"p.yaml:4: check.{metric}: '{bar}' is a bar that {outcome}")


def test_bars_that_contradict_each_other_are_refused():
    assert problems("quality: '<= 0.8'", "quality_low: '>= 0.9'") == (
        "p.yaml:4: check.quality: no policy can pass '<= 0.8' and quality_low '>= 0.9'",
    )


@pytest.mark.parametrize(
    "bar",
    [
        "local_share: '<= 0'",
        "local_share: '>= 1'",
        "quality: '> 0'",
        "quality_kept: '>= 98%'",
        "quality_kept: '>= 1.05'",
        "pgr: '>= 1.5'",
        "pgr: '<= -1'",
        "saving: '>= -1'",
        "saving_low: '>= 1'",
    ],
)
def test_a_bar_that_a_policy_may_pass_or_fail_is_taken(bar):
    assert len(parse(f"{POLICY}  {bar}\n", source="p.yaml").check.bars) == 1


@pytest.mark.parametrize(
    ("metric", "suite", "name"),
    [
        ("ours_quality_kept_low", "ours", "quality_kept_low"),
        ("ours_repository_cloud", "ours", "repository_cloud"),
        ("web-team_local_share", "web-team", "local_share"),
        ("a_quality_pgr", "a_quality", "pgr"),
        ("swebench-lite_saving", "swebench-lite", "saving"),
        ("swebench_saving", "swebench", "saving"),
        ("saving_low", "", "saving_low"),
        ("local_share", "", "local_share"),
    ],
)
def test_a_bar_is_of_a_suite_that_may_be_ones_own(metric, suite, name):
    (bar,) = parse(f"{POLICY}  {metric}: '>= 0.5'\n", source="p.yaml").check.bars
    assert (bar.suite, split(bar.metric)[1]) == (suite, name)
    assert bar.own == (suite not in {"", "swebench"})


@pytest.mark.parametrize(
    "metric", ["swebnch_quality", "human_eval_pgr", "humaneval_right", "ours_qualty", "ours"]
)
def test_a_name_that_is_written_wrongly_is_no_suite_of_ones_own(metric):
    (problem,) = problems(f"{metric}: '>= 0.5'")
    assert "nothing is measured by this name" in problem


def test_bars_of_ones_own_suite_are_held_to_the_same_ranges():
    (problem,) = problems("quality_saving: '>= 1.2'")
    assert "no policy can pass: saving is at most 1" in problem


def test_bars_of_two_own_suites_cannot_be_judged_together():
    (problem,) = problems("ours_quality: '>= 0.9'", "theirs_quality: '>= 0.9'")
    assert problem.startswith(
        "p.yaml:5: check.theirs_quality: no check can judge ours and theirs, for --suite"
    )
