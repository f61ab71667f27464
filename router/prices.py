"""What tokens cost. One rule: an unknown price is unknown, never 0 and never guessed.

The table is the one that comes inside the litellm wheel, found and read without importing
litellm (which takes seconds). It is parsed on first need, off the request's path. Each of
the five usage columns is priced by its own column of the table, never by a multiple of
another: 5-minute and 1-hour cache writes, and prompts long enough for a dearer tier,
have columns of their own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from router.types import Usage

TABLE = "model_prices_and_context_window_backup.json"
MILLION = 1_000_000

COLUMNS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
}
"""Our usage columns and the table's names for their prices."""

_TIER = re.compile(r"_cost_per_token_above_(\d+)k_tokens$")
_SUFFIX = re.compile(r"\[1m\]$|@(default|latest|\d{8})$|-latest$|-\d{8}$|-\d{4}-\d{2}-\d{2}$")
"""What clients and clouds append to a model's name without changing its price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens; None where the table has no such column."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None


class Listed(Protocol):
    """A price someone set by hand, in full."""

    @property
    def input(self) -> float: ...
    @property
    def output(self) -> float: ...
    @property
    def cache_read(self) -> float: ...
    @property
    def cache_write_5m(self) -> float: ...
    @property
    def cache_write_1h(self) -> float: ...


class Prices:
    """Looks prices up: `overrides` first, then the bundled table."""

    def __init__(self, overrides: Mapping[str, Listed] = MappingProxyType({})) -> None:
        self._overrides = {
            name.lower(): Price(**{column: getattr(price, column) for column in COLUMNS})
            for name, price in overrides.items()
        }

    def price(self, model: str, prompt: int = 0) -> Price | None:
        """Return what `model` costs for a prompt of `prompt` tokens; None where unknown."""
        for name in self._names(model.lower()):
            if (override := self._overrides.get(name)) is not None:
                return override
            if (price := _price(self._row(name), prompt)) != Price():
                return price
        return None

    def cost(self, model: str, usage: Usage) -> float | None:
        """Return what `usage` costs in US dollars.

        None where the model is unknown, or where tokens were used in a column that has no
        price. Long-context tiers go by the whole prompt, cached tokens included, and then
        hold for every token of the request, as the providers bill it.
        """
        price = self.price(model, usage.prompt)
        if price is None:
            return None
        total = 0.0
        for column in COLUMNS:
            tokens, rate = getattr(usage, column), getattr(price, column)
            if tokens and rate is None:
                return None
            total += tokens * rate if tokens else 0.0
        return total / MILLION

    def _price(row: Mapping[str, Any], prompt: int) -> Price:
    tiers = (int(match[1]) for column in row if (match := _TIER.search(column)))
    tier = max((t for t in tiers if prompt > t * 1000), default=0)
    return Price(**{ours: _rate(row, column, tier) for ours, column in COLUMNS.items()})


def _rate(row: Mapping[str, Any], column: str, tier: int) -> float | None:
    rate = row.get(f"{column}_above_{tier}k_tokens", row.get(column))
    return rate * MILLION if isinstance(rate, int | float) else None
