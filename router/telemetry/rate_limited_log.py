"""What goes wrong while nobody may be bothered: counted always, logged now and then."""

import time

import structlog

log = structlog.get_logger(__name__)

AGAIN_S = 60.0
"""The same trouble is logged no more often than this: a full disk meets every request."""


class Complaints:
    """Counts lost records and says why."""

    def __init__(self) -> None:
        self.lost = 0
        """Records that were never written."""
        self._said: dict[str, float] = {}

    def record_lost(self, error: BaseException) -> None:
        """A record could not be written; the request it belongs to goes on."""
        self.lost += 1
        self._say("ledger_record_lost", error)

    def post_failed(self, error: BaseException) -> None:
        """The database took nothing; the journal keeps it until it does."""
        self._say("ledger_post_failed", error)

    def prune_failed(self, error: BaseException) -> None:
        """Old rows could not be removed; it is tried again."""
        self._say("ledger_prune_failed", error)

    def _say(self, event: str, error: BaseException) -> None:
        now = time.monotonic()
        if now - self._said.get(event, -AGAIN_S) >= AGAIN_S:
            self._said[event] = now
            log.error(event, why=f"{type(error).__name__}: {error}", lost=self.lost)
