"""Whose verdicts a suite's cases carry: the rules', or those of the trained classifier.

It judges now, never from a recorded verdict of its own. A recorded case holds no text: there it has the
features and what the rules said, so numbers that weigh the words of an ask cannot be tried here.
"""

from dataclasses import replace

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Case, Suite
from classifiers.artefact import Artefact, ArtefactUnfit
from classifiers.choose import DEFAULT, ClassifierName
from classifiers.sufficiency import SufficiencyClassifier
from classifiers.verdict import Verdict
from router.routing.classifier import read_numbers


def trained(file: str = "") -> SufficiencyClassifier:
    """The trained classifier: with the shipped numbers, or with those of a file.

    Raises:
        BenchmarkError: the file's numbers do not fit, or weigh words.
        Misconfigured: there is no such file, or it holds something else.
    """
    if not file:
        return SufficiencyClassifier()
    numbers = _numbers(file)
    return SufficiencyClassifier(load=lambda: numbers)


def with_verdicts(suite: Suite, classifier: ClassifierName = DEFAULT, file: str = "") -> Suite:
    """A suite whose cases carry the verdicts of `classifier`.

    Raises:
        BenchmarkError: see `trained`; or a file is named, and the rules judge.
    """
    if classifier == "rules":
        if file:
            raise BenchmarkError("--classifier-file: only `--classifier sufficiency` asks it")
        return suite
    judge = trained(file)
    cases = (replace(case, judged=_judge(judge, case)) for case in suite.cases)
    return replace(suite, cases=tuple(cases))


def _judge(judge: SufficiencyClassifier, case: Case) -> Verdict:
    if case.features.ask:
        return judge.classify(case.features)
    return judge.refine(case.features, case.judged)


def classifier_name(classifier: ClassifierName, file: str = "") -> str:
    """Who judges, as verdicts and proofs name it: a trained one with its numbers' digest."""
    return classifier if classifier == "rules" else trained(file).name


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
