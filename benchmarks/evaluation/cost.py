"""What a whole task costs: its calls as a provider bills them with a warm prompt cache.

An agent sends the whole conversation with every call. What an earlier call sent is read from the
cache; what is new is written to it; answers are output:

    cost = (prompt - last prompt) * cache read + last prompt * 5-minute write + output * output

for by the last call, everything was new once. A task of one call caches nothing: its prompt is
plain input. The dearer rate for long prompts goes by one call's prompt, not by the task's.
"""

from dataclasses import dataclass, replace

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import PRICE_MODEL, Effort
from router.billing.prices import MILLION, Price, Prices

PUBLISHED_USD = 0.558
"""Of one SWE-bench Verified instance: mini-SWE-agent with Claude Sonnet 4.5, mean of all 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What tokens cost on either track."""

    model: str
    """Whose price the cloud's tokens are counted at."""
    prices: Prices
    local_usd_per_mtok: float = 0.0
    """US dollars per million tokens that the local model computes: new prompt tokens and output."""

    def cloud(self, effort: Effort) -> float:
        """Return US dollars of one task on the cloud: what was measured, else its tokens at the price.

        Raises:
            BenchmarkError: the model's price is not known in full.
        """
        if effort.usd is not None:
            return effort.usd
        price = self.prices.price(self.model, round(effort.last_prompt))
        usd = task_usd(effort, price) if price else None
        if usd is None:
            raise BenchmarkError(
                f"--price-model: no price is known for {self.model!r}; name a model of the price table, "
                f"such as {PRICE_MODEL}"
            )
        return usd

    def conversation_before(self, effort: Effort, tokens: float) -> float:
        """Return US dollars by which a task on the cloud is dearer with so many tokens before each call."""
        alone = replace(effort, usd=None)
        longer = replace(
            alone, prompt=effort.prompt + effort.calls * tokens, last_prompt=effort.last_prompt + tokens
        )
        return self.cloud(longer) - self.cloud(alone)

    def local(self, effort: Effort) -> float:
        """Return US dollars of one task on this machine: as measured, else its prefix kept between calls."""
        if effort.usd is not None:
            return effort.usd
        return (effort.last_prompt + effort.output) * self.local_usd_per_mtok / MILLION


def task_usd(effort: Effort, price: Price) -> float | None:
    """Return US dollars of one task; None where the price lacks a column that is used."""
    used: tuple[tuple[float, float | None], ...]
    if effort.calls <= 1:
        used = ((effort.prompt, price.input), (effort.output, price.output))
    else:
        used = (
            (effort.prompt - effort.last_prompt, price.cache_read),
            (effort.last_prompt, price.cache_write_5m),
            (effort.output, price.output),
        )
    total = 0.0
    for tokens, rate in used:
        if rate is None:
            return None
        total += tokens * rate
    return total / MILLION
