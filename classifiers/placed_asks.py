"""Asks of the corpus as they come up in conversations: first, after others, going on from one.

What was asked earlier is mostly of no concern to a new ask, and for "why?" it is everything. So the corpus's
first asks are also placed after others of it, by chance, and its follow-ups after asks of either label.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from classifiers.corpus import Ask, FollowUp, Label, Relation, Session

SESSION = "session"
"""In place of a kind, for asks out of sessions and follow-ups: they are trained on and never held out."""
_EARLIER = (1, 1, 1, 2, 2, 3)
"""How many asks stand before one, by chance."""
_SAME_LANGUAGE = 0.7
"""Share of earlier asks in the language of the ask: people seldom change it."""
_OTHER_LABEL = 0.65
"""Share of earlier asks with the other label: there a conversation misleads."""
_GOES_ON_BETWEEN = 0.3
"""Share of earlier asks from which a follow-up went on before the ask."""
_PLACES = 3
"""In how many conversations each follow-up is placed."""
_LONG = 400
"""Characters of an ask, from which on it is placed nowhere: it says what it is about."""
_REFER_BACK = frozenset({"continue-work", "no-object", "small-talk", "vague-work-on-ours"})
"""Kinds of asks that after others would go on from them, and that give others nothing to go on from."""
_COMMON = 0.006
"""Share of the first asks that hold a word, from which on it names no subject."""
_PLACED = 0.35
"""Share of the others that are placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedAsk:
    """One ask, and what was asked before it."""

    kind: str
    human: str
    text: str
    label: Label
    relation: Relation = "first"
    earlier: tuple[str, ...] = ()
    """Oldest first."""


def first_asks(asks: Iterable[Ask]) -> Iterator[PlacedAsk]:
    """Take each as the first of its conversation."""
    for ask in asks:
        yield PlacedAsk(kind=ask.kind, human=ask.human, text=ask.text, label=ask.label)


def asks_of_sessions(sessions: Iterable[Session]) -> Iterator[PlacedAsk]:
    """Take each ask after those before it, and once more alone where it can be judged so."""
    for session in sessions:
        texts = tuple(turn.text for turn in session.turns)
        for number, turn in enumerate(session.turns):
            placed = PlacedAsk(
                kind=SESSION,
                human=session.human,
                text=turn.text,
                label=turn.label,
                relation=turn.relation,
                earlier=texts[:number],
            )
            yield placed
            if turn.relation == "changes":
                yield PlacedAsk(kind=SESSION, human=session.human, text=turn.text, label=turn.label)


def placed_by_chance(
    asks: Sequence[Ask], follow_ups: Sequence[FollowUp], sessions: Sequence[Session], *, seed: int = 0
) -> Iterator[PlacedAsk]:
    """Place short first asks and sessions after others that do not concern them, and follow-ups after any.

    The same asks and seed give the same conversations.
    """
    conversations = _Conversations(asks, follow_ups, random.Random(seed))  # noqa: S311 -- no secret
    for ask in asks:
        if conversations.takes(ask):
            yield conversations.change(ask)
    for follow_up in follow_ups:
        for _ in range(_PLACES):
            yield conversations.go_on(follow_up)
    for number, session in enumerate(sessions):
        if number % 2:  # training takes as long as its rows
            yield from conversations.join(session)
        yield from conversations.come_back(session)


def _words(text: str) -> frozenset[str]:
    """Its words of five letters and more; where none are parted, pieces of three."""
    folded = text.casefold()
    runs = re.findall(r"[\u3040-\u30ff\u3400-\u9fff]{3,}", folded)
    pieces = (run[at : at + 3] for run in runs for at in range(len(run) - 2))
    return frozenset(re.findall(r"[^\W\d_]{5,}", folded)) - frozenset(runs) | frozenset(pieces)


