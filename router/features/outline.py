"""`Outline`: a body at its top level, made once and used by all who read it.

A body is cut into pieces of raw JSON, one for each field and each message. A piece has a keyed digest,
by which its readers keep what they gathered, and is decoded at most once for all of them. The digests
of a body's beginnings show where it goes on from one that was read before; then only the rest is cut:

    {"model": …, "messages": [first, … read before …, rest], "tools": …}
                                   └─── left out ───┘
"""

import hashlib
import json
import re
import secrets
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
import xxhash

from router.features.unique_keys import parse, parse_all
from router.system.time_slices import LARGE, MANY, Apart, Aside, Pauses, Turns, finish
from router.types import DialectName

BLOCK = 16 << 10
"""Bytes between the places at which a body's beginning is looked for."""
MESSAGES = "messages"
SYSTEM = "system"
WORDS: Mapping[DialectName, Mapping[str, str]] = {
    "openai_chat": {MESSAGES: MESSAGES, SYSTEM: SYSTEM},
    "openai_responses": {"input": MESSAGES, "instructions": SYSTEM},
    "anthropic_messages": {MESSAGES: MESSAGES, SYSTEM: SYSTEM},
    "gemini": {"contents": MESSAGES, "systemInstruction": SYSTEM},
    "ollama": {MESSAGES: MESSAGES, "prompt": MESSAGES, SYSTEM: SYSTEM},
    "openai_completions": {"prompt": MESSAGES},
    "llama_infill": {"input_prefix": MESSAGES},
    "openai_embeddings": {"input": MESSAGES},
    "ollama_embed": {"input": MESSAGES},
    "ollama_embeddings": {"prompt": MESSAGES},
    "llama_embedding": {"content": MESSAGES},
}
"""What each dialect calls the messages and the system text; their pieces have one name in all of them."""
WIDE = (1 << 64) - 1
_APART = 1 << 20
"""Bytes of a body above which its pieces are looked for apart: that takes 1 ms a megabyte, or more."""
_SOME = 200
"""Small pieces made between two pauses."""
_BATCH = 100 << 10
"""Bytes of pieces that are decoded together: a few hundred microseconds."""
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_OPEN = re.compile(rb"\s*\{")
_KEY = re.compile(rb'\s*+,?\s*+("(?:[^"\\]++|\\.)*+")\s*+:\s*+', re.DOTALL)
_CLOSE = re.compile(rb"\s*\}\s*")
_NEXT = re.compile(rb"\s*+,?+\s*+")
_UNDECODED: Any = msgspec.UNSET


class Piece(msgspec.Struct, eq=False, gc=False):
    """One top-level field, or one message."""

    name: str
    """The field's; of the messages and the system text the same in every dialect."""
    at: int
    """Of a message, its position in what was cut; 0 for other fields."""
    raw: bytes
    end: int = 0
    """Of a message, where it ends in the body; 0 for other fields."""
    digest: int = 0
    """Of its bytes; 64 bits, under a key of this process."""
    value: Any = _UNDECODED
    """What it says, decoded; see `Piece.decoded`."""

    @property
    def decoded(self) -> bool:
        """Whether `value` is there. It is not for large pieces, and for JSON that not every decoder takes."""
        return self.value is not _UNDECODED

    def parsed(self) -> Any:
        """The value, decoded now if it is not yet.

        Raises:
            BadRequest: a key stands twice in one of its objects.
        """
        return self.value if self.decoded else parse(self.raw)

    def parsed_or_none(self) -> Any:
        """The value; None where it cannot be decoded at all. Lone surrogates are question marks in it."""
        return self.value if self.value is not _UNDECODED else _parse_leniently(self.raw)


def _keyed() -> Callable[[bytes | memoryview], int]:
    """A digest that nobody outside can steer: SipHash under a key of this process, 0.2 ms a megabyte.

    Python's own `hash` is that unless PYTHONHASHSEED fixes the key; then BLAKE2b takes its place.
    """
    if sys.flags.hash_randomization and sys.hash_info.algorithm.startswith("siphash"):
        return hash
    key = secrets.token_bytes(32)
    return lambda data: int.from_bytes(hashlib.blake2b(data, key=key, digest_size=8).digest(), "big")


