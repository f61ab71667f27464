"""What one piece of a body tells, whatever conversation it stands in."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import re2

from router.features.outline import MESSAGES, Piece
from router.privacy import commands
from router.privacy.listing import is_listing
from router.privacy.matcher import Matcher
from router.privacy.needles import OPTIONS, find_matching
from router.privacy.opaque import is_opaque
from router.privacy.strings import ENCODED_KEYS, MODELS, Part, Place, Text, walk

WINDOW = 200
"""Characters on either side of a seam between two strings in which a pattern is looked for."""
_CUT = 100
"""Characters on either side of the end of a text in which a path is looked for that goes on in the next."""
_CHUNK = 2_000
"""Characters of such places that are looked at together; each seam is in one of these whole."""
TEXT_MODE = "text"
"""Stands for the id of a call that an assistant wrote as text."""


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """One place at which something stands that must stay."""

    source: str
    """The policy's own glob or pattern."""
    part: Part
    place: Place
    text: str
    """The words that match; for `explain`, never stored."""


class PieceFacts(msgspec.Struct, frozen=True, gc=False):
    """What a scan found in one piece."""

    sources: frozenset[str]
    edges: tuple[str, ...] = ()
    """Of a message, the beginning and end of each text in it, in order."""
    unnamed: frozenset[str] = frozenset()
    """Ids of calls whose output may be of any file; see `commands.prints_unnamed`."""
    opaque: bool = False
    """It holds what cannot be read."""


_NOTHING: frozenset[str] = frozenset()
NOTHING = PieceFacts(_NOTHING)


def gather(
    pieces: Sequence[Piece], matcher: Matcher, candidates: Collection[int] | None = None
) -> list[PieceFacts]:
    """Scan pieces.

    Args:
        pieces: what is scanned.
        matcher: what is looked for.
        candidates: positions of those that the matcher's first look found; None where it did not look yet.

    Raises:
        BadRequest: a key stands twice in one of their objects.
    """
    values = [piece.parsed() for piece in pieces]
    if not matcher:
        return [NOTHING] * len(pieces)
    if candidates is None:
        candidates = matcher.find_candidates([piece.raw for piece in pieces])
    matching = {*candidates}
    matching.update(at for at, piece in enumerate(pieces) if piece.name.lower() in ENCODED_KEYS)
    if matcher.globs:
        acting = [at for at, value in enumerate(values) if _may_call(value)]
        matching.update(
            acting[at] for at in find_matching(commands.RAW_WILD.search, [pieces[at].raw for at in acting])
        )
    gathered = [
        _of_piece(piece, value, matcher, matches=at in matching)
        for at, (piece, value) in enumerate(zip(pieces, values, strict=True))
    ]
    for at, sources in _across(gathered, matcher):
        gathered[at] = msgspec.structs.replace(gathered[at], sources=gathered[at].sources | sources)
    return gathered


def _may_call(value: Any) -> bool:
    """Whether a message may hold calls, or is one."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    named = isinstance(kind, str) and kind not in _NO_CALLS
    return value.get("role") in MODELS or "tool_calls" in value or named


_NO_CALLS = frozenset({"message", "reasoning"})
"""Types of Responses' items that are none; every other may be, also one that is not known."""
_MODELS = re2.compile(
    rb'"(?:role"\s*:\s*"(?:assistant|model)|tool_calls|type"\s*:\s*"(?:\w+_call|reasoning))"', OPTIONS
)


def is_models(raw: bytes) -> bool:
    """Whether a message looks like the model's, by its bytes."""
    return _MODELS.search(raw) is not None


def _of_piece(piece: Piece, value: Any, matcher: Matcher, *, matches: bool) -> PieceFacts:
    is_message = piece.name == MESSAGES
    edges = tuple(_edges(value if is_message else {"content": value}))
    opaque = matcher.opaque and is_opaque(value if is_message else {piece.name: value})
    named = not is_message and matcher.may_hold(piece.name.encode(errors="replace"))
    if not matches and not named:
        return PieceFacts(_NOTHING, edges, opaque=opaque) if edges or opaque else NOTHING
    unnamed: set[str] = set()
    sources: set[str] = set()
    key = "" if piece.name == MESSAGES else piece.name
    texts = [Text((), Part.TEXT, piece.name, spoken=False), *walk(value, (), part_of(piece.name), key)]
    for sighting in sightings(texts, matcher):
        sources.add(sighting.source)
    if matcher.globs and _may_call(value):
        for text in texts:
            if text.part is Part.COMMAND and "git" in text.text and commands.prints_unnamed(text.text):
                unnamed.update((text.call or TEXT_MODE, text.tool or text.call or TEXT_MODE))
    return PieceFacts(frozenset(sources), edges, frozenset(unnamed), opaque)


def _across(gathered: Sequence[PieceFacts], matcher: Matcher) -> Iterator[tuple[int, frozenset[str]]]:
    """Globs whose path is cut by the end of a text: some clients keep a stream as a text for each piece.

    Yields:
        The position of a piece, and the globs of a path in two of its texts.
    """
    seams: list[tuple[int, str, str]] = []
    for at, item in enumerate(gathered) if matcher.globs else ():
        if len(item.edges) > 1:
            seams += [(at, before[-_CUT:], after[:_CUT]) for before, after in pairwise(item.edges)]
    wholes = [(before + after).encode(errors="replace") for _, before, after in seams]
    for number in matcher.find_candidates(wholes):
        at, before, after = seams[number]
        apart = {source for source, _ in matcher.in_text(f"{before}\n{after}", Part.TEXT)}
        together = {source for source, _ in matcher.in_text(before + after, Part.TEXT)}
        if cut := (together - apart) & matcher.paths:
            yield at, frozenset(cut)


