"""What a classifier says of a request, and the one verb every classifier has."""

from dataclasses import dataclass
from typing import Literal, Protocol

from classifiers.features import Features

Work = Literal[
    "self-contained",
    "question",
    "small-edit",
    "issue-report",
    "repository-wide",
    "crosses-files",
    "long-run",
    "side-request",
    "unknown",
]
"""The class of work, as any classifier of ours names it; `unknown` where nothing shows one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How likely the local model suffices, and the class of work."""

    p_local: float
    """Probability in 0..1 that the local model does this as well as the cloud model."""
    kind: str
    """The class of work: one of `Work`."""
    why: str
    """One clause a person understands, naming the signal that decided."""
    by: str = ""
    """Which classifier gave `p_local`: its name and, where it was trained, its numbers' digest."""


class Classifier(Protocol):
    """Anything that turns features into a verdict: pure, without I/O, in microseconds."""

    @property
    def name(self) -> str:
        """As its verdicts name it; a trained one with its numbers' digest."""
        ...

    def classify(self, features: Features) -> Verdict:
        """Judge how likely the local model suffices for a request."""
        ...
