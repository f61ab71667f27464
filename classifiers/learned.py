"""The ask as a model read it, and the signs that the rules know: their log-odds added up.

The model says whether everything that the ask refers to stands in the message
(`Features.self_contained`). What was touched, called and failed since is counted, not guessed, and marks
like a ticket's number or an issue's headings are plain to see: these weigh as `classifiers.rules` says.
Where nobody read the ask, and for a client's side requests, the rules judge alone.
"""

import math
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

import xxhash

from classifiers.ask_model import SHIPPED
from classifiers.features import Features
from classifiers.rules import PRIOR, RuleClassifier
from classifiers.verdict import Verdict, Work

NAME = "learned"
SIDE_KINDS = frozenset({"autocomplete", "housekeeping"})
"""What the rules alone judge."""
_LEAST, _MOST = 0.005, 0.88
"""A model is never surer than this; that nothing is missing least of all, so that evidence can turn it."""
_SURE = 0.62
"""From here on the reason given says so without reserve."""
_SHIFT = -math.log(1.6)
"""Half of the corpus is self-contained; of what assistants are asked, less. Taken as 38 in a hundred: with
that, `min_p_local: 0.62` keeps 97% of SWE-bench's issues on the cloud (docs/classifier.md)."""
_HERE: tuple[Work, str] = ("self-contained", "all that the ask refers to is in the message")
_LIKELY_HERE: tuple[Work, str] = (
    "self-contained",
    "likely, not surely, all that the ask refers to is in the message",
)
_UNSURE: tuple[Work, str] = ("unknown", "it is not sure that all that the ask refers to is in the message")
_ELSEWHERE: tuple[Work, str] = ("repository-wide", "the ask refers to what is not in the message")


class LearnedClassifier:
    """Judges by the learned reading of the ask and the rules of the conversation."""

    def __init__(self) -> None:
        self._rules = RuleClassifier()

    @property
    def name(self) -> str:
        """This, and the digest of the numbers that read asks."""
        return f"{NAME}@{model_digest()}"

    def classify(self, features: Features) -> Verdict:
        """Judge one request; the strongest signal on the winning side gives the class and the reason."""
        return self.refine(features, self._rules.classify(features))

    def refine(self, features: Features, judged: Verdict) -> Verdict:
        """Judge one request of which it is known what the rules said; its text is not needed.

        Args:
            features: Of the request; `ask` may be empty.
            judged: What `RuleClassifier` says of it, or said then.
        """
        if features.self_contained is None or features.kind in SIDE_KINDS:
            return judged
        read = _odds(min(max(features.self_contained, _LEAST), _MOST))
        signs = _odds(judged.p_local) - PRIOR
        odds = read + signs + _SHIFT
        kind, why = _reason(odds, read, signs, judged)
        return replace(judged, p_local=1 / (1 + math.exp(-odds)), kind=kind, why=why, by=self.name)


def _reason(odds: float, read: float, signs: float, judged: Verdict) -> tuple[str, str]:
    """The class and the reason of the stronger of those that speak for what came of it; all in log-odds."""
    here = odds > 0
    reading = read if (read > 0) == here else 0.0
    visible = signs if judged.kind != "unknown" and (signs > 0) == here else 0.0
    if abs(visible) > abs(reading):
        return judged.kind, judged.why
    if not reading:
        return _UNSURE
    if not here:
        return _ELSEWHERE
    return _HERE if odds >= _odds(_SURE) else _LIKELY_HERE


def _odds(probability: float) -> float:
    """In logarithms."""
    return math.log(probability / (1 - probability))


@lru_cache(maxsize=1)
def model_digest() -> str:
    """Name the numbers that read asks, in eight hex digits; empty where there are none."""
    try:
        return xxhash.xxh32_hexdigest(files("classifiers").joinpath(SHIPPED).read_bytes())
    except OSError:
        return ""
