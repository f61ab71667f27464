"""The ledger, as the rest of the router sees it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from router.keys import Keyring
from router.prices import Prices
from router.types import Outcome, Plan

Row = Mapping[str, Any]


class LedgerStore:
    """Implements `router.types.Ledger`, and what is read from it."""

    @classmethod
    def open(
        cls, location: str | Path = "", *, prices: Prices, cloud_model: str = "", write: bool = True
    ) -> Self:
        """Open the ledger at `location` (path or URL; empty for the user's data folder)."""
        raise NotImplementedError

    def begin(self, plan: Plan) -> None: ...
    def finish(self, request_id: str, outcome: Outcome) -> None: ...
    def flush(self) -> bool: ...
    def close(self) -> None: ...

    failures: int
    """Records that could not be written since the start."""

    def row(self, request_id: str) -> Row | None: ...
    def recent(self, limit: int, team: str | None = None) -> list[Row]: ...
    def count(self) -> int: ...

    def create_key(self, *, team: str, user: str, name: str = "") -> str:
        """Mint a key and return its secret, which is shown once."""
        ...

    def keys(self) -> list[Row]: ...
    def revoke_key(self, key_id: str) -> bool: ...
    def keyring(self) -> Keyring: ...
