"""Where requests are written down: a journal that survives `kill -9`, posted to a database in groups."""

from router.ledger.store import LedgerStore

__all__ = ["LedgerStore"]