_digest = _keyed()
_SEED = secrets.randbits(64)


def _seeded(data: bytes | memoryview) -> int:
    """A digest that takes a fifth of the time; whoever knew the seed could make two bodies of one digest."""
    return xxhash.xxh3_64_intdigest(data, _SEED)


def piece_of(name: str, raw: bytes, at: int = 0) -> Piece:
    """Make a piece of which nobody knows where it ends."""
    return Piece(name, at, raw, 0, _digest(raw) & WIDE)


class Outline:
    """One body's.

    Args:
        body: its bytes, as they would be sent.
        dialect: its.
        trusted: nothing is kept here by what stands in a body, so its beginnings need no digest that
            nobody can steer.
    """

    def __init__(self, body: bytes, dialect: DialectName = "openai_chat", *, trusted: bool = False) -> None:
        self.body = body
        self._words = WORDS[dialect]
        self.trusted = trusted
        self._cuts: dict[tuple[int, int], list[Piece] | None] = {}

    @cached_property
    def beginnings(self) -> list[bytes]:
        """For each block of the body a digest of all that comes before its end."""
        return finish(self.digest_beginnings(()))

    def digest_beginnings(self, pauses: Pauses) -> Turns[list[bytes]]:
        """Make `beginnings` in turns; at once where they are there."""
        if "beginnings" not in self.__dict__:
            digest, before = (_seeded, 1) if self.trusted else (_digest, 0)
            view, digests = memoryview(self.body), list[bytes]()
            for at in range(0, len(self.body) - BLOCK + 1, BLOCK):
                before = hash((before, digest(view[at : at + BLOCK])))
                digests.append(before.to_bytes(8, "big", signed=True))
                if at % _APART == 0:
                    yield from pauses
            self.__dict__["beginnings"] = digests
        return self.beginnings

    def cut(self, first: int, upto: int, pauses: Pauses) -> Turns[list[Piece] | None]:
        """Cut the body without the bytes between two messages.

        Args:
            first: where the first message ends; 0 for all of the body.
            upto: where the last one ends that is left out.
            pauses: of the work that this is part of.

        Returns:
            None where it does not show that each top-level key stands there once.
        """
        if (first, upto) not in self._cuts:
            body = self.body[:first] + self.body[upto:] if upto else self.body
            if len(body) > _APART:
                bounds = yield Apart(_bounds_of, (body, self._words))
            else:
                bounds = yield from _bounds(body, self._words, pauses)
            pieces = (yield from _pieces(body, bounds, (first, upto), pauses)) if bounds else None
            self._cuts[first, upto] = pieces
        return self._cuts[first, upto]


class _Bounds(NamedTuple):
    """Where the pieces of a body begin and end."""

    fields: list[tuple[str, int, int]]
    """Of each other field: its name, beginning and end."""
    messages: "array[int]"
    """Of each message: its beginning and end."""
    before: int
    """Fields that stand before the messages."""


def _bounds_of(body: bytes, words: Mapping[str, str]) -> _Bounds | None:
    return finish(_bounds(body, words, ()))


def _bounds(body: bytes, words: Mapping[str, str], pauses: Pauses) -> Turns[_Bounds | None]:
    """Look where a body's pieces are; None where a top-level key may stand there twice.

    A conversation that is one string, as Responses takes it, is one message. A null `messages` is none
    where a dialect has another word for them.
    """
    others = any(word == MESSAGES != name for name, word in words.items())
    try:
        fields = _FIELDS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    opening = _OPEN.match(body)
    place = opening.end() if opening else 0
    bounds = _Bounds([], array("q"), 0)
    for name, raw in fields.items():
        data = bytes(raw)
        key = _KEY.match(body, place)
        if key is None or not body.startswith(data, key.end()) or not _is(key[1], name):
            return None
        start, place = key.end(), key.end() + len(data)
        yield from pauses
        word = words.get(name, name)
        if word == MESSAGES and data[:1] == b"[":
            bounds = bounds._replace(before=len(bounds.fields))
            yield from _message_bounds(body, data, start, bounds.messages, pauses)
        elif word == MESSAGES != name and data[:1] == b'"':
            bounds = bounds._replace(before=len(bounds.fields))
            bounds.messages.extend((start, place))
        elif not (others and name == MESSAGES and data == b"null"):
            bounds.fields.append((name if data == b"null" else word, start, place))
    return bounds if _CLOSE.fullmatch(body, place) else None


