"""A body, cut into pieces of raw JSON, with every key in it known to stand there once.

What we read is what is sent: a provider may take the first of two equal keys and we the last, so
a body with a key given twice is refused, however the two are spelled.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import jiter
import msgspec

from router.errors import BadRequest
from router.system.time_slices import MANY, Pace, Turns

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_OPEN = re.compile(rb"\s*\{")
_KEY = re.compile(rb'\s*+,?\s*+("(?:[^"\\]++|\\.)*+")\s*+:\s*+', re.DOTALL)
_CLOSE = re.compile(rb"\s*\}\s*")
_NEXT = re.compile(rb"[\s,\[]*")
_TWICE = re.compile(r'Detected duplicate key ("(?:[^"\\]|\\.)*")')
MESSAGES = "messages"


class Piece(NamedTuple):
    """One top-level field, or one message."""

    name: str
    """The field's."""
    at: int
    """Of a message, its position; 0 for other fields."""
    raw: bytes
    end: int
    """Of a message, where it ends in what was cut; 0 for other fields."""


def cut(body: bytes, pace: Pace) -> Turns[list[Piece] | None]:
    """Cut a body at its top level, the messages one by one.

    Returns:
        None where its outline does not show that each top-level key stands there once.
    """
    try:
        fields = _FIELDS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    at = _OPEN.match(body)
    place = at.end() if at else 0
    pieces: list[Piece] = []
    for name, raw in fields.items():
        data = bytes(raw)
        key = _KEY.match(body, place)
        if key is None or not body.startswith(data, key.end()) or not _is(key[1], name):
            return None
        place = key.end() + len(data)
        yield from pace.pause()
        if name == MESSAGES and data[:1] == b"[":
            yield from _messages(body, data, key.end(), pieces, pace)
        else:
            pieces.append(Piece(name, 0, data, 0))
    return pieces if _CLOSE.fullmatch(body, place) else None


def _is(key: bytes, name: str) -> bool:
    return key[1:-1] == name.encode() or msgspec.json.decode(key) == name


def _messages(body: bytes, data: bytes, place: int, pieces: list[Piece], pace: Pace) -> Turns[None]:
    for at, raw in enumerate(_ITEMS.decode(data)):
        if at % MANY == 0:
            yield from pace.pause()
        gap = _NEXT.match(body, place)
        start = gap.end() if gap else place
        item = bytes(raw)
        place = start + len(item)
        pieces.append(Piece(MESSAGES, at, item, place))


def parse(raw: bytes) -> Any:
    """Decode raw JSON in which no key may stand twice in one object.

    Raises:
        BadRequest: one does; the message names it.
    """
    try:
        return jiter.from_json(raw, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        if twice := _TWICE.search(str(error)):
            raise _given_twice(twice[1]) from error
        return _patiently(raw)


def parse_all(raws: Sequence[bytes]) -> list[Any]:
    """`parse` for many pieces, in one call where none of them is odd.

    Raises:
        BadRequest: a key stands twice in one object.
    """
    try:
        values = jiter.from_json(b"[%s]" % b",".join(raws), catch_duplicate_keys=True, cache_mode="keys")
    except ValueError:
        return list(map(parse, raws))
    return values if len(values) == len(raws) else list(map(parse, raws))


def check_keys(body: bytes) -> None:
    """See that no key is given twice anywhere in a body; one that is no JSON passes, to be refused as such.

    Raises:
        BadRequest: one is; the message names it.
    """
    parse(body)


def _patiently(raw: bytes) -> Any:
    """`parse` for what the fast decoder refuses: half a surrogate pair, deep nesting, no JSON at all."""
    try:
        return json.loads(raw, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        _scan_keys(raw)
        return raw.decode(errors="replace")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise _given_twice(json.dumps(times.most_common(1)[0][0]))
    return made


_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]:,]', re.DOTALL)


def _scan_keys(raw: bytes) -> None:
    """Look for keys given twice at any depth, without recursion."""
    open_keys: list[set[str] | None] = []
    last = b""
    for token in _TOKEN.finditer(raw):
        text = token[0]
        if text in b"{[":
            open_keys.append(set() if text == b"{" else None)
        elif text in b"}]":
            if open_keys:
                open_keys.pop()
        elif text == b":" and open_keys and (keys := open_keys[-1]) is not None:
            try:
                name = json.loads(last)
            except ValueError:
                name = last.decode(errors="replace")
            if name in keys:
                raise _given_twice(json.dumps(name))
            keys.add(name)
        last = text


def _given_twice(quoted: str) -> BadRequest:
    try:
        name = str(json.loads(quoted))
    except ValueError:
        name = quoted
    shown = name if len(name) <= 80 else f"{name[:80]}…"  # noqa: PLR2004 - enough to find it
    return BadRequest(f"{shown}: this key is given twice in one object; send each key once")
