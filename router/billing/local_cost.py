"""What a second of the local model's work costs: energy, and the card's wear. From settings alone.

    energy   watts while it works, and its share of the watts while it idles, at a price per kWh
    wear     the card's price over the seconds it will have worked in its life

Both spread what the machine costs in a year over the part of the year it works, which is the
`utilisation` that the settings assume: a card that idles nine hours for one of work costs that
hour ten hours of wear. Work is counted in the engine's seconds; answers computed side by side
share each second, so the sum over all requests is the time the engine was busy, once.
"""

from dataclasses import dataclass
from typing import Self

from router.settings import LocalSettings

JOULES_PER_KWH = 3_600_000
SECONDS_PER_YEAR = 365.25 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCost:
    """US dollars per second of work."""

    energy: float = 0.0
    wear: float = 0.0

    @classmethod
    def of(cls, machine: LocalSettings) -> Self | None:
        """Compute it; None where neither energy nor the card's price is configured."""
        if not (machine.watts or machine.card_usd):
            return None
        worked = machine.utilisation
        joules = machine.watts + machine.idle_watts * (1 - worked) / worked
        return cls(
            energy=joules * machine.usd_per_kwh / JOULES_PER_KWH,
            wear=machine.card_usd / (machine.card_years * SECONDS_PER_YEAR * worked),
        )

    def of_seconds(self, worked: float) -> float:
        """What `worked` seconds cost, in US dollars."""
        return worked * (self.energy + self.wear)
