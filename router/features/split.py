r"""From a body's pieces to the fields that are read, without building objects of what is inside them.

A body whose outline is not plain (a lone surrogate escape such as `"\ud83d"`, very deep nesting, a
key that stands twice) is cut by a small scanner here, so that one bad message never hides the others.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from router.errors import BadRequest
from router.features.outline import MESSAGES, Piece, piece_of

NOTHING = Piece("", 0, b"")


@dataclass(slots=True)
class Envelope:
    """The fields that are read, of any dialect; each a piece, empty where absent."""

    messages: Sequence[Piece] = ()
    system: Piece = NOTHING
    tools: Piece = NOTHING
    tool_choice: Piece = NOTHING
    thinking: Piece = NOTHING
    reasoning_effort: Piece = NOTHING
    output_config: Piece = NOTHING
    output_format: Piece = NOTHING
    response_format: Piece = NOTHING
    safeguards: Piece = NOTHING
    stop: Piece = NOTHING
    stop_sequences: Piece = NOTHING
    max_tokens: Piece = NOTHING
    max_completion_tokens: Piece = NOTHING
    web_search_options: Piece = NOTHING
    metadata: Piece = NOTHING
    prompt_cache_key: Piece = NOTHING


_NAMES = frozenset(field.name for field in fields(Envelope)) - {MESSAGES}


def envelope(pieces: Iterable[Piece]) -> Envelope:
    """Put the pieces of a plain outline where they belong.

    Raises:
        BadRequest: `messages` is not a list.
    """
    messages: list[Piece] = []
    others: dict[str, Piece] = {}
    for piece in pieces:
        if piece.end:
            messages.append(piece)
        elif piece.name in _NAMES:
            others[piece.name] = piece
        elif piece.name == MESSAGES:
            raise BadRequest("`messages` must be a list.")
    return Envelope(messages, **others)


def scan(body: bytes) -> Envelope:
    """Cut a body whose outline is not plain.

    Raises:
        BadRequest: not a JSON object, or `messages` is not a list.
    """
    data = body.strip()
    if data[:1] != b"{":
        raise BadRequest("The body must be a JSON object with a `messages` list.")
    cut = _cut(data)
    members = dict(zip(cut[::2], cut[1::2], strict=False))
    messages = members.pop(b'"messages"', b"[]")
    if messages[:1] != b"[":
        raise BadRequest("`messages` must be a list.")
    others = {name: members.get(b'"%s"' % name.encode()) for name in _NAMES}
    return Envelope(
        [piece_of(MESSAGES, raw, at) for at, raw in enumerate(_cut(messages))],
        **{name: piece_of(name, raw) for name, raw in others.items() if raw is not None},
    )


def value_of(piece: Piece) -> Any:
    """What a piece says; None where it is absent or cannot be decoded at all."""
    return piece.value if piece.decoded else value(piece.raw)


def value(raw: bytes) -> Any:
    """The object behind `raw`; None where it is absent or cannot be decoded at all.

    Lone surrogates become question marks, as nothing after this could encode them.
    """
    if not raw:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _clean(json.loads(raw.decode(errors="replace")))
    except (ValueError, RecursionError):
        return None


def _clean(thing: Any) -> Any:
    """`thing` with every string fit to be encoded."""
    match thing:
        case str():
            return thing.encode(errors="replace").decode()
        case list():
            return [_clean(item) for item in thing]
        case dict():
            return {_clean(key): _clean(item) for key, item in thing.items()}
        case _:
            return thing


_MARK = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}:,]', re.DOTALL)


def _cut(data: bytes) -> list[bytes]:
    """Cut one JSON list or object at its own commas and colons, whatever is nested in it."""
    pieces: list[bytes] = []
    depth, start = 0, 1
    for mark in _MARK.finditer(data):
        sign = mark[0]
        if sign in b"[{":
            depth += 1
        elif sign in b"]}":
            depth -= 1
        if (sign in b",:" and depth == 1) or depth == 0:
            pieces.append(data[start : mark.start()].strip())
            start = mark.end()
        if depth == 0:
            break
    return [piece for piece in pieces if piece]
