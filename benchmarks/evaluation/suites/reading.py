"""Problems as they are read and judged now: by the reading and the rules that serve."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites.problem import Problem, request
from classifiers.features import Features
from classifiers.rules import RuleClassifier
from classifiers.verdict import Verdict
from router.features.extractor import FeatureExtractor
from router.training.envelopes import model_request


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProblem:
    """A problem as a request of one client, read and judged."""

    problem: Problem
    features: Features
    """With the ask."""
    judged: Verdict
    """Of the rules."""


def read_problems(problems: Iterable[Problem], client: str) -> Iterator[ReadProblem]:
    """Read each problem where `client` asks it, in the order given.

    Raises:
        BenchmarkError: tokens cannot be counted.
    """
    reader, rules = FeatureExtractor(count_bytes=1 << 30), RuleClassifier()
    if not reader.warm():
        raise BenchmarkError("tokens cannot be counted: litellm's encoding file is missing")
    for problem in problems:
        dialect, headers, body = request(problem, client)
        features = reader.read(model_request(body, dialect, headers))
        yield ReadProblem(problem=problem, features=features, judged=rules.classify(features))
