"""A ledger of its own for each test, and a report of what is posted to it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from report_traffic import DAY, NOON, RequestSpec, empty, open_ledger, post_requests

from policies.load import load
from policies.policy import Policy
from router.ledger.store import LedgerStore
from router.reports.assemble import collect_facts
from router.reports.facts import Facts
from router.reports.scope import Scope
from router.settings import LocalSettings

SCOPE = Scope(team=None, first=date(2026, 11, 1), last=date(2026, 11, 3), zone=ZoneInfo("UTC"))
FactsBuilder = Callable[..., Facts]
BALANCED = load("balanced")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStore]:
    """One for all tests: a new one would compile all of a report's questions anew."""
    opened = open_ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    yield opened
    opened.close()


@pytest.fixture
def ledger(store: LedgerStore) -> LedgerStore:
    """The same with nothing in it."""
    empty(store)
    return store


@pytest.fixture
def build_facts(ledger: LedgerStore) -> FactsBuilder:
    """Post traffic and gather a report's facts; the period is 1 to 3 November unless told."""

    def make(
        specs: Sequence[RequestSpec] = (),
        *,
        now: float = NOON + 10 * DAY,
        machine: LocalSettings | None = None,
        policy_of: Callable[[str], Policy] = lambda _: BALANCED,
        **scope: object,
    ) -> Facts:
        post_requests(ledger, specs)
        return collect_facts(ledger, replace(SCOPE, **scope), now, policy_of, machine)

    return make
