"""Teams and their keys, as an admin sees them: what each may do, has spent, and which keys are in force."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from router.app.dashboard.facts import DashboardOptions
from router.app.dashboard.standings import Standing, standings
from router.ledger import reading
from router.ledger.reading import Totals
from router.periods import span

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One team."""

    name: str
    row: Row | None
    """Its terms; None for one that only the ledger knows."""
    month: Totals | None
    """What it used since this month began in the visitor's zone."""
    budgets: Sequence[Standing]
    keys: Sequence[Row]
    """In force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """All of them."""

    teams: Sequence[Member]
    admins: Sequence[Row]
    since: float


def look(options: DashboardOptions, zone: tzinfo) -> People:
    """Ask. May block."""
    now = time.time()
    month = span("month", str(zone), now)
    with options.engine.connect() as connection:
        used = {one.key[0]: one for one in reading.totals(connection, *month, by=("team",))}
    rows = {row["name"]: row for row in options.accounts.teams()}
    keys = [row for row in options.accounts.keys() if _in_force(row, now)]  # noqa: SIM118 - no dict
    budgets = standings(options.accounts, options.budgets, options.shelf)
    return People(
        teams=[
            Member(
                name=name,
                row=rows.get(name),
                month=used.get(name),
                budgets=[one for one in budgets if one.team == name],
                keys=[row for row in keys if row["team"] == name and not row["admin"]],
            )
            for name in sorted({*rows, *used}, key=lambda one: (-_spent(used.get(one)), one))
        ],
        admins=[row for row in keys if row["admin"]],
        since=month.since,
    )


def _in_force(row: Row, now: float) -> bool:
    return row["revoked_at"] is None and (row["expires_at"] is None or row["expires_at"] > now)


def _spent(used: Totals | None) -> float:
    return used["cost_usd"] if used else 0.0
