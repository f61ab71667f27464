"""When the card has paid for itself, at the traffic there was. Pure arithmetic over totals.

    saved    what was asked for would have cost
             - what providers billed
             - the energy the machine drew, working and waiting
    months   the card's price / saved in a month

The card's wear is left out: its price is what is to be earned. Low and high come from the
baseline's two ends, a warm and a cold cache (see `router.billing.bill`). Less than nothing saved
means that the card never pays for itself at this traffic.
"""

from dataclasses import dataclass

from router.billing.local_cost import JOULES_PER_KWH
from router.settings import LocalSettings

DAYS_PER_MONTH = 365.25 / 12
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Totals over some days, of requests whose cost and baseline are both known."""

    days: float
    provider_usd: float
    """What providers billed: `cost_usd` without `local_usd`."""
    baseline_usd: float
    baseline_cold_usd: float
    engine_s: float
    """Seconds the local model worked."""
    unpriced: int = 0
    """Requests that the totals leave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Economics:
    """What the card earns. Dollars; `_low` is with a warm cache, `_high` with a cold one."""

    card_usd: float
    energy_usd_month: float
    saved_usd_month_low: float
    saved_usd_month_high: float
    months_low_saving: float | None
    """Months until the card is paid, by the low saving; None: never at this traffic, or no price is set."""
    months_high_saving: float | None
    utilisation: float
    """The part of the time in which the model worked, as measured."""
    pays_in_its_life: bool | None
    """Whether the low saving pays for it within `card_years`; None where its price is not set."""
    days: float
    """How long the traffic was watched: a month is scaled up from it."""
    unpriced: int


def break_even(traffic: Traffic, machine: LocalSettings) -> Economics:
    """Compute what the card earns in a month like these days, and when it is paid.

    Raises:
        ValueError: `traffic.days` is not above 0.
    """
    if traffic.days <= 0:
        raise ValueError("days: break-even needs traffic over some time")
    elapsed = traffic.days * SECONDS_PER_DAY
    worked = min(traffic.engine_s, elapsed)
    joules = machine.watts * worked + machine.idle_watts * (elapsed - worked)
    energy = joules * machine.usd_per_kwh / JOULES_PER_KWH
    months = traffic.days / DAYS_PER_MONTH
    low = (traffic.baseline_usd - traffic.provider_usd - energy) / months
    high = (traffic.baseline_cold_usd - traffic.provider_usd - energy) / months
    paid = _months(machine.card_usd, low)
    return Economics(
        card_usd=machine.card_usd,
        energy_usd_month=energy / months,
        saved_usd_month_low=low,
        saved_usd_month_high=high,
        months_low_saving=paid,
        months_high_saving=_months(machine.card_usd, high),
        utilisation=worked / elapsed,
        pays_in_its_life=(paid is not None and paid <= 12 * machine.card_years) if machine.card_usd else None,
        days=traffic.days,
        unpriced=traffic.unpriced,
    )


def _months(card_usd: float, saved: float) -> float | None:
    return card_usd / saved if card_usd and saved > 0 else None