class _Conversations:
    """Made by chance, of first asks and follow-ups."""

    def __init__(self, asks: Sequence[Ask], follow_ups: Sequence[FollowUp], chance: random.Random) -> None:
        self._chance = chance
        self._asks: dict[tuple[str, str], list[Ask]] = {}
        self._all: dict[str, list[Ask]] = {}
        self._follow_ups: dict[str, list[FollowUp]] = {}
        counts = Counter(word for ask in asks for word in _words(ask.text))
        self._common = {word for word, count in counts.items() if count > _COMMON * len(asks)}
        for ask in (ask for ask in asks if ask.kind not in _REFER_BACK):
            self._asks.setdefault((ask.human, ask.label), []).append(ask)
            self._all.setdefault(ask.label, []).append(ask)
        for follow_up in follow_ups:
            self._follow_ups.setdefault(follow_up.human, []).append(follow_up)

    def takes(self, ask: Ask) -> bool:
        """Whether an ask is placed at all."""
        return (
            ask.label != "either"
            and ask.kind not in _REFER_BACK
            and len(ask.text) <= _LONG
            and self._chance.random() < _PLACED
        )

    def change(self, ask: Ask) -> PlacedAsk:
        """Place an ask after others that do not concern it."""
        other = "self-contained" if ask.label == "repository" else "repository"
        earlier: list[str] = []
        for _ in range(self._chance.choice(_EARLIER)):
            label = other if self._chance.random() < _OTHER_LABEL else ask.label
            earlier += self._begun(ask.human, label)
        return PlacedAsk(
            kind=ask.kind,
            human=ask.human,
            text=ask.text,
            label=ask.label,
            relation="changes",
            earlier=tuple(earlier),
        )

    def go_on(self, follow_up: FollowUp) -> PlacedAsk:
        """Place a follow-up after an ask, whose label it takes."""
        label = self._chance.choice(follow_up.after)
        earlier: list[str] = []
        if self._chance.random() < _OTHER_LABEL / 2:
            earlier += self._begun(follow_up.human, self._chance.choice(("self-contained", "repository")))
        earlier += self._begun(follow_up.human, label)
        return PlacedAsk(
            kind=SESSION,
            human=follow_up.human,
            text=follow_up.text,
            label=label,
            relation="goes-on",
            earlier=tuple(earlier),
        )

    def join(self, session: Session) -> Iterator[PlacedAsk]:
        """Place a session after an ask that does not concern it."""
        label = self._chance.choice(("self-contained", "repository"))
        before = tuple(self._begun(session.human, label))
        for placed in asks_of_sessions([session]):
            if placed.earlier or placed.relation == "first":
                yield replace(
                    placed,
                    relation="changes" if placed.relation == "first" else placed.relation,
                    earlier=before + placed.earlier,
                )

    def come_back(self, session: Session) -> Iterator[PlacedAsk]:
        """Place an ask that changes the subject before those that would still be understood after it."""
        for placed in asks_of_sessions([session]):
            if placed.relation != "returns" and not (placed.relation == "goes-on" and self._names(placed)):
                continue
            other = "self-contained" if placed.label == "repository" else "repository"
            label = other if self._chance.random() < _OTHER_LABEL else placed.label
            between = tuple(self._begun(session.human, label))
            yield replace(placed, relation="returns", earlier=placed.earlier + between)

    def _names(self, placed: PlacedAsk) -> bool:
        """Whether an ask says by a word of its own what it goes on from."""
        before = {word for text in placed.earlier for word in _words(text)}
        return bool(_words(placed.text) & before - self._common)

    def _begun(self, human: str, label: str) -> Iterator[str]:
        """An ask, and sometimes one that goes on from it."""
        own = self._asks.get((human, label)) if self._chance.random() < _SAME_LANGUAGE else None
        yield self._chance.choice(own or self._all[label]).text
        if self._chance.random() < _GOES_ON_BETWEEN and human in self._follow_ups:
            yield self._chance.choice(self._follow_ups[human]).text
