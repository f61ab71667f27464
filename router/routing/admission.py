"""What an account may do: its models, its rates and its budgets, put to every request that a model answers.

A budget is asked twice: `budget_status` tells deciding what is left, from memory; `reserve` then
reserves what the request may cost at most. Between the two, others may have spent it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from time import time
from typing import Protocol

from policies.decide import over_budget, refuse_substitute
from policies.decision import Decision
from policies.policy import Policy
from router.accounts.periods import find_zone, span
from router.accounts.rate_limit import RateLimiter
from router.accounts.teams import Account, BudgetLimit
from router.billing.prices import MILLION, Prices, uncached_rate
from router.errors import NotAllowed, OverBudget
from router.ledger.budget_status import policy_limit
from router.ledger.budgets import Budgets, InsufficientBudget
from router.types import Plan, Usage

OUTPUT = 4096
"""Tokens of an answer whose request names no limit."""
NOW = {"day": "today", "week": "this week", "month": "this month"}


class Names(Protocol):
    """Tells what a provider will be asked for."""

    def __call__(self, requested: str, decision: Decision) -> str:
        """Return the model's name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RemainingBudget:
    """What the tightest budget has left."""

    left_usd: float
    why: str
    """Said where that is nothing."""


class Limits:
    """Holds requests to what their accounts may do."""

    def __init__(self, *, budgets: Budgets, rates: RateLimiter, prices: Prices, model_for: Names) -> None:
        self._budgets = budgets
        self._rates = rates
        self._prices = prices
        self._model_for = model_for

    def check_rate(self, account: Account) -> None:
        """Count a request.

        Raises:
            RateLimited: too many came this minute.
        """
        if account.rates:
            self._rates.take_request(account)

    def budget_status(self, account: Account, policy: Policy) -> RemainingBudget | None:
        """Return what the tightest of all budgets has left; None where there are none."""
        tightest = self._tightest(account, policy)
        return tightest and RemainingBudget(left_usd=tightest[1], why=_used_up(tightest[0]))

    async def reserve(self, plan: Plan, policy: Policy) -> Decision:
        """Hold `plan` to its account, and reserve what it may cost.

        Returns:
            The plan's decision, or that it stays local for want of money.

        Raises:
            NotAllowed: the account may not use this model.
            RateLimited: too many tokens went through this minute.
            OverBudget: the money is used up, and the budget is one that says so.
        """
        account, decision = plan.request.account, plan.decision
        if account.models:
            self._check_model(plan)
        if account.rates:
            self._rates.take_tokens(account, _prompt(plan))
        if decision.rule == "budget":
            tightest = self._tightest(account, policy)
            if tightest and tightest[1] <= 0:
                _reason(tightest[0], decision.why)
        elif decision.track == "cloud" and (account.budgets or policy.budget):
            try:
                why = await self._reserve(plan, decision, policy)
            except OverBudget as refusal:
                if decision.move_usd is None:
                    raise
                why = refusal.message  # the local model is at it, and goes on
            if why:
                local = over_budget(why, decision.p_local)
                if plan.request.operation == "embed":
                    return without_substitute(local)
                return refuse_substitute(local, plan.features, requested_model=plan.request.model)
        return decision

    async def may_escalate(self, plan: Plan, decision: Decision, policy: Policy) -> bool:
        """Whether the account may use, and can pay for, the cloud that a local failure leads to."""
        account = plan.request.account
        if account.models and not account.allows(self._model_for(plan.request.model, decision)):
            return False
        if not (account.budgets or policy.budget):
            return True
        try:
            return not await self._reserve(plan, decision, policy)
        except OverBudget:
            return False  # the local failure is the answer

    def count_tokens(self, plan: Plan, usage: Usage) -> None:
        """Count an answer's tokens."""
        if plan.request.account.rates:
            self._rates.add_tokens(plan.request.account, usage.output)

    def _check_model(self, plan: Plan) -> None:
        requested, decision = plan.request.model.strip(), plan.decision
        model = self._model_for(requested, decision)
        if decision.track != "cloud" and model.lower() != requested.lower():
            return  # no model of the provider's was asked for, and none is used
        if not plan.request.account.allows(model):
            globs = " and ".join(", ".join(names) for names in plan.request.account.models)
            raise NotAllowed(
                f"model: `{model}` is not among those this key may use ({globs}); ask for one of them, "
                "or for `local`"
            )

    async def _reserve(self, plan: Plan, decision: Decision, policy: Policy) -> str:
        """Reserve under all budgets; returns why that cannot be, empty where it could."""
        limits = _limits(plan.request.account, policy)
        model = self._model_for(plan.request.model, decision)
        usd = self.at_most(plan, model)
        if usd is None:
            why = f"the price of {model} is unknown, so no budget can be kept: set `prices`"
            return _reason(limits[0], why)
        insufficient = await self._budgets.reserve(plan.request.id, limits, usd)
        return _reason(insufficient.limit, _too_little(insufficient, usd)) if insufficient else ""

    def at_most(self, plan: Plan, model: str) -> float | None:
        """Estimate what a request may cost at most, in dollars: nothing cached, the longest answer.

        Where it marks what to cache, all of the prompt is taken to be written there. None
        where the price is unknown.
        """
        prompt = _prompt(plan)
        price = self._prices.price(model, prompt)
        rate = uncached_rate(price, plan.request.body) if price else None
        if price is None or rate is None:
            return None
        if plan.request.operation == "embed":
            return prompt * rate / MILLION  # nothing is written
        if price.output is None:
            return None
        output = plan.features.output_limit or OUTPUT
        return (prompt * rate + output * price.output) / MILLION

    def _tightest(self, account: Account, policy: Policy) -> tuple[BudgetLimit, float] | None:
        if not (account.budgets or policy.budget):
            return None
        left = [(limit, self._budgets.remaining(limit)) for limit in _limits(account, policy)]
        return min(left, key=lambda pair: pair[1])


