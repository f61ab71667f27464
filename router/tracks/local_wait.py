"""When a prompt given to the local model now would get its first token, predicted without rendering it.

    wait = until it would be read + tokens that are not cached / how fast the model reads

Of our engine, both rates, the queue and the cached prefixes are its own account (`Health`). A slot
goes by the request that it served last; what a new prompt has in common with that one is known from
the keys of their parts, so nothing is tokenised here. Of a server at `local.url`, only its answers
are known: how long their first token took, and what it said was cached.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from router.engine.process import Engine, Health
from router.engine.rates import Rate, average
from router.engine.slots import SlotState, choose_slot, common_prefix
from router.types import Plan, PromptParts, Tap

_REMEMBERED = 64
"""Prompts whose parts are kept, beside those that the engine holds."""
_LEAST_TOKENS = 64
"""Shorter prompts say little about how tokens are counted, or how fast they are read."""


@dataclass(slots=True, kw_only=True, eq=False)
class SentPrompt:
    """A prompt that was sent, and what its answer has said so far."""

    name: str
    parts: PromptParts
    fresh: float
    """Tokens expected to be read for it."""
    sent_at: float
    alone: bool
    """No other prompt was on its way."""
    tap: Tap | None = None
    first_unit_s: float = 0.0
    """From sending to the first useful unit of a stream; 0 while, or where, that is not known."""
    ended: bool = False
    learned: bool = False

    @property
    def tokens(self) -> int:
        """The whole prompt as its usage counts it; 0 while that is not known."""
        usage = self.tap.usage if self.tap else None
        return usage.prompt if usage and not usage.estimated else 0

    @property
    def cached(self) -> int:
        """What its usage says was cached."""
        usage = self.tap.usage if self.tap else None
        return usage.cache_read if usage else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Overlap:
    """How much of a new prompt a slot holds, and how much is left, in the model's tokens."""

    cached: float
    fresh: float


class WaitPredictor:
    """Predicts for prompts, from those that were sent before."""

    def __init__(self, engine: Engine | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the engine, or None for a server of which only the answers are known."""
        self._engine = engine
        self._clock = clock
        self._sent: OrderedDict[str, SentPrompt] = OrderedDict()
        self._ratio = 1.0
        """The model's tokens for one that was counted here."""
        self._rate = Rate(clock)
        self._caches = False
        """The server has said of a prompt that some of it was cached."""

    def send(self, plan: Plan) -> SentPrompt:
        """Note that a prompt is being sent."""
        parts = plan.prompt
        fresh = self._chosen(parts, self._health).fresh if self._engine else self._fresh_of_server(parts)
        under_way = [sent for sent in self._sent.values() if not sent.ended]
        sent = SentPrompt(
            name=plan.request.id, parts=parts, fresh=fresh, sent_at=self._clock(), alone=not under_way
        )
        for other in under_way:
            other.alone = False
        self._sent[sent.name] = sent
        self._forget()
        return sent

    def began(self, sent: SentPrompt, tap: Tap, *, stream: bool) -> None:
        """Note that the answer of a prompt has begun."""
        sent.tap = tap
        sent.first_unit_s = self._clock() - sent.sent_at if stream else 0.0

    def predict(self, parts: PromptParts) -> float:
        """Seconds until a prompt would get its first token; 0 while nothing was measured."""
        self._learn()
        if self._engine is None:
            return self._fresh_of_server(parts) / self._rate.current if self._rate.current else 0.0
        health = self._health
        fresh = self._chosen(parts, health).fresh
        reading = fresh / health.prefill_tps if health.prefill_tps else 0.0
        return self._engine.start_s + health.wait_s + self._unseen_s(health) + reading

    @property
    def _health(self) -> Health:
        return self._engine.health if self._engine else Health()

    def _unseen_s(self, health: Health) -> float:
        """Seconds for prompts that were sent and are not in the engine's account yet."""
        if not health.prefill_tps:
            return 0.0
        busy = {slot.prompt for slot in health.slots if slot.busy}
        under_way = [sent for sent in self._sent.values() if not sent.ended and sent.name not in busy]
        unseen = under_way[health.queue :]
        seconds = sum(sent.fresh for sent in unseen) / health.prefill_tps
        if unseen and health.running + health.queue + len(unseen) >= health.parallel:
            seconds += len(unseen) * health.answer_s
        return seconds / health.parallel

    def _chosen(self, parts: PromptParts, health: Health) -> _Overlap:
        """What is left to read in the slot that the engine would choose."""
        nothing = _Overlap(cached=0.0, fresh=max(parts.total * self._ratio, 1.0))
        place_free = not health.queue and health.running < health.parallel
        slots = [slot for slot in health.slots if not (place_free and slot.busy)]
        if not slots:
            return nothing
        overlaps = [self._overlap(parts, slot) or nothing for slot in slots]
        return overlaps[choose_slot([round(overlap.cached) for overlap in overlaps], slots)]

    def _overlap(self, parts: PromptParts, slot: SlotState) -> _Overlap | None:
        earlier = self._sent.get(slot.prompt)
        return self._shared(parts, earlier, slot.tokens) if earlier else None

    def _shared(self, parts: PromptParts, earlier: SentPrompt, cache_size: int) -> _Overlap:
        """Compare a prompt with an earlier one, of which and of its answer `cache_size` tokens are cached."""
        alike = common_prefix(parts.keys, earlier.parts.keys)
        total = earlier.parts.total
        ratio = earlier.tokens / total if earlier.tokens and total else self._ratio
        cached = shared = sum(earlier.parts.tokens[:alike]) * ratio
        if alike == len(earlier.parts.keys) < len(parts.keys) and parts.roles[alike] == "assistant":
            cached += parts.tokens[alike] * ratio  # the answer, which was computed here
        cached = min(cached, cache_size)
        fresh = shared - cached + sum(parts.tokens[alike:]) * ratio
        return _Overlap(cached=cached, fresh=max(fresh, 1.0))

    def _fresh_of_server(self, parts: PromptParts) -> float:
        """What a server that says what it caches would read of a prompt; else all of it."""
        everything = parts.total * self._ratio
        if not self._caches:
            return everything
        measured = [sent for sent in self._sent.values() if sent.tokens]
        return min([everything, *(self._shared(parts, sent, sent.tokens).fresh for sent in measured)])

    def _learn(self) -> None:
        """Take what answers that have ended said of their prompts."""
        for sent in self._sent.values():
            if sent.learned or not sent.ended:
                continue
            sent.learned = True
            if sent.tokens < _LEAST_TOKENS or not sent.parts.total:
                continue
            self._ratio = average(self._ratio, sent.tokens / sent.parts.total)
            self._caches |= sent.cached > 0
            read = sent.tokens - sent.cached
            if sent.first_unit_s > 0 and read >= _LEAST_TOKENS:
                self._rate.measure(read / sent.first_unit_s, alone=sent.alone)

    def _forget(self) -> None:
        """Drop the oldest prompts that nothing holds any more."""
        cached = {slot.prompt for slot in self._health.slots}
        droppable: Sequence[str] = [
            name for name, sent in self._sent.items() if sent.ended and name not in cached
        ]
        for name in droppable[: max(0, len(self._sent) - _REMEMBERED)]:
            del self._sent[name]
