"""What a shell offers after Tab: policies, teams, keys and clients, as they are on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from policies.load import SHIPPED
from router.errors import TurnoutError

Offer = list[tuple[str, str]]
"""Words, and what each is."""


def complete_policy(incomplete: str) -> list[str]:
    """Offer shipped policies, and YAML files."""
    folder = incomplete[: incomplete.rfind("/") + 1]
    files = (f"{folder}{file.name}" for file in sorted(Path(folder).glob("*.y*ml")))
    return [name for name in (*SHIPPED, *files) if name.startswith(incomplete)]


def complete_team(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the ledger's teams."""
    return [row["name"] for row in _rows(context, "teams") if row["name"].startswith(incomplete)]


def complete_key(context: typer.Context, incomplete: str) -> Offer:
    """Offer the keys in force."""
    rows = (row for row in _rows(context, "keys") if row["revoked_at"] is None)
    return [
        (row["id"], " ".join(filter(None, (row["team"], row["user"], row["name"]))))
        for row in rows
        if row["id"].startswith(incomplete)
    ]


def complete_client(incomplete: str) -> Offer:
    """Offer the clients that can be connected."""
    from router.connect.clients.catalog import CLIENTS

    return [(client.name, client.title) for client in CLIENTS if client.name.startswith(incomplete)]


def _rows(context: typer.Context, what: str) -> Iterator[dict[str, Any]]:
    """Rows of the ledger; none where it cannot be read, since a shell has no place for a reason."""
    import sqlalchemy as sa

    from router.cli.ledger_file import open_ledger

    try:
        with open_ledger(context.params.get("ledger")) as store:
            yield from store.accounts.teams() if what == "teams" else store.accounts.keys()
    except (TurnoutError, sa.exc.SQLAlchemyError):
        return
