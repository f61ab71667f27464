"""What each variable of a condition can be: words of a known set, a range of numbers, on or off, any text.

A comparison that no value of the variable can meet is a mistake, and a rule that earlier ones
leave no value to never decides; both are found at load, from this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Literal, get_args, get_origin

from classifiers.features import Client
from classifiers.verdict import Work
from policies.conditions import Value
from policies.variables import NAMED_FEATURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One of these words, or a switch's two values."""

    values: tuple[str | bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A number from `low` to `high`, both included."""

    low: float = -inf
    high: float = inf
    integer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Any text."""


Domain = Words | Numbers | Text
COUNT = Numbers(low=0, integer=True)
SHARE = Numbers(low=0, high=1)
SWITCH = Words(values=(False, True))


def _of_feature(kind: object) -> Domain:
    """The domain of a field of `Features`: its fractions are probabilities, its whole numbers counts."""
    if get_origin(kind) is Literal:
        return Words(values=get_args(kind))
    by_type: Mapping[object, Domain] = {bool: SWITCH, int: COUNT, float: SHARE}
    return by_type.get(kind, Text())


DOMAINS: Mapping[str, Domain] = MappingProxyType(
    {
        **{field.name: _of_feature(field.type) for field in NAMED_FEATURES},
        "client": Words(values=get_args(Client)),
        "p_local": SHARE,
        "work": Words(values=get_args(Work)),
        "local.context": COUNT,
        "local.wait_s": Numbers(low=0),
        "local.up": SWITCH,
        "local.vision": SWITCH,
        "local.audio": SWITCH,
        "cloud.up": SWITCH,
        "budget.left_usd": Numbers(),
        "last.track": Words(values=("", "local", "cloud")),
        "last.rule": Text(),
        "team": Text(),
        "user": Text(),
    }
)
"""By variable, as a condition names it; `params.*` are constants and not here."""


def domain_of(name: str, sample: Mapping[str, Value]) -> Domain:
    """What `name` can be; a parameter is the one number that the policy gives it."""
    group, _, member = name.partition(".")
    if group == "params":
        params = sample["params"]
        value = float(params[member]) if isinstance(params, Mapping) else 0.0
        return Numbers(low=value, high=value)
    return DOMAINS[name]
