"""How budgets stand: the teams' and the keys' own, and those that policies set for every team."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from policies.registry import PolicyRegistry
from router.accounts.teams import DEFAULT_TEAM, Budget, BudgetLimit, Key, Team, budget_limit
from router.ledger.accounts import Accounts
from router.ledger.budgets import Balance, Budgets


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One budget in its present period."""

    team: str
    whose: str
    """`team`, or which key, or which policy sets it."""
    budget: Budget
    zone: str
    balance: Balance

    @property
    def share(self) -> float:
        """Of the budget, what is spent; 1 is all of it."""
        return self.balance.spent_usd / self.budget.usd if self.budget.usd else 1.0


def standings(accounts: Accounts, budgets: Budgets, registry: PolicyRegistry) -> Sequence[Standing]:
    """Ask for all budgets; the one that is used up most comes first. May block."""
    roster = accounts.load()
    teams = {team.name: team for team in roster.teams}
    statuses = [
        Standing(
            team=team.name, whose=whose, budget=limit.budget, zone=team.zone, balance=budgets.balance(limit)
        )
        for team, whose, limit in (
            *_of_teams(roster.teams, registry),
            *_of_keys(teams, roster.keys.values()),
        )
    ]
    return sorted(statuses, key=lambda status: (-status.share, status.team, status.whose))


def _of_teams(teams: Sequence[Team], registry: PolicyRegistry) -> Iterator[tuple[Team, str, BudgetLimit]]:
    for team in teams or (Team(name=DEFAULT_TEAM),):
        scope = f"team:{team.name}"
        if team.terms.budget:
            yield team, "team", budget_limit(scope, team.terms.budget, team.zone)
        policy = registry.of(team.terms.policy)
        if policy.budget:
            own = Budget(usd=policy.budget.team_month_usd, over=policy.budget.over)
            yield team, f"policy {policy.name}", budget_limit(scope, own, team.zone)


def _of_keys(teams: Mapping[str, Team], keys: Iterable[Key]) -> Iterator[tuple[Team, str, BudgetLimit]]:
    for key in keys:
        if key.terms.budget:
            team = teams.get(key.team) or Team(name=key.team)
            owner = " ".join(part for part in (key.user, key.name) if part) or key.id
            yield team, f"key of {owner}", budget_limit(f"key:{key.id}", key.terms.budget, team.zone)
