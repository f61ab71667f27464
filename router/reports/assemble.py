"""Collects the facts of a report: the ledger's sums, the budgets, and the payback of the GPU."""

from collections.abc import Callable
from dataclasses import replace

from policies.policy import Policy
from router.billing.break_even import SECONDS_PER_DAY, Economics, Traffic, break_even
from router.ledger.budget_status import read_budget_status
from router.ledger.store import LedgerStore
from router.reports import totals
from router.reports.facts import Facts, query_facts
from router.reports.scope import Scope
from router.settings import LocalSettings


def collect_facts(
    store: LedgerStore,
    scope: Scope,
    now: float,
    policy_of: Callable[[str], Policy],
    machine: LocalSettings | None = None,
) -> Facts:
    """Collect the facts of a report.

    Args:
        store: A ledger. Other processes may write to it meanwhile.
        scope: Team and period.
        now: Seconds since the epoch; budgets are as of this moment.
        policy_of: Returns the policy of a name, which may set a budget; the empty name is the endpoint's own.
        machine: Running costs; None leaves the payback of the GPU out.
    """
    with store.engine.connect() as connection:
        facts = query_facts(connection, scope, now)
    economics = estimate_economics(facts, machine) if machine is not None else None
    budgets = read_budget_status(store.accounts, store.budgets, policy_of, team=scope.team, now=now)
    return replace(facts, budgets=tuple(budgets), economics=economics)


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
