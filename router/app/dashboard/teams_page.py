"""Teams with their usage and limits, and the keys in force."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from router.accounts.periods import span
from router.app.dashboard.context import DashboardOptions, by_share
from router.ledger import queries
from router.ledger.budget_status import BudgetStatus
from router.reports import totals

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamUsage:
    """A team's usage since the month began."""

    name: str
    row: Row | None
    """Its limits; None for a team that only the ledger has."""
    requests: float
    local: float
    cost_usd: float | None
    saved_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsView:
    """Teams, budgets and keys, as of one moment."""

    since: float
    teams: Sequence[TeamUsage]
    """By cost, highest first."""
    budgets: Sequence[BudgetStatus]
    """By share used, highest first."""
    keys: Sequence[Row]


def load_teams(options: DashboardOptions, zone: tzinfo) -> TeamsView:
    """Query the ledger. May block."""
    now = time.time()
    month = span("month", str(zone), now)
    with options.engine.connect() as connection:
        groups = totals.nest_by_last_key(queries.totals(connection, *month, by=("team", "track")))
    rows = {row["name"]: row for row in options.accounts.teams()}
    teams = []
    for name in {*rows, *(key[0] for key in groups)}:
        tracks = groups.get((name,), {})
        total = totals.merge(tracks.values()).get((), totals.empty(*month))
        teams.append(
            TeamUsage(
                name=name,
                row=rows.get(name),
                requests=total["requests"],
                local=tracks["local"]["requests"] if "local" in tracks else 0,
                cost_usd=totals.known_cost_usd(total),
                saved_usd=totals.saved_usd(total),
            )
        )
    return TeamsView(
        since=month.since,
        teams=sorted(teams, key=lambda team: (-(team.cost_usd or 0.0), team.name)),
        budgets=by_share(options.accounts, options.budgets, options.registry),
        keys=[row for row in options.accounts.keys() if _in_force(row, now)],  # noqa: SIM118 - no dict
    )


def _in_force(row: Row, now: float) -> bool:
    return row["revoked_at"] is None and (row["expires_at"] is None or row["expires_at"] > now)