def without_substitute(decision: Decision) -> Decision:
    """Refuse to embed with another model than the one that was named, and may not be used."""
    return replace(
        decision,
        refusal=f"{decision.why}. Vectors of another model cannot stand in for those of the one that was "
        "named; name the embedding model on this machine, if there is one",
    )


def _limits(account: Account, policy: Policy) -> tuple[BudgetLimit, ...]:
    """The account's budgets, and the policy's for its team."""
    limit = policy_limit(policy, account.team, account.zone)
    return account.budgets if limit is None else (*account.budgets, limit)


def _reason(limit: BudgetLimit, why: str) -> str:
    """Return `why`, for the local track to serve.

    Raises:
        OverBudget: the budget says that the client be told.
    """
    if limit.budget.over == "local":
        return why
    until = datetime.fromtimestamp(span(limit.budget.per, limit.zone, time()).until, find_zone(limit.zone))
    raise OverBudget(
        f"{why}; it starts anew on {until:%Y-%m-%d %H:%M} ({limit.zone}). Ask for the model `local`, "
        "or ask whoever runs this endpoint"
    )


def _used_up(limit: BudgetLimit) -> str:
    return f"{limit.owner} budget for {NOW[limit.budget.per]} is used up"


def _too_little(insufficient: InsufficientBudget, usd: float) -> str:
    limit, left_usd = insufficient.limit, insufficient.left_usd
    if left_usd is None:
        return f"{limit.owner} budget cannot be looked up now"
    if left_usd <= 0:
        return _used_up(limit)
    return (
        f"{limit.owner} budget for {NOW[limit.budget.per]} has ${left_usd:.4f} left, "
        f"and this may cost ${usd:.4f}"
    )


def _prompt(plan: Plan) -> int:
    """Tokens of the prompt; where it could not be read, more than it can have been."""
    return plan.features.context_tokens or len(plan.request.body) // 2
