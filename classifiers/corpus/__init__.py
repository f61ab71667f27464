"""Asks with labels, in our own words: what a learned reading of an ask is trained on and judged by.

`asks/` has one file a kind of first ask, `sequences.jsonl` sessions of two to five asks,
`follow_ups.jsonl` what goes on from any ask. The label says whether everything that an ask refers
to stands in the message (`self-contained`) or the answer needs the person's repository, files or
running system (`repository`). It does not say how hard the task is.

What is judged may not be learned from: the asks of `benchmarks/evaluation/suites/everyday.jsonl` are
for the gate alone. No text of theirs, and no near-duplicate of one, may stand here.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal, get_args

import xxhash

Label = Literal["self-contained", "repository", "either"]
Register = Literal["terse", "casual", "plain", "formal", "specification"]
Relation = Literal["first", "goes-on", "changes", "returns"]

SHINGLE = 5
"""Characters of the overlapping pieces by which two texts are compared."""
SKETCH = 64
"""Pieces of a text that are compared: those with the smallest hashes (Broder 1997, bottom-k)."""


class CorpusError(Exception):
    """A line of the corpus is wrong; the message names file, line and field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a person types first."""

    kind: str
    """The situation, e.g. `how-to`; the name of its file."""
    label: Label
    human: str
    """Language it is written in, ISO 639-1."""
    code: str
    """Programming language concerned; `none` where there is none."""
    register: Register
    text: str
    tips: str = ""
    """Of `either`: what tips it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One ask of a session."""

    text: str
    relation: Relation
    """To the asks before it: `goes-on` inherits their answer, `returns` that of an earlier one."""
    label: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Two to five asks of one conversation, oldest first."""

    human: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What may be asked next, whatever was asked: "why?", "make it shorter", "ja, mach das"."""

    human: str
    text: str
    after: tuple[Label, ...]
    """Labels of the asks from which it may go on; it takes that label over."""


def load_asks() -> tuple[Ask, ...]:
    """Read all first asks, by kind.

    Raises:
        CorpusError: A line is not as `Ask` describes.
    """
    folder = files("classifiers.corpus").joinpath("asks")
    sources = sorted(folder.iterdir(), key=lambda source: source.name)
    return tuple(ask for source in sources for ask in _asks(source))


def load_sessions() -> tuple[Session, ...]:
    """Read all sessions.

    Raises:
        CorpusError: A line is not as `Session` describes.
    """
    source = files("classifiers.corpus").joinpath("sequences.jsonl")
    return tuple(parse_session(place, row) for place, row in _rows(source))


def load_follow_ups() -> tuple[FollowUp, ...]:
    """Read all follow-ups.

    Raises:
        CorpusError: A line is not as `FollowUp` describes.
    """
    source = files("classifiers.corpus").joinpath("follow_ups.jsonl")
    return tuple(parse_follow_up(place, row) for place, row in _rows(source))


def near_duplicates(texts: Sequence[str], *, share: float = 0.6) -> tuple[tuple[int, int], ...]:
    """Find pairs of texts that are nearly the same.

    Args:
        texts: In any order.
        share: Least Jaccard similarity of their pieces, 0..1.

    Returns:
        Pairs of indices, the smaller first.
    """
    sketches = [sketch(text) for text in texts]
    holders: dict[int, list[int]] = defaultdict(list)
    for index, pieces in enumerate(sketches):
        for piece in pieces:
            holders[piece].append(index)
    pairs = {
        (first, second)
        for indices in holders.values()
        if len(indices) <= _COMMON
        for position, first in enumerate(indices)
        for second in indices[position + 1 :]
    }
    return tuple(sorted(pair for pair in pairs if similarity(*(sketches[index] for index in pair)) >= share))


def similarity(first: frozenset[int], second: frozenset[int]) -> float:
    """Estimate the Jaccard similarity of two texts from their sketches, 0..1."""
    union = sorted(first | second)[:SKETCH]
    return sum(piece in first and piece in second for piece in union) / len(union)


def sketch(text: str) -> frozenset[int]:
    """Hash the pieces of a text and keep the smallest; case and white space do not count."""
    folded = " ".join(text.casefold().split())
    pieces = {folded[at : at + SHINGLE] for at in range(max(len(folded) - SHINGLE + 1, 1))}
    return frozenset(
        sorted(xxhash.xxh3_64_intdigest(piece.encode(errors="replace")) for piece in pieces)[:SKETCH]
    )


_COMMON = 6
"""Texts that hold a piece, beyond which it is a phrase of the language and proposes no pair."""
_FIELDS = ("kind", "label", "human", "code", "register", "ask")


def _asks(source: Traversable) -> Iterator[Ask]:
    for place, row in _rows(source):
        ask = parse_ask(place, row)
        if ask.kind != source.name.removesuffix(".jsonl"):
            raise CorpusError(f"{place}: kind is {ask.kind!r}; it belongs into another file")
        yield ask


def parse_ask(place: str, row: dict[str, Any]) -> Ask:
    """Check one line of `asks/`.

    Args:
        place: File and line, for messages.
        row: With the fields of the file.

    Raises:
        CorpusError: A field is missing or has another value than those allowed.
    """
    if not all(isinstance(row.get(name), str) and row[name].strip() for name in _FIELDS):
        raise CorpusError(f"{place}: needs the fields {', '.join(_FIELDS)}, each with text")
    _check(place, "label", row["label"], Label)
    _check(place, "register", row["register"], Register)
    if (row["label"] == "either") != bool(row.get("tips")):
        raise CorpusError(f"{place}: tips says what tips `either`, and stands there only")
    names = {name: row[name] for name in _FIELDS if name != "ask"}
    return Ask(**names, text=row["ask"], tips=row.get("tips", ""))


def parse_session(place: str, row: dict[str, Any]) -> Session:
    """Check one line of `sequences.jsonl`.

    Args:
        place: File and line, for messages.
        row: With the fields `human` and `asks`.

    Raises:
        CorpusError: A field is missing or has another value than those allowed.
    """
    turns = row.get("asks")
    if not isinstance(row.get("human"), str) or not isinstance(turns, list) or not 1 < len(turns) <= _LONGEST:
        raise CorpusError(f"{place}: needs human, and two to {_LONGEST} asks")
    for number, turn in enumerate(turns):
        _check(place, "relation", turn.get("relation"), Relation)
        _check(place, "label", turn.get("label"), Label)
        if not turn.get("ask"):
            raise CorpusError(f"{place}: ask needs text")
        if (turn["relation"] == "first") != (number == 0):
            raise CorpusError(f"{place}: relation is `first` for the first ask, and for no other")
    return Session(
        human=row["human"],
        turns=tuple(Turn(text=turn["ask"], relation=turn["relation"], label=turn["label"]) for turn in turns),
    )


def parse_follow_up(place: str, row: dict[str, Any]) -> FollowUp:
    """Check one line of `follow_ups.jsonl`.

    Args:
        place: File and line, for messages.
        row: With the fields `human`, `ask` and `after`.

    Raises:
        CorpusError: A field is missing or has another value than those allowed.
    """
    if not all(isinstance(row.get(name), str) and row[name].strip() for name in ("human", "ask")):
        raise CorpusError(f"{place}: needs human and ask, each with text")
    after = row.get("after")
    if not isinstance(after, list) or not after:
        raise CorpusError(f"{place}: after needs a list of labels")
    for label in after:
        _check(place, "after", label, Label)
    return FollowUp(human=row["human"], text=row["ask"], after=tuple(after))


_LONGEST = 5
"""Asks in a session."""


def _rows(source: Traversable) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line's place, for messages, and its object."""
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        place = f"{source.name}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CorpusError(f"{place}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise CorpusError(f"{place}: not a JSON object")
        yield place, row


def _check(place: str, field: str, value: object, allowed: object) -> None:
    if value not in get_args(allowed):
        raise CorpusError(f"{place}: {field} is {value!r}; one of {', '.join(get_args(allowed))}")
