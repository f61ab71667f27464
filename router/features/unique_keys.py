"""Decodes raw JSON in which every key of an object stands once.

What we read is what is sent: a provider may take the first of two equal keys and we the last, so
a body with a key given twice is refused, however the two are spelled.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import jiter

from router.errors import BadRequest

_TWICE = re.compile(r'Detected duplicate key ("(?:[^"\\]|\\.)*")')


def parse(raw: bytes) -> Any:
    """Decode raw JSON in which no key may stand twice in one object.

    Raises:
        BadRequest: one does; the message names it.
    """
    try:
        return _decode(raw)
    except ValueError as error:
        if twice := _TWICE.search(str(error)):
            raise _given_twice(twice[1]) from error
        return _parse_slowly(raw)


def parse_all(raws: Sequence[bytes]) -> list[Any] | None:
    """Decode many values in one call; None where one of them is odd, or gives a key twice."""
    try:
        values = _decode(b"[%s]" % b",".join(raws))
    except ValueError:
        return None
    return values if len(values) == len(raws) else None


def check_keys(body: bytes) -> None:
    """See that no key is given twice anywhere in a body; one that is no JSON passes, to be refused as such.

    Raises:
        BadRequest: one is; the message names it.
    """
    parse(body)


def _decode(raw: bytes) -> Any:
    return jiter.from_json(raw, catch_duplicate_keys=True, cache_mode="keys")


def _parse_slowly(raw: bytes) -> Any:
    """`parse` for what the fast decoder refuses: half a surrogate pair, deep nesting, no JSON at all."""
    try:
        return json.loads(raw, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        _scan_keys(raw)
        return raw.decode(errors="replace")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise _given_twice(json.dumps(times.most_common(1)[0][0]))
    return fields


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
    shortened = name if len(name) <= 80 else f"{name[:80]}…"  # noqa: PLR2004 - enough to find it
    return BadRequest(f"{shortened}: this key is given twice in one object; send each key once")
