"""What the dashboard knows of the endpoint it is part of: collaborators, and a few questions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from classifiers.features import Features
from policies.decision import State
from policies.registry import PolicyRegistry
from router.accounts.keys import Keyring
from router.ledger.accounts import Accounts
from router.ledger.budgets import Budgets
from router.telemetry.observers import ObservedLedger

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardOptions:
    """What the dashboard needs."""

    engine: sa.Engine
    accounts: Accounts
    budgets: Budgets
    keyring: Keyring
    changed: Callable[[], Awaitable[None]]
    """Puts what was changed into force."""
    registry: PolicyRegistry
    classifier: str
    health: Callable[[], Json]
    state: Callable[[Features], State]
    """What the tracks are like now."""
    ledger: ObservedLedger
