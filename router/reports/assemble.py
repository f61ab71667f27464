"""All that a report says, put together: what the ledger knows, the budgets, and the card's economics."""

from collections.abc import Iterator
from dataclasses import replace

from router.accounts.teams import Key, Team, budget_limit
from router.billing.break_even import SECONDS_PER_DAY, Economics, Traffic, break_even
from router.billing.machine import Machine
from router.ledger.store import LedgerStore
from router.reports import totals
from router.reports.figures import Facts, Standing, gather
from router.reports.scope import Scope


def collect(store: LedgerStore, scope: Scope, now: float, machine: Machine | None = None) -> Facts:
    """Make the facts of a report.

    Args:
        store: A ledger; others may write to it meanwhile.
        scope: Whose, and when.
        now: Seconds since the epoch; budgets stand as of then.
        machine: What the machine costs, where the report is to tell when its card is paid for.
    """
    with store.engine.connect() as connection:
        facts = gather(connection, scope, now)
    earned = earnings(facts, machine) if machine is not None else None
    return replace(facts, budgets=tuple(standings(store, scope.team, now)), economics=earned)


def standings(store: LedgerStore, team: str | None, now: float) -> Iterator[Standing]:
    """Tell how each budget stands, the teams' first; of one team where it is named."""
    roster = store.accounts.load()
    zones = {one.name: one.zone for one in roster.teams}
    teams = sorted((one for one in roster.teams if team in {None, one.name}), key=lambda one: one.name)
    keys = sorted(
        (one for one in roster.keys.values() if team in {None, one.team}),
        key=lambda one: (one.team, one.user, one.name),
    )
    for one in teams:
        yield from _standing(store, one, None, one.zone, now)
    for key in keys:
        yield from _standing(store, Team(name=key.team), key, zones.get(key.team, "UTC"), now)


def earnings(facts: Facts, machine: Machine) -> Economics | None:
    """Work out what the card earns; None where there is no traffic to tell by.

    The days are those of the period that have passed and that the ledger knows. What the own
    machine's work cost is taken off wherever the sums tell it apart; elsewhere it counts as the
    provider's, which makes the saving smaller, never larger.
    """
    edges = facts.scope.edges
    since = max(edges[0], facts.known_since if facts.known_since is not None else edges[-1])
    seconds = min(edges[-1], facts.made_at) - since
    if seconds <= 0 or not facts.whole["compared"]:
        return None
    whole_groups = [one for one in facts.rows if one["compared"] == one["requests"] - one["unfinished"]]
    own = totals.total(whole_groups, "local_usd")
    return break_even(
        Traffic(
            days=seconds / SECONDS_PER_DAY,
            provider_usd=facts.whole["compared_cost_usd"] - own,
            baseline_usd=facts.whole["compared_baseline_usd"],
            baseline_cold_usd=facts.whole["compared_cold_usd"],
            engine_s=facts.whole["engine_s"],
            unpriced=int(facts.whole["requests"] - facts.whole["compared"]),
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
