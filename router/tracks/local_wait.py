"""When a prompt given to the local model now would get its first token, predicted without rendering it.

    wait = until it would be read + tokens that are not cached / how fast the model reads

Of our engine, both rates, the queue and the cached prefixes are its own account (`Health`). A slot
goes by the request that it served last; what a new prompt has in common with that one is known from
the keys of their parts, so nothing is tokenised here. Of a server at `local.url`, only its answers
are known: how long their first event took, and what it said was cached. That time holds more than
reading, so it counts only of long prompts to a server that answered shortly before, and not for long.
"""

import math
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
"""Shorter prompts say little about how tokens are counted."""
_LEAST_READ = 2_000
"""Of fewer tokens that a server read anew, the time tells of its latency rather than of its reading."""
_KNOWN_S = 180.0
"""For so long a server counts as it was last seen: later it may have unloaded its model, or be free again."""


@dataclass(slots=True, kw_only=True, eq=False)
class SentPrompt:
    """A prompt that was sent, and what its answer has said so far."""

    name: str
    parts: PromptParts
    fresh: float
    """Tokens that the engine is expected to read for it; 0 of a server."""
    sent_at: float
    alone: bool
    """No other prompt was on its way."""
    warm: bool
    """Something was answered shortly before, so the model was loaded."""
    tap: Tap | None = None
    heard_at: float = 0.0
    """When the first event of a stream came, of any kind; 0 while, or where, that is not known."""
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
        self._measured_at = self._answered_at = -math.inf
        self._caches = False
        """The server has said of a prompt that some of it was cached."""

    def send(self, plan: Plan) -> SentPrompt:
        """Note that a prompt is being sent; a completion delays no chat of our engine, where it has slots."""
        parts = plan.prompt
        under_way = [sent for sent in self._sent.values() if not sent.ended]
        sent = SentPrompt(
            name=plan.request.id,
            parts=parts,
            fresh=self._chosen(parts, self._health).fresh if self._engine else 0.0,
            sent_at=self._clock(),
            alone=not under_way,
            warm=self._is_known(self._answered_at),
        )
        if self._engine and plan.features.kind == "autocomplete":
            return sent
        for other in under_way:
            other.alone = False
        self._sent[sent.name] = sent
        self._forget()
        return sent

    def heard(self, sent: SentPrompt) -> None:
        """Note that a stream has brought an event; only the first counts."""
        sent.heard_at = sent.heard_at or self._clock()

    def began(self, sent: SentPrompt, tap: Tap) -> None:
        """Note that the answer of a prompt has begun."""
        sent.tap = tap
        self._answered_at = self._clock()

    def predict(self, parts: PromptParts) -> float:
        """Seconds until a prompt would get its first token; 0 while nothing is known."""
        self._learn()
        if self._engine is None:
            return self._fresh_of_server(parts) / self._rate.current if self._rate.current else 0.0
        health = self._health
        fresh = self._chosen(parts, health).fresh
        reading = fresh / health.prefill_tps if health.prefill_tps else 0.0
        return self._engine.start_s + health.wait_s + self._unseen_s(health) + reading

    def _is_known(self, at: float) -> bool:
        """Whether what was seen then still says something of a server."""
        return self._clock() - at <= _KNOWN_S

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
        cached = shared = earlier.parts.before[alike] * ratio
        if alike == len(earlier.parts.keys) < len(parts.keys) and parts.roles[alike] == "assistant":
            cached += parts.tokens[alike] * ratio  # the answer, which was computed here
        cached = min(cached, cache_size)
        fresh = shared - cached + (parts.total - parts.before[alike]) * ratio
        return _Overlap(cached=cached, fresh=max(fresh, 1.0))

    def _fresh_of_server(self, parts: PromptParts) -> float:
        """What a server that says what it caches would read of a prompt; else all of it."""
        everything = parts.total * self._ratio
        if not self._caches:
            return everything
        nearest = self._nearest(parts)
        return min(everything, self._shared(parts, nearest, nearest.tokens).fresh) if nearest else everything

    def _nearest(self, parts: PromptParts) -> SentPrompt | None:
        """The answered prompt that begins like this one for longest; of several the newest."""
        nearest, alike = None, 0
        for sent in reversed(self._sent.values()):
            if alike == len(parts.keys):
                break
            # Most are told apart by the one part that would make them better.
            if parts.keys[alike : alike + 1] == sent.parts.keys[alike : alike + 1] and sent.tokens:
                length = common_prefix(parts.keys, sent.parts.keys)
                if length > alike:
                    nearest, alike = sent, length
        return nearest

    def _learn(self) -> None:
        """Take what answers that have ended said of their prompts."""
        if not self._is_known(self._measured_at):
            self._rate = Rate(self._clock)
        for sent in self._sent.values():
            if sent.learned or not sent.ended:
                continue
            sent.learned = True
            if sent.tokens < _LEAST_TOKENS or not sent.parts.total:
                continue
            self._ratio = average(self._ratio, sent.tokens / sent.parts.total)
            self._caches |= sent.cached > 0
            self._measure(sent)

    def _measure(self, sent: SentPrompt) -> None:
        """Take how fast a server read a prompt, where its time tells that."""
        read, seconds = sent.tokens - sent.cached, sent.heard_at - sent.sent_at
        if sent.warm and read >= _LEAST_READ and seconds > 0 and self._is_known(sent.heard_at):
            self._rate.measure(read / seconds, alone=sent.alone)
            self._measured_at = max(self._measured_at, sent.heard_at)

    def _forget(self) -> None:
        """Drop the oldest prompts that nothing holds any more."""
        cached = {slot.prompt for slot in self._health.slots}
        droppable: Sequence[str] = [
            name for name, sent in self._sent.items() if sent.ended and name not in cached
        ]
        for name in droppable[: max(0, len(self._sent) - _REMEMBERED)]:
            del self._sent[name]
