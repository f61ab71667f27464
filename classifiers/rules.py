"""A classifier that is a table: each row is one signal, what it weighs, and what it says to a person.

Weights are log-odds and add up: +0.7 doubles the odds that the local model suffices,
-0.7 halves them. They are set by judgement on the *class* of work, because published
outcomes say that the class is what can be told in advance: on self-contained tasks a
local 14-32B model is level with Claude, on work that crosses files it is not, and within
a class neither the length of an ask nor the number of tools offered predicts anything.
So what a client always sends (its tools, its system prompt) is no signal here.
"""

import hashlib
import math
import re
from dataclasses import dataclass
from functools import lru_cache

from classifiers.features import Features
from classifiers.verdict import Verdict, Work

ASK_LIMIT = 8_000
"""Characters of the ask that are looked at; what a request is stands in its beginning."""

ASKS_KEPT = 256
"""Asks whose signals are remembered: an agent sends the same one with every call of a turn."""

PRIOR = -0.2
"""Log-odds of a request that shows no signal: not known to be self-contained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One row: where it shows, add `weight`."""

    kind: Work
    """The class of work it speaks for."""
    weight: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSignal(Signal):
    """Shows where one of `patterns` occurs in the lower-cased ask."""

    patterns: tuple[str, ...]
    words: tuple[str, ...] = ()
    """Every text that shows it has one of these. Looked for first: that costs a tenth of a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSignal(Signal):
    """Shows where the number `feature` is `at_least` this."""

    feature: str
    at_least: int


_SENTENCE = r"(?:^[#>* \t-]{0,8}|[.!?:]\s{1,4})(?:please\s+|(?:can|could|would) you\s+)?"
"""Where a sentence that asks begins, a heading's or list's mark before it allowed."""

ASK_SIGNALS = (
    AskSignal(
        kind="self-contained",
        weight=2.4,
        why="a function to complete from its signature and docstring",
        words=("def ",),
        patterns=(
            (
                r"^[ \t]*(?:async )?def \w+\([^)]*\)[^\n]*:[ \t]*\n"  # the signature
                r"(?:[ \t]+import \w+\n)?"
                r'\s+r?(?P<quote>"""|\'\'\')(?:(?!(?P=quote))[\s\S])*(?P=quote)'  # the docstring
                r"\s*(?:\Z|^\S)"
            ),
        ),  # and no body
    ),
    AskSignal(
        kind="self-contained",
        weight=2.2,
        why="asks for one self-contained function",
        words=("write", "implement", "create", "complete", "define", "give me"),
        patterns=(
            _SENTENCE + r"(?:write|implement|create|complete|define|give me)\b[^.\n]{0,60}?\b"
            r"(?:function|method|program|script|class|regex|regular expression|one-?liner|query|algorithm"
            r"|snippet)",
        ),
    ),
    AskSignal(
        kind="question",
        weight=1.2,
        why="a question or a conversion",
        words=("what", "how ", "explain", "translate", "convert"),
        patterns=(
            _SENTENCE + r"(?:what(?:'s| is| are| does)|how (?:do|does|can|to)"
            r"|explain|translate|convert)\b",
        ),
    ),
    AskSignal(
        kind="small-edit",
        weight=1.2,
        why="a small, local edit",
        words=("typo", "docstring", "type hint", "spelling", "formatting", "indentation"),
        patterns=(
            _SENTENCE + r"(?:fix|correct|add|write|update|improve)\b[^.\n]{0,40}?\b"
            r"(?:typos?|docstrings?|type hints?|spelling|formatting|indentation)\b",
        ),
    ),
    AskSignal(
        kind="issue-report",
        weight=-2.0,
        why="reads like an issue report",
        words=(
            "expected ",
            "actual ",
            "current ",
            "reproduc",
            "describe the bug",
            "bug report",
            "minimal ",
            "mcve",
            "mwe",
        ),
        patterns=(
            (
                r"\b(?:(?:expected|actual|current) (?:behaviou?rs?|results?|output|outcome)"
                r"|(?:steps|how|code) to reproduce|reproduc(?:e|es|ible|tion)|describe the bug|bug report"
                r"|minimal (?:working )?example|mcve|mwe)\b"
            ),
        ),
    ),
    AskSignal(
        kind="issue-report",
        weight=-1.6,
        why="carries a stack trace",
        words=("traceback (", 'file "', " at ", "\tat "),
        patterns=(
            (
                r"traceback \(most recent call last\)"
                r"|^[ \t]*file \"[^\"\n]+\", line \d+|^[ \t]+at \S+ ?\([^)\n]{1,200}:\d+:\d+\)"
            ),
        ),
    ),
    AskSignal(
        kind="issue-report",
        weight=-1.2,
        why="refers to tickets or commits",
        # Apart, and each behind a fixed beginning: so that a search skips to where one can be.
        patterns=(
            r"#(?<!\w#)\d{2,6}\b",
            r"[0-9a-f]{40}(?<=\b[0-9a-f]{40})\b",
            r"https?://\S{1,200}/(?:issues|pull|commit|ticket|blob)/",
        ),
    ),
    AskSignal(
        kind="issue-report",
        weight=-0.9,
        why="names versions of installed software",
        words=(".",),
        patterns=(r"\bversions?\b[^\n]{0,40}\d+\.\d+|\b(?:v|==|>=) ?\d+\.\d+|\b\d+\.\d+\.\d+\b",),
    ),
    AskSignal(
        kind="repository-wide",
        weight=-1.6,
        why="speaks of a repository as a whole",
        words=(
            "repo",
            "code",
            "pull request",
            "pr description",
            "test",
            "regression",
            "migrat",
            "refactor",
            "deprecat",
            "all ",
            "every ",
            "across ",
        ),
        patterns=(
            (
                r"\b(?:repo(?:sitory)?|code ?base|pull request|pr description|(?:failing|existing) tests?"
                r"|test suite|regression|migrat(?:e|ion)|refactor(?:ing)?|deprecat\w*"
                r"|(?:all|every) (?:the )?(?:files?|modules?|usages?|callers?|call sites?)"
                r"|across (?:the|all) (?:\w+ )?(?:project|code|files|modules|packages|services))\b"
            ),
        ),
    ),
    AskSignal(
        kind="repository-wide",
        weight=-0.9,
        why="names modules of a larger program",
        words=(".",),
        patterns=(
            r"\b[a-z_]\w*+\.[a-z_]\w*+\.\w",
            r"from(?<=\bfrom) [a-z_]\w*+\.\w",
            r"import(?<=\bimport) [a-z_]\w*+\.\w",
        ),
    ),
)
"""What the user's own words tell."""

