"""User turns: what came between one ask and the next. Evidence and reports count by them.

A policy decides once for a turn, so what a turn's end says is about the request that opened it.
No text is read: the ledger holds none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec
import sqlalchemy as sa

from router.ledger.queries import Filter
from router.ledger.tables import requests
from router.types import Attempt

MAIN = ("ask", "agent")
"""Kinds of request that a conversation's turns are made of; the others run beside them."""
RETRY_S = 600.0
"""An ask that comes again this soon after its answer is a second try at it."""

LONGEST_S = 86_400.0
"""No turn is looked for further behind the end of a period."""

Row = Mapping[Any, Any]
"""Values by column name."""

_RETRY_COLUMNS = (
    "id", "team", "conversation", "begun_at", "finished_at", "served_track", "end", "turns", "turn_calls",
    "ask_digest",
)  # fmt: skip
"""What `Turn.retried` reads."""

_attempts = msgspec.json.Decoder(tuple[Attempt, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The requests of one user turn, from its ask until the next one, oldest first."""

    rows: tuple[Row, ...]
    verdicts: frozenset[str]
    """What people said of any of them."""
    after: Row | None
    """The request that opened the conversation's next turn, if there was one."""

    @property
    def opening(self) -> Row:
        """The request that was decided on."""
        return self.rows[0]

    @property
    def local(self) -> bool:
        """Whether the local model answered every request, to the end."""
        return all(row["served_track"] == "local" and row["end"] == "complete" for row in self.rows)

    @property
    def calls(self) -> int:
        """Model calls made in it."""
        return int(self.rows[-1]["turn_calls"]) + 1

    @property
    def ends(self) -> tuple[Row, Row]:
        """What was known at its beginning and after it; the last call's results show in the next turn."""
        return self.opening, self.after or self.rows[-1]

    @property
    def idle_s(self) -> float:
        """Seconds from its answer to the next ask, below 0 where they overlap; infinite without one."""
        if self.after is None or self.rows[-1]["finished_at"] is None:
            return float("inf")
        return float(self.after["begun_at"] - self.rows[-1]["finished_at"])

    @property
    def retried(self) -> bool:
        """Whether the user had the local model's answer and soon asked the very same: a probable misroute.

        A new turn with the same words does not count, nor does an ask beside one that is under way.
        """
        first, again = self.opening, self.after
        return (
            again is not None
            and self.local
            and 0 <= self.idle_s <= RETRY_S
            and bool(first["ask_digest"])
            and (again["ask_digest"], again["turns"]) == (first["ask_digest"], first["turns"])
        )

    @property
    def tests_fail(self) -> bool:
        """Whether tests that it ran fail at its end, as the next turn shows."""
        before, after = ((row["tests_failed"] or 0, row["tests_passed"] or 0) for row in self.ends)
        return self.after is not None and after != before and after[0] > 0

    @property
    def tests_fixed(self) -> bool:
        """Whether tests failed in it, and at its end none does and some pass."""
        _, end = self.ends
        failed = any(row["tests_failed"] for row in self.rows)
        return failed and not end["tests_failed"] and bool(end["tests_passed"])

    def growth(self, column: str) -> int:
        """By how much a count of the conversation's grew."""
        before, after = self.ends
        return int(after[column]) - int(before[column])

    def attempts(self) -> Iterator[Attempt]:
        """Yield the attempts at all of its requests, failed ones included."""
        for row in self.rows:
            yield from _attempts.decode(row["attempts"] or "[]")


def split_turns(rows: Iterable[Row], verdicts: Mapping[str, str]) -> list[Turn]:
    """Split one conversation's requests, oldest first, into turns: one begins with each ask."""
    turns: list[list[Row]] = []
    for row in rows:
        if not turns or not row["turn_calls"] or row["turns"] != turns[-1][-1]["turns"]:
            turns.append([])
        turns[-1].append(row)
    return [
        Turn(
            rows=tuple(turn),
            verdicts=frozenset(verdicts[row["id"]] for row in turn if row["id"] in verdicts),
            after=following[0] if following else None,
        )
        for turn, following in zip(turns, [*turns[1:], []], strict=True)
    ]


def select_main(columns: Sequence[str] = ()) -> sa.Select[Any]:
    """Select the rows of conversations' main loops, each conversation's together, oldest first.

    Args:
        columns: All unless named.
    """
    return (
        sa.select(*(requests.c[name] for name in columns or requests.c.keys()))
        .where(requests.c.operation == "generate", requests.c.kind.in_(MAIN), requests.c.conversation != "")
        .order_by(requests.c.team, requests.c.conversation, requests.c.begun_at, requests.c.id)
    )


def by_conversation(rows: Iterable[Row]) -> Iterator[Iterable[Row]]:
    """Group rows as `select_main` orders them."""
    return (group for _, group in groupby(rows, key=lambda row: (row["team"], row["conversation"])))


def count_retries(connection: sa.Connection, since: float, until: float, *, team: str | None = None) -> int:
    """Count the turns begun in `since <= t < until` that were `retried`; of one team where it is named.

    Only conversations in which an ask comes twice are read.
    """
    ask = (requests.c.team, requests.c.conversation, requests.c.turns, requests.c.ask_digest)
    repeated = (
        sa.select(requests.c.team, requests.c.conversation)
        .where(
            *Filter(team=team, since=since, until=until + LONGEST_S).clauses(),
            requests.c.turn_calls == 0,
            requests.c.ask_digest != "",
            requests.c.conversation != "",
        )
        .group_by(*ask)
        .having(sa.func.count() > 1)
        .distinct()
        .subquery()
    )
    rows = select_main(_RETRY_COLUMNS).join(
        repeated,
        (repeated.c.conversation == requests.c.conversation) & (repeated.c.team == requests.c.team),
    )
    return sum(
        turn.retried and since <= turn.opening["begun_at"] < until
        for conversation in by_conversation(connection.execute(rows).mappings())
        for turn in split_turns(conversation, {})
    )
