"""What had to stay is there after a restart, on both databases."""

from collections.abc import Callable

from router.ledger import LedgerStore
from router.types import Protected

ROWS = [Protected("session", "s1", "web", "vaults/**", 10.0), Protected("line", "l1", "web", "*.key", 20.0)]


def test_rows_and_key_stay(opened: Callable[..., LedgerStore]) -> None:
    first = opened()
    key = first.protected.key()
    first.protected.keep(ROWS)
    first.protected.keep(ROWS)
    first.close()
    second = opened()
    assert second.protected.key() == key
    assert second.protected.load() == ROWS
    second.protected.prune(15.0)
    assert [row.digest for row in opened().protected.load()] == ["l1"]


def test_what_another_process_wrote_is_taken(opened: Callable[..., LedgerStore]) -> None:
    first, other = opened(), opened()
    assert first.protected.load() == []
    other.protected.keep(ROWS)
    assert first.protected.load() == ROWS
