"""What the local machine costs, as the settings tell it."""

from typing import Protocol

JOULES_PER_KWH = 3_600_000


class Machine(Protocol):
    """What is known of the machine; see `router.settings.LocalSettings`."""

    @property
    def watts(self) -> float:
        """Drawn while it works."""
        ...

    @property
    def idle_watts(self) -> float:
        """Drawn while it waits."""
        ...

    @property
    def usd_per_kwh(self) -> float:
        """What electricity costs."""
        ...

    @property
    def card_usd(self) -> float:
        """What the card cost."""
        ...

    @property
    def card_years(self) -> float:
        """How long it is used."""
        ...

    @property
    def utilisation(self) -> float:
        """The part of that time in which it works, above 0 and at most 1."""
        ...
