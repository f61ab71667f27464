"""Whose verdicts a suite's cases carry: the rules', or those of a trained classifier.

It judges now, never from a recorded verdict of its own. A recorded case holds no text: there it has the
features and what the rules said, so numbers that weigh the words of an ask cannot be tried here.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Protocol, runtime_checkable

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Case, Suite
from classifiers.artefact import Artefact, ArtefactUnfit
from classifiers.choose import CLASSIFIERS, DEFAULT, ClassifierName
from classifiers.features import Features
from classifiers.learned import LearnedClassifier
from classifiers.rules import RuleClassifier
from classifiers.sufficiency import SufficiencyClassifier
from classifiers.verdict import Classifier, Verdict
from router.features.ask_reader import AskReader
from router.routing.classifier import read_numbers
from router.system.time_slices import finish


@runtime_checkable
class Refining(Protocol):
    """A classifier that can judge a request of which no text is kept by what the rules said of it."""

    def refine(self, features: Features, judged: Verdict) -> Verdict:
        """Judge as `classify` would with the text."""
        ...


def make_classifier(classifier: ClassifierName = DEFAULT, file: str = "") -> Classifier:
    """Make the classifier that an option names, with the shipped numbers or those of a file.

    Raises:
        BenchmarkError: the file's numbers do not fit, weigh words, or nobody asks them.
        Misconfigured: there is no such file, or it holds something else.
    """
    if not file:
        return CLASSIFIERS[classifier]()
    if classifier != "sufficiency":
        raise BenchmarkError("--classifier-file: only `--classifier sufficiency` asks it")
    numbers = _numbers(file)
    return SufficiencyClassifier(load=lambda: numbers)


def with_verdicts(suite: Suite, classifier: ClassifierName = DEFAULT, file: str = "") -> Suite:
    """A suite whose cases carry the verdicts of `classifier`.

    Raises:
        BenchmarkError: see `make_classifier`.
    """
    judge = make_classifier(classifier, file)
    if isinstance(judge, RuleClassifier):
        return suite
    cases = (replace(case, judged=_judge(judge, case)) for case in suite.cases)
    return replace(suite, cases=tuple(cases))


def _judge(judge: Classifier, case: Case) -> Verdict:
    """What the classifier says now; without the text, by the features and the rules' verdict."""
    if not case.features.ask and isinstance(judge, Refining):
        return judge.refine(case.features, case.judged)
    if isinstance(judge, LearnedClassifier):
        return judge.classify(finish(_ask_reader().reading(case.features)))
    return judge.classify(case.features)


@lru_cache(maxsize=1)
def _ask_reader() -> AskReader:
    """One for all suites: clients ask the same in other envelopes."""
    return AskReader()


def classifier_name(classifier: ClassifierName, file: str = "") -> str:
    """Who judges, as verdicts and proofs name it: a trained one with its numbers' digest."""
    return make_classifier(classifier, file).name


def _numbers(file: str) -> Artefact:
    try:
        numbers = read_numbers(file)
    except ArtefactUnfit as unfit:
        raise BenchmarkError(f"--classifier-file: {file}: {unfit}") from unfit
    if numbers.words:
        raise BenchmarkError(
            f"--classifier-file: {file}: its numbers weigh words, and recorded tasks hold no text; "
            "train without words"
        )
    return numbers
