"""The ledger that a command reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from router.settings import load_settings

if TYPE_CHECKING:
    from router.ledger.store import LedgerStore


@contextmanager
def open_ledger(ledger: str | None) -> "Iterator[LedgerStore]":
    """Open the ledger of the settings, or this one, to be read."""
    from router.ledger.store import LedgerStore

    settings = load_settings(ledger=ledger)
    store = LedgerStore.of(settings, write=False)
    try:
        yield store
    finally:
        store.close()
