"""What the ledger proves about the local model, as labelled rows to learn from.

    rows ─ split_turns ▶ Turn ─ RULES, the first that holds ▶ Evidence

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
from typing import TYPE_CHECKING, Literal

from classifiers.features import Features
from router.ledger.stored_features import read_features
from router.ledger.turns import Turn, by_conversation, split_turns

if TYPE_CHECKING:
    from router.ledger.store import LedgerStore

MOVED_ON_S = 3600.0
"""A next ask this soon after an answer was written by somebody who had just read it."""
MANY_CALLS = 40
FEW_CALLS = 10
"""Model calls of one turn."""
TRIED = 5
"""Tool calls of one turn from which on their failures are counted."""
LOOPED = 3
"""Identical tool calls in one turn that are no accident."""

LEAST_CONVERSATIONS = 50
LEAST_WEIGHT = 10.0
"""The least there must be: conversations with a label, and evidence of each label, by weight."""

Label = Literal[0, 1]
Source = Literal["feedback", "escalation", "tests", "retry", "errors", "repeats", "length", "moved_on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One turn of which it is known how the local model did, or would have done."""

    features: Features
    """As stored: `ask` and `paths` are empty."""
    p_local: float
    """By the classifier of that time; 0 where it was not asked."""
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
class Rule:
    """When a turn has a label, and why that may be concluded."""

    source: Source
    label: Label
    weight: float
    holds: Callable[[Turn], bool]
    why: str


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
        holds=lambda turn: turn.local and turn.tests_fixed,
        why="tests were run that failed, and then they passed",
    ),
    Rule(
        source="tests",
        label=0,
        weight=0.5,
        holds=lambda turn: turn.local and turn.tests_fail,
        why="the turn ended with tests that fail; some failed before and were not its task",
    ),
    Rule(
        source="retry",
        label=0,
        weight=0.5,
        holds=lambda turn: turn.retried,
        why="the user had the answer and asked the same again; some only edited files in between",
    ),
    Rule(
        source="errors",
        label=0,
        weight=0.4,
        holds=lambda turn: (
            turn.local
            and turn.growth("tool_calls") >= TRIED
            and 2 * turn.growth("tool_errors") > turn.growth("tool_calls")
        ),
        why="most of what it tried failed: edits that did not apply, commands that ended in errors",
    ),
    Rule(
        source="repeats",
        label=0,
        weight=0.4,
        holds=lambda turn: turn.local and turn.growth("repeats") >= LOOPED,
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
            and 0 <= turn.idle_s <= MOVED_ON_S
            and turn.after is not None
            and turn.after["turns"] > turn.opening["turns"]
            and not turn.after["follow_up"]
        ),
        why="the user read a short answer and asked for something else; some do so after a bad one",
    ),
)


def labelled(store: "LedgerStore", team: str | None = None, since: float | None = None) -> list[Evidence]:
    """Read the turns that have a label: that of the first rule that holds.

    Args:
        store: An open ledger.
        team: Of one team; None for all.
        since: Only what began at or after this time, in seconds since the epoch.
    """
    verdicts = store.verdicts(team)
    turns = _turns(store, verdicts, team, since)
    return [evidence for turn in turns if (evidence := judge(turn)) is not None]


def openings(store: "LedgerStore", team: str | None = None, since: float | None = None) -> list[Opening]:
    """Read what was decided on in every turn; the arguments are those of `labelled`."""
    return [
        Opening(
            features=read_features(turn.opening),
            p_local=turn.opening["p_local"] or 0.0,
            classifier=turn.opening["classifier"] or "",
        )
        for turn in _turns(store, {}, team, since)
    ]


def _turns(
    store: "LedgerStore", verdicts: Mapping[str, str], team: str | None, since: float | None
) -> Iterator[Turn]:
    for conversation in by_conversation(store.main_rows(team, since)):
        yield from split_turns(conversation, verdicts)


def judge(turn: Turn) -> Evidence | None:
    """Label one turn by the first rule that holds; None where nothing is known of it."""
    rule = next((rule for rule in RULES if rule.holds(turn)), None)
    if rule is None:
        return None
    row = turn.opening
    return Evidence(
        features=read_features(row),
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


def describe_shortage(evidence: Iterable[Evidence]) -> str:
    """Say why there is too little evidence to learn from; empty where there is enough.

    A conversation counts once for each label, with its strongest evidence: a hundred turns
    of one conversation are no hundred outcomes.
    """
    strongest: dict[tuple[str, str, Label], float] = {}
    for item in evidence:
        key = (item.team, item.conversation, item.label)
        strongest[key] = max(item.weight, strongest.get(key, 0.0))
    conversations = len({key[:2] for key in strongest})
    if conversations < LEAST_CONVERSATIONS:
        return (
            f"conversations with a label: {conversations}, and {LEAST_CONVERSATIONS} are needed; "
            "let the endpoint run on, or judge answers with `POST /v1/feedback`"
        )
    for label, meaning in ((1, "the local model sufficed"), (0, "it did not")):
        weight = sum(worth for key, worth in strongest.items() if key[2] == label)
        if weight < LEAST_WEIGHT:
            return (
                f"the evidence that {meaning} is worth {weight:.1f} certain outcomes and "
                f"{LEAST_WEIGHT:.0f} are needed; judge answers with `POST /v1/feedback`"
            )
    return ""
