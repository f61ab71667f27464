"""The bars of a policy: what `turnout policy check` measures, and what it must come to.

A bar is held to the point estimate, except where its name ends in `_low`: that is the lower end
of the interval at the confidence `ci`. Shares are exact: each task of a suite is decided.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from operator import ge, gt, le, lt
from types import MappingProxyType

from policies.conditions import nearest

SUITES = ("humaneval", "mbpp", "swebench", "everyday")
LABELLED = ("everyday",)
"""Suites whose asks say whether the message alone suffices."""
POOLED: Mapping[str, str] = MappingProxyType(
    {
        "local_share": "share of tasks that start on the local track",
        "quality": "share of tasks that pass",
        "quality_low": "the same, lower end of the interval",
        "quality_kept": "quality of the policy / quality of always-cloud",
        "quality_kept_low": "the same, lower end of the interval",
        "pgr": "share of the gap from always-local to always-cloud that is recovered",
        "saving": "1 - cost of the policy / cost of always-cloud",
        "saving_low": "the same, lower end of the interval",
    }
)
"""What is measured of the mixed traffic, and of each suite with its name before it."""
DECIDED: Mapping[str, str] = MappingProxyType(
    {
        "right": "share of labelled asks decided as labelled: self-contained local, repository cloud",
        "right_low": "the same, lower end of the interval",
        "self_contained_local": "share of self-contained asks that start on the local track",
        "self_contained_local_low": "the same, lower end of the interval",
        "repository_cloud": "share of asks that need the repository and start on the cloud",
        "repository_cloud_low": "the same, lower end of the interval",
    }
)
"""What is measured of a labelled suite beside that, with its name before it."""
METRICS: tuple[str, ...] = (
    *POOLED,
    *(f"{suite}_{name}" for suite in SUITES for name in POOLED),
    *(f"{suite}_{name}" for suite in LABELLED for name in DECIDED),
)
"""Those of the mixed traffic and of the shipped suites; a suite of the user's own has all of them, too."""
_OF_SUITE = re.compile(
    rf"(?P<suite>[A-Za-z][\w-]*?)_(?P<name>{'|'.join(sorted((*POOLED, *DECIDED), key=len, reverse=True))})"
)
_ALIKE = 0.9
"""From how alike on a name is taken for a shipped suite's, written wrongly."""

_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "local_share": (0, 1),
        "quality": (0, 1),
        "quality_kept": (0, 2),  # twice what always-cloud passes is out of any policy's reach
        "pgr": (-inf, inf),
        "saving": (-inf, 1),
        "right": (0, 1),
        "self_contained_local": (0, 1),
        "repository_cloud": (0, 1),
    }
)
"""What each metric can come to, of whichever suite, and the ends of its interval with it."""

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {">=": ge, "<=": le, ">": gt, "<": lt}
)
_WRITTEN = re.compile(r"\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*(%?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A line of a policy's `check`: what a metric must come to."""

    metric: str
    relation: str
    value: float

    @property
    def suite(self) -> str:
        """The suite that it is of; empty for the mixed traffic."""
        return split(self.metric)[0]

    @property
    def own(self) -> bool:
        """Whether it is of a suite of the user's own, which a check judges with `--suite` alone."""
        return self.suite not in {"", *SUITES}

    @property
    def text(self) -> str:
        """The bar as it is written."""
        return f"{self.relation} {self.value:g}"

    def holds(self, measured: float) -> bool:
        """Whether a figure meets the bar; nan never does."""
        return bool(_RELATIONS[self.relation](measured, self.value))  # numpy has booleans of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The bars of a policy, from its `check`."""

    ci: float = 0.95
    """Confidence of the intervals."""
    bars: tuple[Bar, ...] = ()


def parse(metric: str, text: str) -> Bar:
    """Read a bar such as `>= 0.98` or `>= 98%`.

    Raises:
        ValueError: it is not a bar, or no such metric exists.
    """
    if metric not in METRICS and not _of_own_suite(metric):
        raise ValueError(f"nothing is measured by this name{nearest(metric, [*METRICS, 'ci'])}")
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise ValueError(f"'{text}' is no bar; write a relation and a number, such as '>= 0.98'")
    relation, number, percent = written.groups()
    return Bar(metric=metric, relation=relation, value=float(number) / (100 if percent else 1))


def split(metric: str) -> tuple[str, str]:
    """A metric as its suite, empty for the mixed traffic, and what is measured of it."""
    of_suite = None if metric in POOLED else _OF_SUITE.fullmatch(metric)
    return (of_suite["suite"], of_suite["name"]) if of_suite else ("", metric)


def _of_own_suite(metric: str) -> bool:
    """Whether it can be of a suite of the user's own: one whose name is not a shipped one's misspelt."""
    suite, _ = split(metric)
    return bool(suite) and not get_close_matches(suite.lower(), SUITES, n=1, cutoff=_ALIKE)


def own_suites(bars: Iterable[Bar]) -> tuple[str, ...]:
    """The user's own suites that bars are of."""
    return tuple(dict.fromkeys(bar.suite for bar in bars if bar.own))


def find_pointless(bars: Iterable[Bar]) -> Iterator[tuple[str, str]]:
    """Give each metric whose bar every policy passes, or none can, alone or beside another, and why."""
    by_metric = {bar.metric: bar for bar in bars}
    first, *others = own_suites(by_metric.values()) or ("",)
    for metric, bar in by_metric.items():
        if bar.suite in others:
            yield metric, f"no check can judge {first} and {bar.suite}, for --suite takes one file; join them"
        if problem := _decided(bar):
            yield metric, problem
            continue
        end = by_metric.get(f"{metric}_low")
        if end is None or end.relation not in {">=", ">"} or bar.relation not in {"<=", "<"}:
            continue
        # The lower end of an interval is never above the figure itself.
        if end.value > bar.value or (end.value == bar.value and (end.relation == ">" or bar.relation == "<")):
            yield metric, f"no policy can pass '{bar.text}' and {end.metric} '{end.text}'"


def _decided(bar: Bar) -> str:
    """Phrase that a bar is passed, or failed, whatever is measured; empty where it is not."""
    base = split(bar.metric)[1].removesuffix("_low")
    low, high = _RANGES.get(base, (-inf, inf))
    best, worst = (high, low) if bar.relation in {">=", ">"} else (low, high)
    if bar.holds(best) and not bar.holds(worst):
        return ""
    within = f"is at most {high:g}" if low == -inf else f"is between {low:g} and {high:g}"
    outcome = "every policy passes" if bar.holds(worst) else "no policy can pass"
    percent = f"; for {bar.value:g}%, write '{bar.relation} {bar.value:g}%'" if 2 <= bar.value <= 100 else ""  # noqa: PLR2004 # a percentage
    return f"'{bar.text}' is a bar that {outcome}: {base} {within}{percent}"
