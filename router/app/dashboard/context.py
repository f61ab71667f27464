"""Collaborators of the dashboard, and callbacks into the running endpoint."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from classifiers.features import Features
from policies.decision import State
from policies.proof import Serving
from policies.registry import PolicyRegistry
from router.accounts.keys import Keyring
from router.ledger.accounts import Accounts
from router.ledger.budget_status import BudgetStatus, read_budget_status
from router.ledger.budgets import Budgets
from router.telemetry.observers import ObservedLedger

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardOptions:
    """Collaborators of the dashboard; `router.service` builds them."""

    engine: sa.Engine
    accounts: Accounts
    budgets: Budgets
    keyring: Keyring
    apply_changes: Callable[[], Awaitable[None]]
    """Brings changed teams and keys into force."""
    registry: PolicyRegistry
    serving: Serving
    """The classifier and the reading that serve."""
    health: Callable[[], Json]
    state: Callable[[Features], State]
    """The present state of the tracks, for a request with these features."""
    ledger: ObservedLedger


def by_share(accounts: Accounts, budgets: Budgets, registry: PolicyRegistry) -> list[BudgetStatus]:
    """Read all budgets; the one that is used up most comes first. May block."""
    statuses = read_budget_status(accounts, budgets, registry.of)
    return sorted(statuses, key=lambda status: -status.share)