def _is(key: bytes, name: str) -> bool:
    return key[1:-1] == name.encode() or msgspec.json.decode(key) == name


def _message_bounds(
    body: bytes, data: bytes, start: int, bounds: "array[int]", pauses: Pauses
) -> Turns[None]:
    place, gap = start + 1, _NEXT.match
    for at, raw in enumerate(_ITEMS.decode(data)):
        if at % MANY == 0:
            yield from pauses
        if not body.startswith(b"{", place):
            near = body.startswith(b",{", place)
            place = place + 1 if near else gap(body, place).end()  # type: ignore[union-attr]  # matches nothing, too
        bounds.append(place)
        place += len(raw)
        bounds.append(place)


def _pieces(body: bytes, bounds: _Bounds, left_out: tuple[int, int], pauses: Pauses) -> Turns[list[Piece]]:
    """Cut a body at these places; a message's end is that in the body nothing was left out of."""
    first, upto = left_out
    fields: list[Piece] = []
    for name, start, end in bounds.fields:
        raw = yield from _slice(body, start, end, pauses)
        fields.append(Piece(name, 0, raw, 0, (yield from _digest_of(raw, pauses))))
    messages: list[Piece] = []
    starts, ends = bounds.messages[::2], bounds.messages[1::2]
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if at % _SOME == 0 or end - start > LARGE:
            yield from pauses
        raw = body[start:end] if end - start <= LARGE else (yield from _slice(body, start, end, pauses))
        digest = _digest(raw) & WIDE if len(raw) <= LARGE else (yield from _digest_of(raw, pauses))
        messages.append(Piece(MESSAGES, at, raw, end + upto - first if end > first else end, digest))
    return [*fields[: bounds.before], *messages, *fields[bounds.before :]]


def _slice(body: bytes, start: int, end: int, pauses: Pauses) -> Turns[bytes]:
    """A part of a body; many bytes are copied in turns, and joined where it stops nobody."""
    if end - start <= _APART:
        return body[start:end]
    parts: list[bytes] = []
    for at in range(start, end, _APART):
        parts.append(body[at : min(at + _APART, end)])
        yield from pauses
    return (yield Aside(_join, (parts,)))  # type: ignore[no-any-return]


def _join(parts: list[bytes]) -> bytes:
    """Join parts and free them one by one: that leaves the interpreter free, as one large slice would not."""
    joined = b"".join(parts)
    while parts:
        parts.pop()
    return joined


def _digest_of(raw: bytes, pauses: Pauses) -> Turns[int]:
    """The digest of a piece's bytes; of many of them in turns."""
    if len(raw) <= LARGE:
        return _digest(raw) & WIDE
    digests: list[int] = []
    view = memoryview(raw)
    for at in range(0, len(raw), LARGE):
        digests.append(_digest(view[at : at + LARGE]))
        yield from pauses
    return hash((len(raw), *digests)) & WIDE


def _parse_leniently(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _encodable(json.loads(raw.decode(errors="replace")))
    except (ValueError, RecursionError):
        return None


def _encodable(value: Any) -> Any:
    """Replace lone surrogates in every string: nothing after this could encode them."""
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case list():
            return [_encodable(item) for item in value]
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case _:
            return value


def decode(pieces: Iterable[Piece], pauses: Pauses) -> Turns[None]:
    """Decode pieces, several in a call; leaves alone what is large, and what is odd or gives a key twice."""
    new = [piece for piece in pieces if not piece.decoded and len(piece.raw) <= LARGE]
    yield from pauses
    for batch in batches(new):
        values = parse_all([piece.raw for piece in batch])
        for at, piece in enumerate(batch):
            if values is not None:
                piece.value = values[at]
            elif single := parse_all([piece.raw]):
                piece.value = single[0]
        yield from pauses


def batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces that are worked on together; a large one is by itself."""
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        size += len(piece.raw)
        if batch and size > _BATCH:
            yield batch
            batch, size = [], len(piece.raw)
        batch.append(piece)
    if batch:
        yield batch
