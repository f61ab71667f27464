"""Collects the facts of a report: the ledger's sums, the budgets, and the payback of the GPU."""

from collections.abc import Iterator
from dataclasses import replace

from router.accounts.teams import Key, Team, budget_limit
from router.billing.break_even import SECONDS_PER_DAY, Economics, Traffic, break_even
from router.ledger.store import LedgerStore
from router.reports import totals
from router.reports.facts import Facts, Standing, query_facts
from router.reports.scope import Scope
from router.settings import LocalSettings


def collect_facts(
    store: LedgerStore, scope: Scope, now: float, machine: LocalSettings | None = None
) -> Facts:
    """Collect the facts of a report.

    Args:
        store: A ledger. Other processes may write to it meanwhile.
        scope: Team and period.
        now: Seconds since the epoch; budgets are as of this moment.
        machine: Running costs; None leaves the payback of the GPU out.
    """
    with store.engine.connect() as connection:
        facts = query_facts(connection, scope, now)
    economics = estimate_economics(facts, machine) if machine is not None else None
    return replace(facts, budgets=tuple(standings(store, scope.team, now)), economics=economics)


def standings(store: LedgerStore, team: str | None, now: float) -> Iterator[Standing]:
    """Yield the status of each budget, teams before keys; of all teams where `team` is None."""
    roster = store.accounts.load()
    zones = {team_record.name: team_record.zone for team_record in roster.teams}
    teams = sorted(
        (team_record for team_record in roster.teams if team in {None, team_record.name}),
        key=lambda team_record: team_record.name,
    )
    keys = sorted(
        (key for key in roster.keys.values() if team in {None, key.team}),
        key=lambda key: (key.team, key.user, key.name),
    )
    for team_record in teams:
        yield from _standing(store, team_record, None, team_record.zone, now)
    for key in keys:
        yield from _standing(store, Team(name=key.team), key, zones.get(key.team, "UTC"), now)


def estimate_economics(facts: Facts, machine: LocalSettings) -> Economics | None:
    """Estimate the payback of the GPU; None without comparable traffic.

    Only days that have passed and that the ledger covers count. The local machine's cost is
    deducted where the sums separate it. Elsewhere it counts as provider cost, which understates
    the saving.
    """
    edges = facts.scope.edges
    since = max(edges[0], facts.data_since if facts.data_since is not None else edges[-1])
    seconds = min(edges[-1], facts.created_at) - since
    if seconds <= 0 or not facts.total["compared"]:
        return None
    compared_groups = [
        group for group in facts.rows if group["compared"] == group["requests"] - group["unfinished"]
    ]
    local_usd = totals.sum_measure(compared_groups, "local_usd")
    return break_even(
        Traffic(
            days=seconds / SECONDS_PER_DAY,
            provider_usd=facts.total["compared_cost_usd"] - local_usd,
            baseline_usd=facts.total["compared_baseline_usd"],
            baseline_cold_usd=facts.total["compared_cold_usd"],
            engine_s=facts.total["engine_s"],
            unpriced=int(facts.total["requests"] - facts.total["compared"]),
        ),
        machine,
    )


def _standing(store: LedgerStore, team: Team, key: Key | None, zone: str, now: float) -> Iterator[Standing]:
    terms = key.terms if key else team.terms
    if terms.budget is None:
        return
    limit = budget_limit(f"key:{key.id}" if key else f"team:{team.name}", terms.budget, zone)
    name = "" if key is None else " of ".join(part for part in (key.name or key.id, key.user) if part)
    yield Standing(
        team=team.name,
        key=name,
        per=terms.budget.per,
        over=terms.budget.over,
        balance=store.budgets.balance(limit, now),
    )
