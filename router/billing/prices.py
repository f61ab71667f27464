"""What tokens cost. One rule: an unknown price is unknown, never 0 and never guessed.

The table is the one that comes inside the litellm wheel, found and read without importing
litellm (which takes seconds). It is parsed on first need, off the request's path. Each of
the five usage columns is priced by its own column of the table, never by a multiple of
another: 5-minute and 1-hour cache writes, batches and other tiers of service, and prompts
long enough for a dearer tier, have columns of their own. What the table itself gives as a
factor (a faster mode, a region) is taken as that.

Prices set by hand come first, and may have dates: what holds is the price at the time of
the request. They are prices of the standard terms; other terms are set as `MODEL:TERMS`.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.util import find_spec
from math import inf, prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from router.settings import DatedPrice, ListPrice
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

SERVICE = {"batch": "_batches", "priority": "_priority", "flex": "_flex"}
"""Terms that have columns of their own, and how the table marks them; others are factors of a row."""
FACTORS = "provider_specific_entry"
"""The table's name for its factors."""

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


Tiers = tuple[tuple[int, Price], ...]
"""(above how many prompt tokens, price), the highest first; empty where unknown."""
Periods = tuple[tuple[float, Tiers], ...]
"""(from when, in seconds since the epoch, prices), the latest first."""
Overrides = Mapping[str, ListPrice | Sequence[DatedPrice]]


class Prices:
    """Looks prices up: `overrides` first, then the bundled table."""

    def __init__(self, overrides: Overrides = MappingProxyType({})) -> None:
        self._overrides = {name.lower(): _to_periods(prices) for name, prices in overrides.items()}
        self._periods: dict[tuple[str, str], Periods] = {}

    def price(self, model: str, prompt: int = 0, *, terms: str = "", at: float | None = None) -> Price | None:
        """Return what `model` costs; None where unknown.

        Args:
            model: As a client or a provider writes it.
            prompt: Tokens of the whole prompt, cached ones included.
            terms: As in `Usage.terms`.
            at: When it was asked, in seconds since the epoch; None for now.
        """
        periods = self._periods.get((model, terms))
        if periods is None:
            if len(self._periods) >= _REMEMBERED:
                self._periods.clear()
            periods = self._periods[model, terms] = self._find(model.lower(), terms)
        moment = time.time() if at is None else at
        tiers = next((tiers for since, tiers in periods if moment >= since), ())
        return next((price for above, price in tiers if prompt > above), None)

    def cost(self, model: str, usage: Usage, *, at: float | None = None) -> float | None:
        """Return what `usage` costs in US dollars, asked at `at` (as in `price`).

        None where the model is unknown, or where tokens were used in a column that has no
        price. Long-context tiers go by the whole prompt, cached tokens included, and then
        hold for every token of the request, as the providers bill it.
        """
        price = self.price(model, usage.prompt, terms=usage.terms, at=at)
        if price is None:
            return None
        total = 0.0
        for column in COLUMNS:
            tokens, rate = getattr(usage, column), getattr(price, column)
            if tokens and rate is None:
                return None
            total += tokens * rate if tokens else 0.0
        return total / MILLION

    def row(self, model: str) -> Mapping[str, Any]:
        """What the bundled table has on `model`: prices, limits and what it supports; empty where unknown."""
        return next(filter(None, map(self._row, self._names(model.lower()))), {})

    def _find(self, model: str, terms: str) -> Periods:
        """What is known of `model`: prices set by hand, and the table's before the first of them."""
        names = tuple(self._names(model))
        suffix = f":{terms}" if terms else ""
        by_hand = (self._overrides.get(name + suffix) for name in names)
        listed = (_tiers(self._row(name), terms) for name in names)
        return (*next(filter(None, by_hand), ()), (-inf, next(filter(None, listed), ())))

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


def uncached_rate(price: Price, body: bytes) -> float | None:
    """What a token of a prompt costs at most of which nothing is cached, in dollars per million.

    Where the body marks what to cache, all of it is taken to be written there. None where it is unknown.
    """
    if price.input is None:
        return None
    rates = [price.input]
    if b"cache_control" in body:
        rates.append(price.cache_write_5m or 0.0)
        rates.append((price.cache_write_1h or 0.0) if b'"1h"' in body else 0.0)
    return max(rates)


def _to_periods(prices: ListPrice | Sequence[DatedPrice]) -> Periods:
    """What was set by hand, the latest first."""
    if not isinstance(prices, Sequence):
        return ((-inf, ((-1, _to_price(prices)),)),)
    dated = [(_midnight(price.since), ((-1, _to_price(price)),)) for price in prices]
    return tuple(sorted(dated, key=lambda period: period[0], reverse=True))


def _to_price(price: ListPrice) -> Price:
    return Price(**{column: getattr(price, column) for column in COLUMNS})


def _midnight(day: date | None) -> float:
    return -inf if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _tiers(row: Mapping[str, Any], terms: str) -> Tiers:
    """The prices of one row under `terms`, the longest prompts' first."""
    words = terms.split()
    service = "".join(SERVICE[word] for word in words if word in SERVICE)
    factors: dict[str, float] = row.get(FACTORS) or {}
    others = [word for word in words if word not in SERVICE]
    if not all(word in factors for word in others):
        return ()
    factor = prod(factors[word] for word in others)
    lengths = {int(match[1]) for column in row if (match := _TIER.search(column))}
    above = [
        (1000 * length, _price(row, service, factor, f"_above_{length}k_tokens"))
        for length in sorted(lengths, reverse=True)
    ]
    base = _price(row, service, factor)
    return (*above, (-1, base)) if base != Price() else ()


def _price(row: Mapping[str, Any], service: str, factor: float, tier: str = "") -> Price:
    """One tier's columns; where it leaves one out, the base price of the same service goes on."""
    rates = {
        ours: row.get(column + tier + service, row.get(column + service)) for ours, column in COLUMNS.items()
    }
    # Rounded to a billionth of a dollar: 1e-07 * 1e6 is 0.09999999999999999.
    return Price(
        **{ours: round(rate * factor * MILLION, 9) for ours, rate in rates.items() if rate is not None}
    )
