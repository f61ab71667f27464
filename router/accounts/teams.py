"""Teams, their keys, and what each may do: plain values, read from the ledger, never written here.

A key's own terms narrow its team's: both budgets and both rates hold, a model must be
allowed by both. Only a policy cannot be narrowed, so a key's takes the place of its team's.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

Period = Literal["day", "week", "month"]
Over = Literal["local", "error"]
"""What happens once a budget is used up: the local track serves, or the client gets an error."""

DEFAULT_TEAM = "default"
"""Whose requests are while no key exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Dollars for what providers bill, per calendar period in the team's time zone."""

    usd: float
    per: Period = "month"
    over: Over = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a team or a key may do; whatever is left out is not limited."""

    policy: str = ""
    """A shipped policy's name or a file; empty for the endpoint's."""
    budget: Budget | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    models: tuple[str, ...] = ()
    """Patterns such as `claude-haiku-*`, over the names a client asks for; empty for all."""


UNLIMITED = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Users who share policy, budget and limits."""

    name: str
    zone: str = "UTC"
    """IANA name of the time zone its days, weeks and months are in."""
    terms: Terms = UNLIMITED


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Whom a key belongs to, and what it may do."""

    team: str
    user: str
    name: str = ""
    """What its owner calls it, e.g. `laptop`."""
    id: str = ""
    admin: bool = False
    """For `/admin` and the dashboard, and for nothing else."""
    expires_at: float | None = None
    """Seconds since the epoch; None for never."""
    terms: Terms = UNLIMITED


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLimit:
    """A budget, and whose requests are charged to it."""

    scope: str
    """`team:NAME` or `key:ID`."""
    budget: Budget
    zone: str
    name: str
    """The scope and the period."""

    @property
    def owner(self) -> str:
        """In the possessive, for messages."""
        return "this key's" if self.scope.startswith("key:") else "the team's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Limits per minute of one team or key; None: unlimited."""

    scope: str
    requests: int | None
    tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """On whose behalf a request comes, and all that holds for it."""

    team: str = DEFAULT_TEAM
    user: str = ""
    key_id: str = ""
    zone: str = "UTC"
    policy: str = ""
    budgets: tuple[BudgetLimit, ...] = ()
    rates: tuple[Rate, ...] = ()
    models: tuple[tuple[str, ...], ...] = field(default=())
    """A model must match a pattern in each; names are compared in lower case."""

    def allows(self, model: str) -> bool:
        """Whether this account may use `model`, as a client spells it, whatever window it reckons with."""
        name = _without_window(model)
        return all(any(fnmatchcase(name, _without_window(glob)) for glob in globs) for globs in self.models)

    def named_models(self) -> tuple[str, ...]:
        """The models that it may use, as far as they are named rather than described by a pattern."""
        names = dict.fromkeys(name for globs in self.models for name in globs if not set("*?[") & set(name))
        return tuple(name for name in names if self.allows(name))


def _without_window(name: str) -> str:
    return name.strip().lower().removesuffix("[1m]")


NOBODY = Account()


def budget_limit(scope: str, budget: Budget, zone: str) -> BudgetLimit:
    """Limit `scope`, as in `BudgetLimit.scope`, to `budget`."""
    return BudgetLimit(scope=scope, budget=budget, zone=zone, name=f"{scope}/{budget.per}")


def account(team: Team, user: str = "", key: Key | None = None) -> Account:
    """Put a team's terms and its key's together."""
    scopes = [(f"team:{team.name}", team.terms)]
    if key is not None:
        scopes.insert(0, (f"key:{key.id}", key.terms))
    return Account(
        team=team.name,
        user=user,
        key_id=key.id if key else "",
        zone=team.zone,
        policy=(key.terms.policy if key else "") or team.terms.policy,
        budgets=tuple(
            budget_limit(scope, terms.budget, team.zone) for scope, terms in scopes if terms.budget
        ),
        rates=tuple(
            Rate(scope=scope, requests=terms.requests_per_minute, tokens=terms.tokens_per_minute)
            for scope, terms in scopes
            if terms.requests_per_minute or terms.tokens_per_minute
        ),
        models=tuple(terms.models for _, terms in scopes if terms.models),
    )