FEATURE_SIGNALS = (
    FeatureSignal(
        kind="crosses-files", feature="files", at_least=2, weight=-0.7, why="has touched several files"
    ),
    FeatureSignal(
        kind="crosses-files", feature="files", at_least=4, weight=-1.5, why="has touched many files"
    ),
    FeatureSignal(
        kind="crosses-files", feature="files_edited", at_least=2, weight=-1.2, why="edits several files"
    ),
    FeatureSignal(
        kind="crosses-files", feature="files_named", at_least=3, weight=-1.2, why="names several files"
    ),
    FeatureSignal(
        kind="crosses-files", feature="directories", at_least=3, weight=-0.7, why="spans directories"
    ),
    FeatureSignal(
        kind="long-run", feature="tool_calls", at_least=12, weight=-0.8, why="has taken a dozen tool calls"
    ),
    FeatureSignal(
        kind="long-run", feature="tool_calls", at_least=30, weight=-1.2, why="has taken many tool calls"
    ),
    FeatureSignal(
        kind="long-run", feature="turn_calls", at_least=20, weight=-0.8, why="the turn goes on and on"
    ),
    FeatureSignal(
        kind="long-run", feature="tool_errors", at_least=3, weight=-0.8, why="its tool calls keep failing"
    ),
    FeatureSignal(
        kind="long-run", feature="repeats", at_least=2, weight=-0.8, why="repeats the same tool calls"
    ),
    # Well above any client's opening request, which is 31k tokens at most.
    FeatureSignal(
        kind="long-run",
        feature="context_tokens",
        at_least=60_000,
        weight=-0.8,
        why="the conversation is long",
    ),
)
"""What the conversation shows."""

_SIDE_KINDS = frozenset({"autocomplete", "housekeeping"})
NAME = "rules"
_SIDE = Verdict(
    p_local=0.95, kind="side-request", why="a side request of the client, not the user's work", by=NAME
)
_SEARCHES = tuple(
    (signal, tuple(re.compile(pattern, re.MULTILINE).search for pattern in signal.patterns))
    for signal in ASK_SIGNALS
)


def digest() -> str:
    """Name the rules in eight hex digits: their signals, weights and prior, not the code around them."""
    tables = (PRIOR, ASK_LIMIT, ASK_SIGNALS, FEATURE_SIGNALS, _SIDE)
    return hashlib.sha256(repr(tables).encode()).hexdigest()[:8]


class RuleClassifier:
    """Adds up the signals that show."""

    @property
    def name(self) -> str:
        """As its verdicts name it."""
        return NAME

    def classify(self, features: Features) -> Verdict:
        """Judge one request; the strongest signal on the winning side gives the class and the reason."""
        if features.kind in _SIDE_KINDS:
            return _SIDE
        signals = (*_ask_signals(features.ask[:ASK_LIMIT]), *_feature_signals(features))
        odds = PRIOR + sum(signal.weight for signal in signals)
        winning = [signal for signal in signals if (signal.weight > 0) == (odds > 0)]
        if not winning:
            return Verdict(
                p_local=_probability(odds), kind="unknown", why="shows no sign of the kind of work", by=NAME
            )
        strongest = max(winning, key=lambda signal: abs(signal.weight))
        return Verdict(p_local=_probability(odds), kind=strongest.kind, why=strongest.why, by=NAME)


@lru_cache(maxsize=ASKS_KEPT)
def _ask_signals(ask: str) -> tuple[Signal, ...]:
    # Lower-casing once makes these searches twice as fast as ignoring case in each.
    lowered = ask.lower()
    return tuple(
        signal
        for signal, searches in _SEARCHES
        if (not signal.words or any(map(lowered.__contains__, signal.words)))
        and any(search(lowered) for search in searches)
    )


def _feature_signals(features: Features) -> tuple[Signal, ...]:
    return tuple(signal for signal in FEATURE_SIGNALS if getattr(features, signal.feature) >= signal.at_least)


def _probability(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))
