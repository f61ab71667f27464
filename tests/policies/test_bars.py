"""Bars that hold nothing, or that nothing can pass, are refused; any other is taken."""

import pytest

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
