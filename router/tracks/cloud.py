"""The provider's model: relayed byte for byte where the client speaks its dialect."""

from policies.decide import Decision
from router.settings import CloudSettings
from router.tracks.egress import Egress
from router.types import Plan, Reply


class CloudTrack:
    """Answers from the provider."""

    def __init__(self, settings: CloudSettings, egress: Egress) -> None:
        self._settings = settings
        self._egress = egress

    @property
    def up(self) -> bool:
        """False for a short while after the provider failed several times in a row."""
        return True

    async def start(self) -> None:
        """Nothing is opened before the first request needs it."""

    async def close(self) -> None:
        """Close what this track opened; the egress is closed by whoever made it."""

    async def open(self, plan: Plan, decision: Decision) -> Reply:
        """See `router.types.Track`."""
        raise NotImplementedError

    async def count(self, plan: Plan) -> int:
        """See `router.types.Track`."""
        raise NotImplementedError
