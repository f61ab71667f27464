"""What was decided in each conversation, by ask, so that a user turn keeps its track."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from classifiers.ask_key import same_words
from classifiers.features import Features, without_texts
from classifiers.verdict import Verdict
from policies.decide import sets_hold
from policies.decision import Decision, LastDecision
from policies.holds import is_of_the_work

MOST_ASKS = 8
"""Asks of one conversation whose decisions are remembered: a client may run several at once under one id."""

Conversation = tuple[str, str, bool]
"""Team, id, and whether the client offers tools: what offers none (a title) is no call of the main loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    decision: LastDecision
    at: float


class StickySessions:
    """The decisions of each conversation's newest asks.

    Args:
        limit: Decisions that are remembered, about 1.5 kB each. Of more, the conversation that was not
            heard of for longest is forgotten, and is then simply decided anew.
        clock: Seconds, from any beginning.
    """

    def __init__(self, limit: int = 10_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._conversations: OrderedDict[Conversation, OrderedDict[str, _Kept]] = OrderedDict()
        self._size = 0

    def last(self, team: str, features: Features) -> LastDecision | None:
        """The decision of the ask that a request belongs to, or else its conversation's newest."""
        entry = self._find(team, features)
        return replace(entry.decision, age_s=self._clock() - entry.at) if entry else None

    def keep(self, team: str, features: Features, verdict: Verdict, decision: Decision) -> None:
        """Remember `decision`.

        Side requests, a track that the client named, privacy and a used-up budget leave what was decided
        before alone.
        """
        if not (sets_hold(features) and is_of_the_work(decision.rule) and features.conversation):
            return
        before = self._find(team, features) if decision.held else None
        last = (
            replace(before.decision, turn=features.turns, ask_key=features.ask_key)
            if before
            else LastDecision(
                track=decision.track,
                model=decision.model,
                rule=decision.rule,
                why=decision.why,
                turn=features.turns,
                ask_key=features.ask_key,
                temporary=decision.temporary,
                features=without_texts(features),
                verdict=verdict,
            )
        )
        self._put((team, features.conversation, features.tools_offered > 0), last)

    def _put(self, conversation: Conversation, last: LastDecision) -> None:
        asks = self._conversations.setdefault(conversation, OrderedDict())
        self._size -= len(asks)
        asks[last.ask_key] = _Kept(decision=last, at=self._clock())
        asks.move_to_end(last.ask_key)
        if len(asks) > MOST_ASKS:
            asks.popitem(last=False)
        self._size += len(asks)
        self._conversations.move_to_end(conversation)
        while self._size > self._limit and len(self._conversations) > 1:
            _, forgotten = self._conversations.popitem(last=False)
            self._size -= len(forgotten)

    def _find(self, team: str, features: Features) -> _Kept | None:
        """Look in its own conversation, for a summary or a last call without tools in the main one, too."""
        offers = features.tools_offered > 0
        main_loop = not offers and (features.tool_calls > 0 or features.kind == "summary")
        candidates = [
            asks
            for with_tools in ((offers, True) if main_loop else (offers,))
            if (asks := self._conversations.get((team, features.conversation, with_tools)))
        ]
        same_ask = (asks[features.ask_key] for asks in candidates if features.ask_key in asks)
        alike = (
            asks[key]
            for asks in candidates
            for key in reversed(asks)
            if features.turn_calls > 0 and same_words(key, features.ask_key)
        )
        newest = (asks[next(reversed(asks))] for asks in candidates)
        return next(same_ask, None) or next(alike, None) or next(newest, None)
