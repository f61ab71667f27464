"""What it would cost that a held local turn goes on in the cloud now, and what it has saved so far.

Price: the whole prompt as the provider bills one that it has never seen (written to the cache where the
client marks what to cache, plain input else), and the local model's time for what it had read of it,
which is lost. Saved: what the cloud would have billed for the turn's calls so far with a warm cache, as
`billing.bill` counts savings, and at least that: answers count at the price of a prompt, and writing the
cache is left out.
"""

from collections.abc import Callable

from classifiers.features import Features
from policies.decide import claude_model
from policies.decision import Decision, LastDecision, Move
from router.billing.local_cost import LocalCost
from router.billing.prices import MILLION, Price, Prices, uncached_rate
from router.routing.admission import OUTPUT, Names
from router.types import ModelRequest


class MovePrices:
    """Prices moves.

    Args:
        prices: Of tokens.
        model_for: Tells which model the provider will be asked for.
        usable: Whether the cloud can answer a request at all: it needs a credential.
        local_cost: Of the local model's seconds; None where the settings do not tell it.
    """

    def __init__(
        self,
        *,
        prices: Prices,
        model_for: Names,
        usable: Callable[[ModelRequest], bool],
        local_cost: LocalCost | None = None,
    ) -> None:
        self._prices = prices
        self._model_for = model_for
        self._usable = usable
        self._local_cost = local_cost

    def price(
        self, request: ModelRequest, features: Features, last: LastDecision, *, left_usd: float, lost_s: float
    ) -> Move | None:
        """Price the move of a turn that was decided as `last` says; None where it cannot move now.

        Args:
            request: Which would move it.
            features: As it was read.
            last: What holds the turn.
            left_usd: Of the budgets; a request that may cost more does not move.
            lost_s: Seconds for which the local model would have to read again what it has read.
        """
        decision = Decision(track="cloud", rule="escalate", why="", model=claude_model(request.model))
        model = self._model_for(request.model, decision)
        account, tokens = request.account, features.context_tokens
        if not self._usable(request) or (account.models and not account.allows(model)):
            return None
        price = self._prices.price(model, tokens)
        rate = uncached_rate(price, request.body) if price else None
        if price is None or rate is None:
            return None if left_usd < float("inf") else Move(tokens=tokens, usd=None)
        prompt_usd = tokens * rate / MILLION
        answer_usd = (features.output_limit or OUTPUT) * (price.output or 0.0) / MILLION
        if prompt_usd + answer_usd > left_usd:
            return None
        lost_usd = self._local_cost.of_seconds(lost_s) if self._local_cost else 0.0
        return Move(tokens=tokens, usd=prompt_usd + lost_usd, saved_usd=_saved_usd(price, features, last))


def _saved_usd(price: Price, features: Features, last: LastDecision) -> float:
    """What the cloud would have billed for the turn's calls so far, as if their prompts had grown evenly."""
    opened = last.features
    if opened is None or price.input is None:
        return 0.0
    calls = features.turn_calls - opened.turn_calls  # those before were not decided so
    if calls < 1:
        return 0.0
    now, first = features.context_tokens, min(opened.context_tokens, features.context_tokens)
    # What came before in the conversation would have been cached; where nothing did, all of it is new.
    new = now - (first if opened.turns > 1 else 0)
    read = max(calls * (first + now) / 2 - new, 0.0)
    cached_rate = price.input if price.cache_read is None else price.cache_read
    return (new * price.input + read * cached_rate) / MILLION
