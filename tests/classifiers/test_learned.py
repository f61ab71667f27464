"""The learned reading of the ask and the rules of the conversation, joined."""

import pytest

from classifiers.features import Features
from classifiers.learned import LearnedClassifier, model_digest
from classifiers.rules import RuleClassifier

CLASSIFIER = LearnedClassifier()


def test_it_is_named_by_its_numbers() -> None:
    assert len(model_digest()) == 8
    assert CLASSIFIER.name == f"learned@{model_digest()}"
    assert CLASSIFIER.classify(Features(ask="hi", self_contained=0.9)).by == CLASSIFIER.name


@pytest.mark.parametrize("value", [0.0, 0.02, 0.3, 0.5, 0.7, 0.99, 1.0])
def test_where_the_conversation_shows_nothing_the_reading_counts(value: float) -> None:
    verdict = CLASSIFIER.classify(Features(ask="x", self_contained=value))
    read = min(max(value, 0.005), 0.88)
    odds = read / (1 - read) / 1.6
    assert verdict.p_local == pytest.approx(odds / (1 + odds))


def test_evidence_outweighs_even_a_sure_reading() -> None:
    features = Features(
        kind="agent", ask="x", self_contained=1.0, files=6, files_edited=3, directories=4, tool_calls=30
    )
    verdict = CLASSIFIER.classify(features)
    assert verdict.p_local < 0.5
    assert verdict.kind in {"crosses-files", "long-run"}


def test_a_dozen_calls_and_four_files_do() -> None:
    features = Features(kind="agent", ask="x", self_contained=1.0, files=4, tool_calls=12)
    assert CLASSIFIER.classify(features).p_local < 0.5


def test_a_reason_speaks_for_the_side_that_won() -> None:
    ask = "Write a function that parses versions like 1.2.3, see #1234"
    verdict = CLASSIFIER.classify(Features(ask=ask, self_contained=0.9))
    assert verdict.p_local > 0.5
    assert verdict.kind == "self-contained"


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        (0.97, "self-contained", "all that the ask refers to is in the message"),
        (0.7, "self-contained", "likely, not surely, all that the ask refers to is in the message"),
        (0.04, "repository-wide", "the ask refers to what is not in the message"),
    ],
)
def test_it_says_why(value: float, kind: str, why: str) -> None:
    verdict = CLASSIFIER.classify(Features(ask="x", self_contained=value))
    assert (verdict.kind, verdict.why) == (kind, why)


def test_a_long_run_that_outweighs_the_reading_is_the_reason() -> None:
    verdict = CLASSIFIER.classify(
        Features(kind="agent", ask="x", self_contained=0.99, tool_calls=20, turn_calls=20)
    )
    assert verdict.p_local < 0.5
    assert verdict.kind == "long-run"


def test_where_neither_says_so_it_is_only_not_sure() -> None:
    verdict = CLASSIFIER.classify(Features(ask="x", self_contained=0.6))
    assert verdict.p_local < 0.5
    assert (verdict.kind, verdict.why.split(" that")[0]) == ("unknown", "it is not sure")


def test_the_rules_reason_is_given_where_they_agree() -> None:
    ask = 'Traceback (most recent call last):\n  File "app/x.py", line 3\nfix it'
    assert CLASSIFIER.classify(Features(ask=ask, self_contained=0.3)).why == "carries a stack trace"
    assert CLASSIFIER.classify(Features(ask=ask, self_contained=0.01)).why != "carries a stack trace"


@pytest.mark.parametrize(
    "features",
    [
        Features(ask="Write a function that adds two numbers."),
        Features(ask="x", kind="housekeeping", self_contained=0.1),
        Features(ask="x", kind="autocomplete", self_contained=0.1),
    ],
)
def test_the_rules_judge_what_nobody_read_and_side_requests(features: Features) -> None:
    assert CLASSIFIER.classify(features) == RuleClassifier().classify(features)


def test_a_recorded_request_without_text_is_judged_as_it_was() -> None:
    features = Features(ask="Write a function that adds two numbers.", self_contained=0.8, files=2)
    judged = RuleClassifier().classify(features)
    recorded = Features(self_contained=0.8, files=2)
    assert CLASSIFIER.refine(recorded, judged) == CLASSIFIER.classify(features)
