"""What an account may do: its models, its rates and its budgets, put to every request that a model answers.

A budget is asked twice: `standing` tells deciding what is left, from memory; `reserve` then
reserves what the request may cost at most. Between the two, others may have spent it.
"""

from dataclasses import dataclass
from datetime import datetime
from time import time
from typing import Protocol

from policies.decide import over_budget, refuse_substitute
from policies.decision import Decision
from policies.policy import Policy
from router.accounts.periods import find_zone, span
from router.accounts.rate_limit import Rates
from router.accounts.teams import Account, Budget, Cap
from router.billing.prices import MILLION, Prices
from router.errors import NotAllowed, OverBudget
from router.ledger.budgets import Budgets, Short
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
class Standing:
    """What is left to spend."""

    left_usd: float
    why: str
    """Said where that is nothing."""


class Limits:
    """StickySessions requests to their accounts."""

    def __init__(self, *, budgets: Budgets, rates: Rates, prices: Prices, model_for: Names) -> None:
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

    def standing(self, account: Account, policy: Policy) -> Standing | None:
        """Tell what is left under the tightest of all budgets; None where there are none."""
        least = self._least(account, policy)
        return least and Standing(left_usd=least[1], why=_used_up(least[0]))

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
            least = self._least(account, policy)
            if least and least[1] <= 0:
                _tell(least[0], decision.why)
        elif decision.track == "cloud" and (account.caps or policy.budget):
            why = await self._reserve(plan, decision, policy)
            if why:
                short = over_budget(why, decision.p_local)
                return refuse_substitute(short, plan.features, requested_model=plan.request.model)
        return decision

    async def may_escalate(self, plan: Plan, decision: Decision, policy: Policy) -> bool:
        """Whether the account may use, and can pay for, the cloud that a local failure leads to."""
        account = plan.request.account
        if account.models and not account.allows(self._model_for(plan.request.model, decision)):
            return False
        if not (account.caps or policy.budget):
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
        asked, decision = plan.request.model.strip(), plan.decision
        model = self._model_for(asked, decision)
        if decision.track != "cloud" and model.lower() != asked.lower():
            return  # no model of the provider's was asked for, and none is used
        if not plan.request.account.allows(model):
            globs = " and ".join(", ".join(some) for some in plan.request.account.models)
            raise NotAllowed(
                f"model: `{model}` is not among those this key may use ({globs}); ask for one of them, "
                "or for `local`"
            )

    async def _reserve(self, plan: Plan, decision: Decision, policy: Policy) -> str:
        """Reserve under all budgets; returns why that cannot be, empty where it could."""
        caps = _caps(plan.request.account, policy)
        model = self._model_for(plan.request.model, decision)
        usd = self.at_most(plan, model)
        if usd is None:
            why = f"the price of {model} is unknown, so no budget can be kept: set `prices`"
            return _tell(caps[0], why)
        short = await self._budgets.reserve(plan.request.id, caps, usd)
        return _tell(short.cap, _too_little(short, usd)) if short else ""

    def at_most(self, plan: Plan, model: str) -> float | None:
        """Estimate what a request may cost at most, in dollars: nothing cached, the longest answer.

        Where it marks what to cache, all of the prompt is taken to be written there. None
        where the price is unknown.
        """
        prompt, body = _prompt(plan), plan.request.body
        price = self._prices.price(model, prompt)
        if price is None or price.input is None or price.output is None:
            return None
        rates = [price.input]
        if b"cache_control" in body:
            rates.append(price.cache_write_5m or 0.0)
            rates.append((price.cache_write_1h or 0.0) if b'"1h"' in body else 0.0)
        output = plan.features.output_limit or OUTPUT
        return (prompt * max(rates) + output * price.output) / MILLION

    def _least(self, account: Account, policy: Policy) -> tuple[Cap, float] | None:
        if not (account.caps or policy.budget):
            return None
        left = [(cap, self._budgets.left(cap)) for cap in _caps(account, policy)]
        return min(left, key=lambda pair: pair[1])


def _caps(account: Account, policy: Policy) -> tuple[Cap, ...]:
    """The account's budgets, and the policy's for its team."""
    if policy.budget is None:
        return account.caps
    budget = Budget(usd=policy.budget.team_month_usd, over=policy.budget.over)
    own = Cap(
        scope=f"team:{account.team}",
        budget=budget,
        zone=account.zone,
        name=f"team:{account.team}/policy:{policy.name}"[:260],
    )
    return (*account.caps, own)


def _tell(cap: Cap, why: str) -> str:
    """Return `why`, for the local track to serve.

    Raises:
        OverBudget: the budget says that the client be told.
    """
    if cap.budget.over == "local":
        return why
    until = datetime.fromtimestamp(span(cap.budget.per, cap.zone, time()).until, find_zone(cap.zone))
    raise OverBudget(
        f"{why}; it starts anew on {until:%Y-%m-%d %H:%M} ({cap.zone}). Ask for the model `local`, "
        "or ask whoever runs this endpoint"
    )


def _used_up(cap: Cap) -> str:
    return f"{cap.whose} budget for {NOW[cap.budget.per]} is used up"


def _too_little(short: Short, usd: float) -> str:
    if short.left_usd is None:
        return f"{short.cap.whose} budget cannot be looked up now"
    if short.left_usd <= 0:
        return _used_up(short.cap)
    return (
        f"{short.cap.whose} budget for {NOW[short.cap.budget.per]} has ${short.left_usd:.4f} left, "
        f"and this may cost ${usd:.4f}"
    )


def _prompt(plan: Plan) -> int:
    """Tokens of the prompt; where it could not be read, more than it can have been."""
    return plan.features.context_tokens or len(plan.request.body) // 2
