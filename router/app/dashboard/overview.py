"""The first page: running requests, the latest decisions, and today's cost."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from router.accounts.periods import span
from router.app.dashboard.context import DashboardOptions, Json, by_share
from router.app.dashboard.totals import PeriodTotals, compute_totals
from router.ledger import queries
from router.ledger.budget_status import BudgetStatus
from router.ledger.queries import Row
from router.telemetry.observers import InFlightRequest

RECENT_DECISIONS = 12
"""Number of decisions on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything on the page, as of one moment."""

    at: float
    running: Sequence[InFlightRequest]
    health: Json
    local: str
    """State of the local track, in a few words."""
    local_up: bool
    vram: str
    """Memory of the GPU in words; empty if unknown."""
    slots: Sequence[int]
    """Tokens cached in each slot of the engine; empty for an external server."""
    last: Sequence[Row]
    today: PeriodTotals
    budgets: Sequence[BudgetStatus]
    """By share used, highest first."""


def load_overview(options: DashboardOptions, zone: tzinfo) -> Overview:
    """Query the ledger and the tracks. May block."""
    at = time.time()
    health = options.health()
    local = health["local"]
    with options.engine.connect() as connection:
        today = compute_totals(connection, *span("day", str(zone), at), zone, completions_apart=True)
        last = queries.recent(connection, limit=RECENT_DECISIONS).rows
    return Overview(
        at=at,
        running=options.ledger.in_flight(),
        health=health,
        local=_local(local),
        local_up=bool(local["up"] if "up" in local else local["state"] == "ready"),
        vram=_vram(local),
        slots=local.get("prefixes", ()),
        last=last,
        today=today,
        budgets=by_share(options.accounts, options.budgets, options.registry),
    )


def _local(local: Mapping[str, object]) -> str:
    if "url" in local:
        return "answers" if local["up"] else "does not answer"
    return f"{local['state']}: {local['reason']}" if local["reason"] else str(local["state"])


def _vram(local: Mapping[str, object]) -> str:
    """Format the memory that the engine reports in bytes, if it does."""
    used, total = local.get("vram_used"), local.get("vram_total")
    if not isinstance(used, int | float) or not isinstance(total, int | float):
        return ""
    return f"{used / 2**30:.1f} of {total / 2**30:.1f} GiB"
