"""What a request cost, and what it would have cost had the client got what it asked for.

Cost: the tokens that were served, local tokens at 0, and what the router itself wasted.
Baseline: the same tokens at the price of the model asked for, with a warm cache. Both are
None where a price or the token count is unknown. Cost minus baseline may well be positive.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from router.ledger.tables import USAGE
from router.prices import Prices
from router.types import Attempt, Usage

_attempts = msgspec.json.Decoder(tuple[Attempt, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Both sides, in US dollars; None is unknown."""

    cost_usd: float | None
    local_usd: float | None
    """The part of it that serving on this machine took."""
    wasted_usd: float | None
    """The part of it that failed or abandoned attempts took."""
    baseline_model: str
    baseline_usd: float | None
    baseline_how: str
    """The counterfactual's assumptions, by name."""


WARM = "same tokens, warm cache"
FREE = Bill(
    cost_usd=0.0, local_usd=0.0, wasted_usd=0.0, baseline_model="", baseline_usd=0.0, baseline_how=WARM
)


class Billing:
    """Makes bills. `cloud_model` is what a client gets that named no model with a price."""

    def __init__(self, prices: Prices, cloud_model: str) -> None:
        self._prices = prices
        self._cloud_model = cloud_model

    def bill(self, row: Mapping[str, Any], seen: int) -> Bill:
        """Bill one finished row; `seen` tokens of its prompt came before in the conversation."""
        if row["operation"] == "count":
            return FREE
        usage = Usage(estimated=bool(row["usage_estimated"]), **{c: row[c] or 0 for c in USAGE})
        local = row["served_track"] == "local"
        served = 0.0 if local else self._cost(row["served_model"], usage)
        wasted = self._wasted(row, usage)
        model = self._baseline(row["asked_model"] or "")
        asked = self._warm(model, usage, seen) if local else usage
        return Bill(
            cost_usd=None if served is None or wasted is None else served + wasted,
            local_usd=0.0,
            wasted_usd=wasted,
            baseline_model=model,
            baseline_usd=0.0 if model == "local" else self._cost(model, asked),
            baseline_how=WARM,
        )

    def _cost(self, model: str, usage: Usage) -> float | None:
        if not (usage.prompt or usage.output):
            return None if usage.estimated else 0.0
        return self._prices.cost(model, usage)

    def _wasted(self, row: Mapping[str, Any], usage: Usage) -> float | None:
        """What abandoned cloud attempts cost: a provider bills the prompt it was reading when we hung up.

        Errors are not billed. What came of the prompt is unknown, so all of it counts as new input.
        """
        prompt = usage.prompt or row["context_tokens"] or 0
        total = 0.0
        for attempt in _attempts.decode(row["attempts"]):
            if attempt.track == "cloud" and attempt.cause == "slow":
                cost = self._prices.cost(attempt.model, Usage(input=prompt))
                if cost is None:
                    return None
                total += cost
        return total

    def _baseline(self, asked: str) -> str:
        """The model the client asked for: its own where it has a price, `local` where it said so."""
        name = asked.strip().lower().removeprefix("turnout/").removeprefix("turnout-")
        if name == "local":
            return name
        return asked if self._prices.price(asked) is not None else self._cloud_model

    def _warm(self, model: str, usage: Usage, seen: int) -> Usage:
        """Local tokens as the cloud would have billed them: what it had seen before, from its cache.

        Writing the cache costs extra and is left out, so a saving is never made larger by it.
        """
        price = self._prices.price(model, usage.prompt)
        read = min(seen, usage.prompt) if price is not None and price.cache_read is not None else 0
        return Usage(
            input=usage.prompt - read, output=usage.output, cache_read=read, estimated=usage.estimated
        )
