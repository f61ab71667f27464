"""The ledger's troubles: counted always, logged now and then."""

import time

import structlog

log = structlog.get_logger(__name__)

INTERVAL_S = 60.0
"""The same event is logged no more often than this: a full disk affects every request."""


class RateLimitedLog:
    """Counts lost records and logs why."""

    def __init__(self) -> None:
        self.lost = 0
        """Records that were never written."""
        self._logged_at: dict[str, float] = {}

    def record_lost(self, error: BaseException) -> None:
        """A record could not be written; its request goes on."""
        self.lost += 1
        self._log("ledger_record_lost", error)

    def post_failed(self, error: BaseException) -> None:
        """The database took nothing; the journal keeps it until it does."""
        self._log("ledger_post_failed", error)

    def prune_failed(self, error: BaseException) -> None:
        """Old rows could not be removed; it is tried again."""
        self._log("ledger_prune_failed", error)

    def _log(self, event: str, error: BaseException) -> None:
        now = time.monotonic()
        if now - self._logged_at.get(event, -INTERVAL_S) >= INTERVAL_S:
            self._logged_at[event] = now
            log.error(event, why=f"{type(error).__name__}: {error}", lost=self.lost)
