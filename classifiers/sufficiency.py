"""A trained classifier: how likely the local model passes where the cloud model passes.

Served from plain numbers, without the library that trained them (`classifiers.train`). The
numbers are read at the first request, not on the way up. Where they do not fit, or for a
client's side requests, `RuleClassifier` judges.
"""

import logging
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from classifiers.artefact import Artefact, ArtefactRefused, digest, shipped
from classifiers.features import Features
from classifiers.rules import RuleClassifier
from classifiers.verdict import Classifier, Verdict, Work

log = logging.getLogger(__name__)

ASK_LIMIT = 4_000
"""Characters of the ask whose words count."""
ASKS_KEPT = 256
"""Asks whose words are remembered: an agent sends the same one with every call of a turn."""

COUNTS: dict[str, Work] = {
    "files": "crosses-files",
    "files_edited": "crosses-files",
    "directories": "crosses-files",
    "files_named": "crosses-files",
    "tools_used": "long-run",
    "tool_calls": "long-run",
    "tool_errors": "long-run",
    "repeats": "long-run",
    "turns": "long-run",
    "turn_calls": "long-run",
}
"""The counts that are read, and the class of work that each speaks for.

What a client always sends (its tools, its system text, their tokens) is no signal and not here.
"""
RULES = "rules"
"""The name, among the numbers, of what `RuleClassifier` says in log-odds."""
READS = (*COUNTS, "ask", "context_tokens", "kind")

NAME = "sufficiency"
SIDE_KINDS = frozenset({"autocomplete", "housekeeping"})
"""What the rules alone judge: a client's own requests, not the user's work."""
_find_words = re.compile(r"[a-z_]{3,30}").findall


class SufficiencyClassifier:
    """Judges by trained numbers.

    Args:
        load: Reads the numbers; called once, at the first request that needs them.
    """

    def __init__(self, load: Callable[[], Artefact] = shipped) -> None:
        self._load = load
        self._rules: Classifier = RuleClassifier()
        self._model: Artefact | None = None
        self._name = ""
        self._loaded = False
        self._word_odds = lru_cache(maxsize=ASKS_KEPT)(self._weigh_words)

    @property
    def name(self) -> str:
        """Who judges: this and its numbers' digest, or the rules where the numbers are refused."""
        return self._name if self._served() else RULES

    def classify(self, features: Features) -> Verdict:
        """Judge one request; the strongest signal on the winning side gives the class and the reason."""
        return self.refine(features, self._rules.classify(features))

    def refine(self, features: Features, judged: Verdict) -> Verdict:
        """Judge one request of which it is known what the rules said.

        Where the numbers weigh no words (as those shipped), the ask's text is not needed: a
        recorded request, of which no text is kept, is judged as it was.

        Args:
            features: Of the request; `ask` may be empty.
            judged: What `RuleClassifier` says of it, or said then.
        """
        model = self._served()
        if model is None or features.kind in SIDE_KINDS:
            return judged
        contributions = weigh(model, features, judged)
        odds = model.intercept + self._word_odds(features.ask) + math.fsum(contributions.values())
        side = math.copysign(1, odds)
        name = max(contributions, key=lambda key: side * contributions[key], default=RULES)
        if name in COUNTS and getattr(features, name):
            why = f"{name.replace('_', ' ')}: {getattr(features, name)}"
            return Verdict(p_local=_probability(odds), kind=COUNTS[name], why=why, by=self._name)
        return replace(judged, p_local=_probability(odds), by=self._name)

    def _served(self) -> Artefact | None:
        if not self._loaded:
            self._loaded = True
            try:
                self._model = self._load()
                self._name = f"{NAME}@{digest(self._model)}"
            except ArtefactRefused as refused:
                log.warning("the trained classifier is refused, the rules serve: %s", refused)
        return self._model

    def _weigh_words(self, ask: str) -> float:
        """What the ask's words add to the log-odds."""
        table = self._model.words if self._model else {}
        entries = [table[word] for word in table.keys() & words(ask)]
        length = math.sqrt(math.fsum(word.idf**2 for word in entries))
        return math.fsum(word.idf * word.weight for word in entries) / length if length else 0.0


def weigh(model: Artefact, features: Features, judged: Verdict) -> dict[str, float]:
    """What each number adds to the log-odds; words and the intercept come on top."""
    measured = measure(features, judged)
    return {name: number.weight * (measured[name] - number.mean) for name, number in model.numbers.items()}


def measure(features: Features, judged: Verdict) -> dict[str, float]:
    """The numbers as the model takes them: log(1 + count) of each count, and the rules' log-odds."""
    measured = {name: math.log1p(getattr(features, name)) for name in COUNTS}
    measured[RULES] = math.log(judged.p_local / (1 - judged.p_local))
    return measured


def words(ask: str) -> set[str]:
    """The distinct words of an ask's beginning, in lower case, without digits."""
    return set(_find_words(ask[:ASK_LIMIT].lower()))


def _probability(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))
