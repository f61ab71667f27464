"""Budgets: the dashboard, a report and `/admin/teams` show the same ones, with the same figures."""

import json
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from policies.load import PolicyHolder
from policies.registry import PolicyRegistry
from router.accounts.keys import Keyring
from router.accounts.teams import Budget, Team, Terms
from router.app.admin import list_teams
from router.app.dashboard.context import by_share
from router.billing.prices import Prices
from router.ledger.budget_status import read_budget_status
from router.ledger.store import LedgerStore
from router.ledger.tables import spending
from router.reports.assemble import collect_facts
from router.reports.json_document import render_json
from router.reports.scope import Scope

POLICY = "name: {name}\notherwise: {{to: cloud, why: any}}\nbudget: {{team_month_usd: {usd}}}\n"


@pytest.fixture
def store(tmp_path):
    store = LedgerStore.open(tmp_path / "ledger.db", prices=Prices({}), write=False)
    yield store
    store.close()


@pytest.fixture
def registry(tmp_path, store):
    """A policy of the endpoint's that gives each team $200 a month, and one of a key's that gives $50."""
    files = {}
    for name, usd in (("everybody", 200), ("interns", 50)):
        files[name] = tmp_path / f"{name}.yaml"
        files[name].write_text(POLICY.format(name=name, usd=usd))
    store.accounts.add_team(
        Team(name="web", zone="Asia/Tokyo", terms=Terms(budget=Budget(usd=10, per="day")))
    )
    store.accounts.add_team(Team(name="data"))
    store.accounts.create_key(team="web", user="ana", name="desk", terms=Terms(budget=Budget(usd=5)))
    store.accounts.create_key(team="data", user="bo", terms=Terms(policy=str(files["interns"])))
    roster = store.accounts.load()
    registry = PolicyRegistry(
        PolicyHolder(str(files["everybody"])), lambda name, why: pytest.fail(f"{name}: {why}")
    )
    registry.sync(Keyring(roster.keys, roster.teams).policies)
    return registry


def spend(store, **usd):
    at = int(time.time() // 900) * 900
    scopes = {"web": "team:web", "data": "team:data"}
    scopes |= {key.user: f"key:{key.id}" for key in store.accounts.load().keys.values()}
    rows = [{"scope": scopes[owner], "at": at, "usd": amount} for owner, amount in usd.items()]
    with store.engine.begin() as connection:
        connection.execute(sa.insert(spending), rows)


def test_a_key_without_a_policy_falls_under_its_team_s(store, registry, tmp_path):
    free = tmp_path / "free.yaml"
    free.write_text("name: free\notherwise: {to: cloud, why: free}\n")
    store.accounts.add_team(Team(name="lab", terms=Terms(policy=str(free))))
    store.accounts.create_key(team="lab", user="cy")
    roster = store.accounts.load()
    registry.sync(Keyring(roster.keys, roster.teams).policies)
    statuses = read_budget_status(store.accounts, store.budgets, registry.of)
    assert [status for status in statuses if status.team == "lab"] == []


def test_where_no_key_is_asked_for_requests_fall_under_the_default_team(tmp_path):
    everybody = tmp_path / "everybody.yaml"
    everybody.write_text(POLICY.format(name="everybody", usd=200))
    store = LedgerStore.open(tmp_path / "open.db", prices=Prices({}), write=False)
    registry = PolicyRegistry(PolicyHolder(str(everybody)), lambda name, why: pytest.fail(f"{name}: {why}"))
    store.accounts.add_team(Team(name="web"))
    statuses = read_budget_status(store.accounts, store.budgets, registry.of)
    assert [(status.team, status.policy) for status in statuses] == [
        ("default", "everybody"),
        ("web", "everybody"),
    ]
    store.close()


def test_three_places_show_the_same_budgets_with_the_same_figures(store, registry):
    spend(store, web=12.5, data=20, ana=1.25)
    expected = {
        ("data", False, "everybody", 200.0, 20.0),
        ("data", False, "interns", 50.0, 20.0),
        ("web", False, "", 10.0, 12.5),
        ("web", False, "everybody", 200.0, 12.5),
        ("web", True, "", 5.0, 1.25),
    }
    dashboard = by_share(store.accounts, store.budgets, registry)
    assert (dashboard[0].team, dashboard[0].share) == ("web", 1.25)
    assert {
        (status.team, bool(status.key), status.policy, status.budget.usd, status.balance.spent_usd)
        for status in dashboard
    } == expected

    teams = list_teams(store.accounts, store.budgets, registry.of)
    assert {
        (team["name"], bool(budget["key"]), budget["policy"] or "", budget["limit_usd"], budget["spent_usd"])
        for team in teams
        for budget in team["budgets"]
    } == expected

    now = datetime.now(UTC)
    scope = Scope(team=None, first=now.date(), last=now.date(), zone=ZoneInfo("UTC"))
    report = json.loads(render_json(collect_facts(store, scope, now.timestamp(), registry.of)))
    assert {
        (
            budget["team"],
            bool(budget["key"]),
            budget["policy"] or "",
            budget["limit_usd"],
            budget["spent_usd"],
        )
        for budget in report["budgets"]
    } == expected
