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


_EXAMPLE = "sample_spec"
"""The row of the table that explains the others."""
_REMEMBERED = 1024
"""Model names come from clients: what is remembered of them must have an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens; None where the table has no such column."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None


class Listed(Protocol):
    """A price someone set by hand, in full: it holds for prompts of any length."""

    @property
    def input(self) -> float:
        """As in `Price`."""
        ...

    @property
    def output(self) -> float:
        """As in `Price`."""
        ...

    @property
    def cache_read(self) -> float:
        """As in `Price`."""
        ...

    @property
    def cache_write_5m(self) -> float:
        """As in `Price`."""
        ...

    @property
    def cache_write_1h(self) -> float:
        """As in `Price`."""
        ...


Tiers = tuple[tuple[int, Price], ...]
"""(above how many prompt tokens, price), the highest first; empty where unknown."""


class Prices:
    """Looks prices up: `overrides` first, then the bundled table."""

    def __init__(self, overrides: Mapping[str, Listed] = MappingProxyType({})) -> None:
        self._overrides = {
            name.lower(): Price(**{column: getattr(price, column) for column in COLUMNS})
            for name, price in overrides.items()
        }
        self._known: dict[str, Tiers] = {}

    def price(self, model: str, prompt: int = 0) -> Price | None:
        """Return what `model` costs for a prompt of `prompt` tokens; None where unknown."""
        tiers = self._known.get(model)
        if tiers is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            tiers = self._known[model] = self._find(model.lower())
        return next((price for above, price in tiers if prompt > above), None)

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

    def _find(self, model: str) -> Tiers:
        for name in self._names(model):
            if (override := self._overrides.get(name)) is not None:
                return ((-1, override),)
            if tiers := _tiers(self._row(name)):
                return tiers
        return ()

    def _names(self, model: str) -> Iterator[str]:
        """The name as asked, then without its suffixes, one after the other.

        A prefix may go only where it names the row's own seller: what a reseller takes for
        a model is not what its maker takes.
        """
        while True:
            yield model
            seller, _, bare = model.partition("/")
            if bare and self._row(bare).get("litellm_provider") == seller:
                yield bare
            if (shorter := _SUFFIX.sub("", model)) == model:
                return
            model = shorter

    def _row(self, name: str) -> dict[str, Any]:
        raw = self._table.get(name)
        return msgspec.json.decode(raw, type=dict[str, Any]) if raw is not None else {}

    @cached_property
    def _table(self) -> dict[str, msgspec.Raw]:
        """The bundled table, each row still as bytes: 4000 rows, of which a team needs five."""
        spec = find_spec("litellm")
        if spec is None or not spec.submodule_search_locations:
            return {}
        path = Path(spec.submodule_search_locations[0]) / TABLE
        rows = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
        return {name.lower(): row for name, row in rows.items() if name != _EXAMPLE}


def _tiers(row: Mapping[str, Any]) -> Tiers:
    """The prices of one row, the longest prompts' first."""
    lengths = {int(match[1]) for column in row if (match := _TIER.search(column))}
    above = [
        (1000 * length, _price(row, f"_above_{length}k_tokens")) for length in sorted(lengths, reverse=True)
    ]
    base = _price(row, "")
    return (*above, (-1, base)) if base != Price() else ()


def _price(row: Mapping[str, Any], tier: str) -> Price:
    """One tier's columns; where it leaves one out, the base price goes on."""
    rates = {ours: row.get(column + tier, row.get(column)) for ours, column in COLUMNS.items()}
    # Rounded to a billionth of a dollar: 1e-07 * 1e6 is 0.09999999999999999.
    return Price(**{ours: round(rate * MILLION, 9) for ours, rate in rates.items() if rate is not None})
