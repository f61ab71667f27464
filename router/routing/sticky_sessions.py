"""The last decision of each conversation, so that a user turn keeps its track.

Bounded: the conversation not heard of for longest is forgotten first, and is
then simply decided anew.
"""

from collections import OrderedDict

from classifiers.features import Features
from policies.decide import sets_hold
from policies.decision import Decision, LastDecision


class StickySessions:
    """Team and conversation to the last decision; at most `limit` of them."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._last: OrderedDict[tuple[str, str], LastDecision] = OrderedDict()

    def last(self, team: str, conversation: str) -> LastDecision | None:
        """The conversation's last decision, if it is remembered."""
        return self._last.get((team, conversation))

    def keep(self, team: str, features: Features, decision: Decision) -> None:
        """Remember `decision`; side requests and a track the client named leave the one before alone."""
        if decision.rule == "asked" or not sets_hold(features):
            return
        key = (team, features.conversation)
        self._last[key] = LastDecision(
            track=decision.track,
            model=decision.model,
            rule=decision.rule,
            why=decision.why,
            turn=features.turns,
        )
        self._last.move_to_end(key)
        if len(self._last) > self._limit:
            self._last.popitem(last=False)