def part_of(field: str) -> Part:
    """What the strings of a top-level field are, before its own fields tell."""
    return Part.OFFER if field in {"tools", "functions"} else Part.TEXT


def sightings(texts: Iterable[Text], matcher: Matcher) -> Iterator[Sighting]:
    """Everything in these strings that must stay."""
    texts = list(texts)
    spoken = [text.text for text in texts if text.spoken]
    listings: dict[str, bool] = {}
    for text in texts:
        if not matcher.may_match(text):
            continue
        for source, words in matcher.in_text(text.text, text.part):
            listed = text.part is Part.RESULT and source in matcher.paths
            if not (listed and _is_listing(text.call, texts, listings)):
                yield Sighting(source, text.part, text.place, words)
    if matcher.patterns and len(spoken) > 1:
        for glue in (" ", ""):
            joined = glue.join(spoken)
            if matcher.may_hold_pattern([joined.encode(errors="replace")]):
                for source, words in matcher.in_prose(joined):
                    yield Sighting(source, Part.TEXT, (), words)


def _is_listing(call: str, texts: list[Text], listings: dict[str, bool]) -> bool:
    """Whether all that a tool answered only lists files, however it is cut into strings."""
    if call not in listings:
        answer = [
            text.text for text in texts if text.part is Part.RESULT and text.spoken and text.call == call
        ]
        listings[call] = is_listing("\n".join(answer))
    return listings[call]


def seams(before: str, edges: Iterable[str]) -> tuple[list[str], str]:
    """What stands around each seam between texts, read on and apart, and how the last one ends.

    Args:
        before: how the text before the first ends; empty where there is none.
        edges: see `PieceFacts`.
    """
    windows: list[str] = []
    for text in edges:
        if before:
            windows += (f"{before} {text[:WINDOW]}", before + text[:WINDOW])
        before = _after(before, text)
    return windows, before


def _after(before: str, text: str) -> str:
    return (f"{before} {text}" if len(text) < WINDOW else text)[-WINDOW:]


def edge(before: str, pieces: Sequence[Sequence[str]]) -> str:
    """How the last text ends; of long conversations only the last texts are looked at.

    Args:
        before: how the text before the first ends.
        pieces: the edges of each.
    """
    first, size = len(pieces), 0
    while first and size < WINDOW:
        first -= 1
        size += sum(len(text) + 1 for text in pieces[first])
    before = "" if first else before
    for edges in pieces[first:]:
        for text in edges:
            before = _after(before, text)
    return before


def may_match(edges: Iterable[str], matcher: Matcher) -> bool:
    """A first look at seams, in one pass over how all texts begin and end."""
    # A needle has no space in it, so what is read on holds all that stands apart.
    text = "".join(edges)
    starts = range(0, max(len(text) - 2 * WINDOW, 1), _CHUNK - 2 * WINDOW)
    return matcher.may_hold_pattern([text[at : at + _CHUNK].encode(errors="replace") for at in starts])


def in_seams(windows: list[str], matcher: Matcher) -> Iterator[str]:
    """Patterns that match where one text follows another, in one message or the next."""
    if matcher.may_hold_pattern([window.encode(errors="replace") for window in windows[1::2]]):
        for window in windows:
            yield from (source for source, _ in matcher.in_prose(window))


def _edges(value: Any) -> list[str]:
    """The texts of a message, each cut in the middle where it is long."""
    content = value
    if isinstance(value, dict):
        content = value.get("content")
        if content is None:
            content = next((value[name] for name in _CONTENTS if value.get(name) is not None), None)
    if isinstance(content, str):
        return [_ends(content)]
    edges: list[str] = []
    for block in content if isinstance(content, list) else (content,):
        text = block
        if isinstance(block, dict):
            text = block.get("text", block.get("content", block.get("parts", block.get("thinking"))))
            answer = block.get("functionResponse")
            if isinstance(answer, dict) and isinstance(answer.get("response"), dict):
                text = list(answer["response"].values())
        if isinstance(text, str):
            edges.append(_ends(text))
        elif isinstance(text, list):
            edges += _edges({"content": text})
    return edges


def _ends(text: str) -> str:
    return text if len(text) <= 2 * WINDOW else f"{text[:WINDOW]}\0{text[-WINDOW:]}"


_CONTENTS = ("output", "summary", "parts")
"""In the place of a message's `content`: of an answer, of thoughts, of Gemini's."""


def answers_unnamed(value: Any, calls: frozenset[str], itself: frozenset[str]) -> bool:
    """Whether a message holds the output of a call, and that names no file.

    Args:
        value: the message, decoded.
        calls: those before it whose output may be of any file.
        itself: those in it, which may hold their output, too.
    """
    calls, observing = calls | itself, TEXT_MODE in calls and not itself
    for text in walk(value, (), Part.TEXT):
        if not text.spoken:
            continue
        answered = text.part is Part.RESULT and (text.call in calls or not text.call)
        observed = observing and text.part is Part.TEXT and text.place[-1:] != ("role",)
        if (answered or observed) and text.text[:1] not in "{[" and commands.is_unnamed(text.text):
            return True
    return False
