"""Problems as they are read and judged now: by the reading and the rules that serve."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites.problem import Problem, request
from classifiers.features import Features
from classifiers.rules import RuleClassifier
from classifiers.verdict import Verdict
from router.features.ask_reader import AskReader
from router.features.extractor import FeatureExtractor
from router.training.envelopes import model_request
from router.types import DialectName, Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as a client sends it."""

    dialect: DialectName
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SentReading:
    """What is read from a request."""

    features: Features
    """With the ask."""
    judged: Verdict
    """Of the rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProblem:
    """A problem as a request of one client, read and judged."""

    problem: Problem
    features: Features
    """With the ask."""
    judged: Verdict
    """Of the rules."""


def read_problems(
    problems: Iterable[Problem], client: str, *, asks: AskReader | None = None
) -> Iterator[ReadProblem]:
    """Read each problem where `client` asks it, in the order given.

    Args:
        problems: What is asked.
        client: Whose envelope it is asked in.
        asks: Judges what the asks need; without it nobody does, which is all that the rules need.

    Raises:
        BenchmarkError: tokens cannot be counted.
    """
    ordered = list(problems)
    sent = (request(problem, client) for problem in ordered)
    requests = (Sent(dialect=dialect, headers=headers, body=body) for dialect, headers, body in sent)
    readings = read_sent(requests, asks=asks)
    for problem, reading in zip(ordered, readings, strict=True):
        yield ReadProblem(problem=problem, features=reading.features, judged=reading.judged)


def read_sent(requests: Iterable[Sent], *, asks: AskReader | None = None) -> Iterator[SentReading]:
    """Read each request, in the order given.

    Raises:
        BenchmarkError: tokens cannot be counted.
    """
    reader, rules = FeatureExtractor(count_bytes=1 << 30, asks=asks), RuleClassifier()
    if not reader.warm():
        raise BenchmarkError("tokens cannot be counted: litellm's encoding file is missing")
    for sent in requests:
        features = reader.read(model_request(sent.body, sent.dialect, sent.headers))
        yield SentReading(features=features, judged=rules.classify(features))
