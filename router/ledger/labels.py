"""What the ledger proves about the local model, as labelled rows to learn from.

    rows ─ turns ▶ Turn ─ RULES, the first that holds ▶ Evidence

A policy decides once for a user turn, so a label is about a turn, and its features are those
of the request that opened it: what was known when the track was chosen. Three rules hold:

1. Only what the local model did proves anything about it. What went to the cloud is left
   out, unless a person said which track it needed.
2. No limit of the policy's own is evidence, or it would confirm itself: a prompt too long for
   the window, a busy or broken engine and a turn cut off as too long say nothing here.
3. The weights are judgements, ordered by how directly somebody or something checked the
   answer. They are not fitted, and no rule below 0.5 has been measured against outcomes.

Turns are seen where the policy sends them, so there is little evidence about work that never
goes to the local model. No text is read: the ledger holds none.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, Protocol

import msgspec

from classifiers.features import Features
from router.ledger.tables import BEGUN
from router.types import Attempt

RETRY_S = 600.0
"""An ask that comes again this soon after its answer is a second try at it."""
MOVED_ON_S = 3600.0
"""A next ask this soon after an answer was written by somebody who had just read it."""
MANY_CALLS = 40
FEW_CALLS = 10
"""Model calls of one turn."""
TRIED = 5
"""Tool calls of one turn from which on their failures are counted."""
LOOPED = 3
"""Identical tool calls in one turn that are no accident."""

CONVERSATIONS = 50
CERTAIN = 10.0
"""The least there must be: conversations with a label, and evidence of each label, by weight."""

Row = Mapping[str, Any]
Label = Literal[0, 1]
Source = Literal["feedback", "escalation", "tests", "retry", "errors", "repeats", "length", "moved_on"]

_attempts = msgspec.json.Decoder(tuple[Attempt, ...])

STORED = tuple(name for name in Features.__dataclass_fields__ if name in BEGUN)
"""Fields of `Features` that the ledger keeps: all but texts and paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One turn of which it is known how the local model did, or would have done."""

    features: Features
    """As stored: `ask` and `paths` are empty."""
    p_local: float
    """What the classifier of that time said; 0 where it was not asked."""
    label: Label
    """1: the local model sufficed."""
    weight: float
    """In 0..1, of one certain outcome."""
    source: Source
    team: str
    conversation: str
    """Folds must keep its turns together."""
    request_id: str
    """Of the request that opened the turn."""
    classifier: str = ""
    """Which gave `p_local`; see `Verdict.by`. Empty where it was not written down."""
    begun_at: float = 0.0
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What was known when a turn was decided, labelled or not."""

    features: Features
    """As stored; see `Evidence`."""
    p_local: float
    classifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The requests of one user turn, from its ask until the next one, oldest first."""

    rows: tuple[Row, ...]
    verdicts: frozenset[str]
    """What was said of any of them."""
    after: Row | None
    """The request that opened the conversation's next turn, if there was one."""

    @property
    def opening(self) -> Row:
        """The request that was decided on."""
        return self.rows[0]

    @property
    def local(self) -> bool:
        """Every request of it was answered by the local model, to the end."""
        return all(row["served_track"] == "local" and row["end"] == "complete" for row in self.rows)

    @property
    def calls(self) -> int:
        """Model calls made in it."""
        return int(self.rows[-1]["turn_calls"]) + 1

    def grown(self, column: str) -> int:
        """How much a count of the conversation's grew."""
        then, now = self.ends()
        return int(now[column]) - int(then[column])

    def attempts(self) -> Iterator[Attempt]:
        """All tries at all of its requests, those that failed too."""
        for row in self.rows:
            yield from _attempts.decode(row["attempts"] or "[]")

    def tests_fail(self) -> bool:
        """Tests that it ran fail at its end, which the next turn has seen."""
        then, now = (((row["tests_failed"] or 0), (row["tests_passed"] or 0)) for row in self.ends())
        return self.after is not None and now != then and now[0] > 0

    def tests_mended(self) -> bool:
        """Tests were seen to fail, and at its end none does and some pass."""
        _, end = self.ends()
        failed = any(row["tests_failed"] for row in self.rows)
        return failed and not end["tests_failed"] and bool(end["tests_passed"])

    def ends(self) -> tuple[Row, Row]:
        """What was known at its beginning and after it; the last call's results show in the next turn."""
        return self.opening, self.after or self.rows[-1]

    def answered_s(self) -> float:
        """Seconds from its answer to the next ask; infinite where either is missing."""
        if self.after is None or self.rows[-1]["finished_at"] is None:
            return float("inf")
        return float(self.after["begun_at"] - self.rows[-1]["finished_at"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a turn has a label, and why that may be concluded."""

    source: Source
    label: Label
    weight: float
    holds: Callable[[Turn], bool]
    why: str


def _asked_again(turn: Turn) -> bool:
    """The same ask opened the same turn anew; a new turn with other words is no retry."""
    first, again = turn.opening, turn.after
    return (
        again is not None
        and turn.answered_s() >= 0  # else two were asked side by side
        and bool(first["ask_digest"])
        and (again["ask_digest"], again["turns"]) == (first["ask_digest"], first["turns"])
    )


RULES = (
    Rule(
        source="feedback",
        label=0,
        weight=1.0,
        holds=lambda turn: "should_be_cloud" in turn.verdicts,
        why="a person said which track it needs",
    ),
    Rule(
        source="feedback",
        label=1,
        weight=1.0,
        holds=lambda turn: "should_be_local" in turn.verdicts,
        why="a person said which track it needs",
    ),
    Rule(
        source="feedback",
        label=0,
        weight=1.0,
        holds=lambda turn: turn.local and "bad" in turn.verdicts,
        why="a person judged the local model's answer",
    ),
    Rule(
        source="feedback",
        label=1,
        weight=1.0,
        holds=lambda turn: turn.local and "good" in turn.verdicts,
        why="a person judged the local model's answer",
    ),
    Rule(
        source="escalation",
        label=0,
        weight=0.8,
        holds=lambda turn: any(attempt.cause == "bad_tool_call" for attempt in turn.attempts()),
        why="the tool call did not fit its schema, even with a grammar: checked by a machine",
    ),
    Rule(
        source="tests",
        label=1,
        weight=0.8,
        holds=lambda turn: turn.local and turn.tests_mended(),
        why="tests were run that failed, and then they passed",
    ),
    Rule(
        source="tests",
        label=0,
        weight=0.5,
        holds=lambda turn: turn.local and turn.tests_fail(),
        why="the turn ended with tests that fail; some failed before and were not its task",
    ),
    Rule(
        source="retry",
        label=0,
        weight=0.5,
        holds=lambda turn: turn.local and turn.answered_s() <= RETRY_S and _asked_again(turn),
        why="the user had the answer and asked the same again; some only edited files in between",
    ),
    Rule(
        source="errors",
        label=0,
        weight=0.4,
        holds=lambda turn: (
            turn.local
            and turn.grown("tool_calls") >= TRIED
            and 2 * turn.grown("tool_errors") > turn.grown("tool_calls")
        ),
        why="most of what it tried failed: edits that did not apply, commands that ended in errors",
    ),
    Rule(
        source="repeats",
        label=0,
        weight=0.4,
        holds=lambda turn: turn.local and turn.grown("repeats") >= LOOPED,
        why="the same call with the same arguments again and again is a loop",
    ),
    Rule(
        source="length",
        label=0,
        weight=0.25,
        holds=lambda turn: turn.local and turn.calls >= MANY_CALLS,
        why="the more calls a run takes, the less often it is solved (AUC 0.72, for one other model)",
    ),
    Rule(
        source="moved_on",
        label=1,
        weight=0.2,
        holds=lambda turn: (
            turn.local
            and turn.calls <= FEW_CALLS
            and 0 <= turn.answered_s() <= MOVED_ON_S
            and turn.after is not None
            and turn.after["turns"] > turn.opening["turns"]
            and not turn.after["follow_up"]
        ),
        why="the user read a short answer and asked for something else; some do so after a bad one",
    ),
)


class Rows(Protocol):
    """What is read from a ledger."""

    def turns_of(self, team: str | None = None, since: float | None = None) -> Iterator[Any]:
        """Rows of conversations' main loops, each conversation's together, oldest first."""
        ...

    def verdicts(self, team: str | None = None) -> dict[str, str]:
        """What people said, by request."""
        ...


def labelled(store: Rows, team: str | None = None, since: float | None = None) -> list[Evidence]:
    """Read the turns that have a label; each has one, from the first rule that holds.

    Args:
        store: An open ledger.
        team: Of one team; None for all.
        since: Only what began at or after this time, in seconds since the epoch.
    """
    verdicts = store.verdicts(team)
    found: list[Evidence] = []
    for _, rows in groupby(store.turns_of(team, since), key=lambda row: (row["team"], row["conversation"])):
        found.extend(evidence for turn in turns(rows, verdicts) if (evidence := judge(turn)) is not None)
    return found


def openings(store: Rows, team: str | None = None, since: float | None = None) -> list[Opening]:
    """Read what was decided on in every turn; the arguments are those of `labelled`."""
    conversations = groupby(store.turns_of(team, since), key=lambda row: (row["team"], row["conversation"]))
    return [
        Opening(
            features=_features(turn.opening),
            p_local=turn.opening["p_local"] or 0.0,
            classifier=turn.opening["classifier"] or "",
        )
        for _, rows in conversations
        for turn in turns(rows, {})
    ]


def turns(rows: Iterable[Row], verdicts: Mapping[str, str]) -> list[Turn]:
    """Cut one conversation's requests, oldest first, into turns: one begins with each ask."""
    cut: list[list[Row]] = []
    for row in rows:
        if not cut or not row["turn_calls"] or row["turns"] != cut[-1][-1]["turns"]:
            cut.append([])
        cut[-1].append(row)
    return [
        Turn(
            rows=tuple(some),
            verdicts=frozenset(verdicts[row["id"]] for row in some if row["id"] in verdicts),
            after=after[0] if after else None,
        )
        for some, after in zip(cut, [*cut[1:], []], strict=True)
    ]


def judge(turn: Turn) -> Evidence | None:
    """Label one turn by the first rule that holds; None where nothing is known of it."""
    rule = next((rule for rule in RULES if rule.holds(turn)), None)
    if rule is None:
        return None
    row = turn.opening
    return Evidence(
        features=_features(row),
        p_local=row["p_local"] or 0.0,
        label=rule.label,
        weight=rule.weight,
        source=rule.source,
        team=row["team"],
        conversation=row["conversation"],
        request_id=row["id"],
        classifier=row["classifier"] or "",
        begun_at=row["begun_at"],
    )


def _features(row: Row) -> Features:
    return Features(**{name: row[name] for name in STORED if row[name] is not None})


def enough(evidence: Iterable[Evidence]) -> str:
    """Say why there is too little evidence to learn from; empty where there is enough.

    A conversation counts once for each label, with its strongest evidence: a hundred turns
    of one conversation are no hundred outcomes.
    """
    strongest: dict[tuple[str, str, Label], float] = {}
    for one in evidence:
        key = (one.team, one.conversation, one.label)
        strongest[key] = max(one.weight, strongest.get(key, 0.0))
    conversations = len({key[:2] for key in strongest})
    if conversations < CONVERSATIONS:
        return (
            f"conversations with a label: {conversations}, and {CONVERSATIONS} are needed; "
            "let the endpoint run on, or judge answers with `POST /v1/feedback`"
        )
    for label, meaning in ((1, "the local model sufficed"), (0, "it did not")):
        weight = sum(worth for key, worth in strongest.items() if key[2] == label)
        if weight < CERTAIN:
            return (
                f"the evidence that {meaning} is worth {weight:.1f} certain outcomes and {CERTAIN:.0f} are "
                "needed; judge answers with `POST /v1/feedback`"
            )
    return ""
