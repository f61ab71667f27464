from dataclasses import replace

import pytest

from benchmarks.evaluation.route import route, starts_local
from benchmarks.evaluation.suites.recorded import load_suite
from policies.load import SHIPPED, load, parse


@pytest.fixture(scope="module")
def function():
    return load_suite("humaneval").cases[0]


@pytest.fixture(scope="module")
def issues():
    return load_suite("swebench")


@pytest.mark.parametrize(
    ("policy", "track"),
    [("balanced", "local"), ("quality-first", "local"), ("private", "local"), ("observe", "cloud")],
)
def test_a_function_goes_where_the_policy_says(function, policy, track):
    assert route(load(policy), function).track == track


def test_the_rule_that_decided_is_told(function):
    assert route(load("balanced"), function).rule == "self-contained"
    large = replace(function, features=replace(function.features, context_tokens=30_000))
    assert route(load("balanced"), large).rule == "too-large"
    assert route(load("balanced"), large, local_context=65_536).rule == "self-contained"
    assert route(load("balanced"), large, local_context=0).rule == "self-contained"


def test_the_classifiers_verdict_is_what_the_policy_sees(function):
    policy = parse(
        "name: p\nrules: [{when: 'p_local >= 0.95', to: local, why: a}]\notherwise: {to: cloud, why: b}\n",
        source="p.yaml",
    )
    sure = replace(function, judged=replace(function.judged, p_local=0.96))
    assert route(policy, sure).track == "local"
    assert route(policy, function).track == "cloud"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_whole_suite_in_its_order(issues, name):
    policy = load(name)
    local = starts_local(policy, issues)
    assert local.shape == (500,)
    assert local.tolist() == [route(policy, case).track == "local" for case in issues.cases]
