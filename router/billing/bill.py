"""What a request cost, and what it would have cost had the client got what it asked for.

Cost: the tokens that a provider served, what the router itself wasted there, and the local
model's energy and wear where the settings tell what these cost (`local_cost`); where they do
not, `local_usd` is None and the cost is the provider's part alone.

Baseline: the same tokens at the price of the model asked for, at the prices of that time.
Tokens that the cloud served are taken as it served them; of local ones it is not known what
its cache would have held, so there are two: warm (what came before in the conversation is
read from the cache: the low end, and what savings are counted against) and cold (nothing is).

None is unknown, on its own side only. Cost minus baseline may well be positive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from policies.decide import named_track
from router.billing.local_cost import LocalCost
from router.billing.prices import Prices
from router.types import EMBEDDING, USAGE_FIELDS, Attempt, Usage

_attempts = msgspec.json.Decoder(tuple[Attempt, ...])

NOTHING = "nothing was generated"
ASKED_LOCAL = "asked for local"
AS_SERVED = "same tokens, as the cloud cached them"
WARM = "same tokens, warm cache"
USUAL = ", usual model"
"""Names of the counterfactual's assumptions; the last is added where no model with a price was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """Both sides, in US dollars; None is unknown."""

    cost_usd: float | None
    local_usd: float | None
    """The part of it that work on this machine took; None where the settings do not tell its price."""
    wasted_usd: float | None
    """The part of it that failed or abandoned attempts took, on either track."""
    baseline_model: str
    baseline_usd: float | None
    """With a warm cache: the low end."""
    baseline_cold_usd: float | None
    """With nothing cached: the high end."""
    baseline_how: str
    """The counterfactual's assumptions, by name."""
    budget_usd: float = 0.0
    """What budgets are charged: the provider's part. Never unknown; no column of the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledRequest:
    """A request that was billed just now."""

    id: str
    team: str
    key_id: str
    begun_at: float
    usd: float
    """What providers billed: energy and wear of the own card are no part of a budget."""
    track: str = ""
    """Which served."""
    bill: Bill | None = None


class Billing:
    """Makes bills. `cloud_model` is what a client gets that named no model with a price."""

    def __init__(self, prices: Prices, cloud_model: str, local_cost: LocalCost | None = None) -> None:
        self._prices = prices
        self._cloud_model = cloud_model
        self._local_cost = local_cost

    def bill(self, row: Mapping[str, Any], cached: int) -> Bill:
        """Bill one finished row; a cloud would have had `cached` tokens of its prompt in its cache."""
        if row["operation"] == "count":
            return _free(None if self._local_cost is None else 0.0)
        at = row["begun_at"]
        usage = Usage(
            estimated=bool(row["usage_estimated"]),
            terms=row.get("terms") or "",
            **{column: row[column] or 0 for column in USAGE_FIELDS},
        )
        attempts = _attempts.decode(row["attempts"])
        served = 0.0 if row["served_track"] == "local" else self._cost(row["served_model"], usage, at)
        prompt = Usage(input=usage.prompt or row["context_tokens"] or 0)
        failures = [
            self._prices.cost(attempt.model, attempt.usage or prompt, at=at)
            for attempt in attempts
            if attempt.usage or _abandoned(attempt)
        ]
        abandoned = _sum(*failures)
        local = self._local(row.get("engine_s"))
        failed = self._local(sum(attempt.engine_s or 0.0 for attempt in attempts if attempt.cause))
        return Bill(
            cost_usd=_sum(served, abandoned, local or 0.0),
            local_usd=local,
            wasted_usd=_sum(abandoned, failed or 0.0),
            budget_usd=self._charge(row, usage, served, attempts, failures),
            **self._counterfactual(row, attempts, usage, cached),
        )

    def usual_model(self, row: Mapping[str, Any]) -> str:
        """The model that a provider was asked for, as far as a row tells that has no end."""
        requested = row["asked_model"] or ""
        priced = self._prices.price(requested, at=row["begun_at"]) is not None
        return requested if priced else self._cloud_model

    def _local(self, worked: float | None) -> float | None:
        """What `worked` seconds of the engine cost; a row from before they were measured is unknown."""
        return None if self._local_cost is None or worked is None else self._local_cost.of_seconds(worked)

    def _cost(self, model: str, usage: Usage, at: float) -> float | None:
        if not (usage.prompt or usage.output):
            return None if usage.estimated else 0.0
        return self._prices.cost(model, usage, at=at)

    def _charge(
        self,
        row: Mapping[str, Any],
        usage: Usage,
        served: float | None,
        attempts: Sequence[Attempt],
        failures: Sequence[float | None],
    ) -> float:
        """What budgets are charged, also where the price is unknown.

        A provider may report a model without a price: then the one that it was asked for tells what
        was served, and where that has none either, all that was reserved counts as used up.
        """
        if served is None and attempts:
            served = self._cost(attempts[-1].model, usage, row["begun_at"])
        parts = (served, *failures)
        least = sum(part for part in parts if part is not None)
        if None in parts or row.get("cut_off"):
            return max(least, row.get("reserved_usd") or 0.0)
        return least

    def _counterfactual(
        self, row: Mapping[str, Any], attempts: Sequence[Attempt], usage: Usage, cached: int
    ) -> dict[str, Any]:
        """The columns of what was asked for: its own model where it has a price, `local` where it said so."""
        requested, local, at = row["asked_model"] or "", row["served_track"] == "local", row["begun_at"]
        if _asked_local(row, attempts):
            return _columns("local", 0.0, 0.0, ASKED_LOCAL)
        if row.get("kind") == EMBEDDING:  # no other model would have done it
            model = row["served_model"] or requested
            as_served = self._cost(model, usage, at)
            return _columns(model, as_served, as_served, AS_SERVED)
        priced = self._prices.price(requested, at=at) is not None
        model = self.usual_model(row)
        how = (WARM if local else AS_SERVED) + ("" if priced else USUAL)
        if not local:
            as_served = self._cost(model, usage, at)
            return _columns(model, as_served, as_served, how)
        new = Usage(input=usage.prompt, output=usage.output, estimated=usage.estimated)
        warm = self._cost(model, self._from_cache(model, new, cached, at), at)
        return _columns(model, warm, self._cost(model, new, at), how)

    def _from_cache(self, model: str, new: Usage, cached: int, at: float) -> Usage:
        """The same tokens with what the cloud had seen before taken from its cache.

        Writing the cache costs extra and is left out, so a saving is never made larger by it.
        """
        price = self._prices.price(model, new.input, at=at)
        read = min(cached, new.input) if price is not None and price.cache_read is not None else 0
        return replace(new, input=new.input - read, cache_read=read)


def _columns(model: str, warm: float | None, cold: float | None, how: str) -> dict[str, Any]:
    return {"baseline_model": model, "baseline_usd": warm, "baseline_cold_usd": cold, "baseline_how": how}


def _asked_local(row: Mapping[str, Any], attempts: Sequence[Attempt]) -> bool:
    """Whether the client named the local model: as it was routed, or by the name asked of the server.

    What the server calls its model in the answer is no evidence: it may be any name, also a provider's.
    """
    if row.get("rule") == "asked":
        return bool(row.get("track") == "local")
    names = {attempt.model for attempt in attempts if attempt.track == "local"}
    if not names and not row.get("rule") and row["served_track"] == "local":
        names = {row["served_model"] or ""}  # a row of which no more is known
    return any(named_track(row["asked_model"] or "", name) == "local" for name in names or {""})


def _abandoned(attempt: Attempt) -> bool:
    """Whether the cloud was left while it read, in a journal from before attempts had their usage."""
    return attempt.track == "cloud" and attempt.cause == "slow"


def _free(local: float | None) -> Bill:
    """Of what generates nothing: counting tokens is free everywhere."""
    return Bill(cost_usd=0.0, local_usd=local, wasted_usd=0.0, **_columns("", 0.0, 0.0, NOTHING))


def _sum(*parts: float | None) -> float | None:
    """Add up; unknown where a part is."""
    amounts = [part for part in parts if part is not None]
    return sum(amounts) if len(amounts) == len(parts) else None
