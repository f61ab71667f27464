"""The first page: what runs, what was decided last and why, what today cost."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from router.accounts.periods import span
from router.app.dashboard.budgets import Standing, standings
from router.app.dashboard.context import DashboardOptions, Json
from router.app.dashboard.totals import Figures, figures
from router.ledger import queries
from router.ledger.queries import Row
from router.telemetry.observers import InFlightRequest

DECISIONS = 12
"""How many of the last decisions are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """One look."""

    at: float
    running: Sequence[InFlightRequest]
    health: Json
    local: str
    """How the local track is, in a few words."""
    local_up: bool
    vram: str
    """Memory on the card, in words; empty where it is not known."""
    slots: Sequence[int]
    """Tokens that each slot of the engine holds; empty where there is no engine of ours."""
    last: Sequence[Row]
    today: Figures
    budgets: Sequence[Standing]


def look(options: DashboardOptions, zone: tzinfo) -> Now:
    """Ask everything. May block."""
    at = time.time()
    health = options.health()
    local = health["local"]
    with options.engine.connect() as connection:
        today = figures(connection, *span("day", str(zone), at), zone)
        last = queries.recent(connection, limit=DECISIONS).rows
    return Now(
        at=at,
        running=options.ledger.in_flight(),
        health=health,
        local=_local(local),
        local_up=bool(local["up"] if "up" in local else local["state"] == "ready"),
        vram=_vram(local),
        slots=local.get("prefixes", ()),
        last=last,
        today=today,
        budgets=standings(options.accounts, options.budgets, options.registry),
    )


def _local(local: Mapping[str, object]) -> str:
    if "url" in local:
        return "answers" if local["up"] else "does not answer"
    return f"{local['state']}: {local['reason']}" if local["reason"] else str(local["state"])


def _vram(local: Mapping[str, object]) -> str:
    """Word what the engine tells of the card, where it tells it, in bytes."""
    used, total = local.get("vram_used"), local.get("vram_total")
    if not isinstance(used, int | float) or not isinstance(total, int | float):
        return ""
    return f"{used / 2**30:.1f} of {total / 2**30:.1f} GiB"
