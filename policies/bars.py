"""The bars of a policy: what `turnout policy check` measures, and what it must come to.

A bar is held to the point estimate, except where its name ends in `_low`: that is the lower end
of the interval at the confidence `ci`. Shares are exact: each task of a suite is decided.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt
from types import MappingProxyType

from policies.conditions import nearest

SUITES = ("humaneval", "mbpp", "swebench")
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
METRICS: tuple[str, ...] = (*POOLED, *(f"{suite}_{name}" for suite in SUITES for name in POOLED))

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
    def text(self) -> str:
        """The bar as it is written."""
        return f"{self.relation} {self.value:g}"

    def holds(self, measured: float) -> bool:
        """Whether a figure meets the bar; nan never does."""
        return _RELATIONS[self.relation](measured, self.value)


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
    if metric not in METRICS:
        raise ValueError(f"nothing is measured by this name{nearest(metric, [*METRICS, 'ci'])}")
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise ValueError(f"'{text}' is no bar; write a relation and a number, such as '>= 0.98'")
    relation, number, percent = written.groups()
    return Bar(metric=metric, relation=relation, value=float(number) / (100 if percent else 1))
