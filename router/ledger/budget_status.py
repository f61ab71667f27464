"""How budgets stand: the teams' and the keys' own, and those that policies set for a team."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from policies.policy import Policy
from router.accounts.teams import DEFAULT_TEAM, Budget, BudgetLimit, Key, Team, budget_limit
from router.ledger.accounts import Accounts
from router.ledger.budgets import Balance, Budgets

MOST_NAME = 260
"""Characters of a limit's name that the ledger keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """One budget in its present period."""

    team: str
    key: Key | None
    """Whose budget it is; None for the team's."""
    policy: str
    """The policy that sets it; empty where the team's or the key's own terms do."""
    budget: Budget
    balance: Balance

    @property
    def key_name(self) -> str:
        """The key and its user, e.g. `laptop of ada`; empty for the team's."""
        return " of ".join(filter(None, (self.key.name or self.key.id, self.key.user))) if self.key else ""

    @property
    def share(self) -> float:
        """Of the budget, what is spent; 1 is all of it."""
        return self.balance.spent_usd / self.budget.usd if self.budget.usd else 1.0


def read_budget_status(
    accounts: Accounts,
    budgets: Budgets,
    policy_of: Callable[[str], Policy],
    *,
    team: str | None = None,
    now: float | None = None,
) -> list[BudgetStatus]:
    """Read how all budgets stand, the teams' first. May block.

    Args:
        accounts: Who has budgets.
        budgets: What was spent of them.
        policy_of: Returns the policy of a name; the empty name is the endpoint's own.
        team: Whose budgets; all teams' where it is None.
        now: Seconds since the epoch, in the period that is meant; now where it is None.
    """
    roster = accounts.load()
    teams = roster.teams
    if not roster.keys and all(team.name != DEFAULT_TEAM for team in teams):
        teams = (*teams, Team(name=DEFAULT_TEAM))  # of requests without a key
    keys = sorted(roster.keys.values(), key=lambda key: (key.team, key.user, key.name))
    return [
        BudgetStatus(
            team=owner.name,
            key=key,
            policy=policy,
            budget=limit.budget,
            balance=budgets.balance(limit, now),
        )
        for owner, key, policy, limit in (*_of_teams(teams, keys, policy_of), *_of_keys(teams, keys))
        if team in {None, owner.name}
    ]


def policy_limit(policy: Policy, team: str, zone: str) -> BudgetLimit | None:
    """Return the limit that a policy sets for a team; None where it sets none."""
    if policy.budget is None:
        return None
    return BudgetLimit(
        scope=f"team:{team}",
        budget=Budget(usd=policy.budget.team_month_usd, over=policy.budget.over),
        zone=zone,
        name=f"team:{team}/policy:{policy.name}"[:MOST_NAME],
    )


_Owned = tuple[Team, Key | None, str, BudgetLimit]
"""Whose a limit is: the team, its key if it is the key's, and the policy that sets it."""


def _of_teams(
    teams: Iterable[Team], keys: Iterable[Key], policy_of: Callable[[str], Policy]
) -> Iterator[_Owned]:
    for team in sorted(teams, key=lambda team: team.name):
        if team.terms.budget:
            yield team, None, "", budget_limit(f"team:{team.name}", team.terms.budget, team.zone)
        own = [key for key in keys if key.team == team.name and not key.admin]
        names = [team.terms.policy, *(key.terms.policy or team.terms.policy for key in own)]
        in_use = {policy.name: policy for policy in map(policy_of, dict.fromkeys(names))}
        for policy in in_use.values():
            if limit := policy_limit(policy, team.name, team.zone):
                yield team, None, policy.name, limit


def _of_keys(teams: Iterable[Team], keys: Iterable[Key]) -> Iterator[_Owned]:
    by_name = {team.name: team for team in teams}
    for key in keys:
        if key.terms.budget:
            team = by_name.get(key.team) or Team(name=key.team)
            yield team, key, "", budget_limit(f"key:{key.id}", key.terms.budget, team.zone)
