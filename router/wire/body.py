"""A request body: the two facts every dialect has, and the one value that is ever changed.

- `read` checks only what carrying the request depends on; unknown fields and unknown
  content blocks are always fine, for the provider may know them.
- `mend` replaces what no decoder and no provider takes: half of a surrogate pair, written as an escape.
- `name_model` changes the bytes of the top-level model name and no other byte: a body
  that is re-encoded loses key order, escapes and duplicate keys, and with them the
  provider's prompt cache.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from router.errors import BadRequest, TooLarge

T = TypeVar("T")


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to carry a request before anything else is read."""

    model: str
    """As the client wrote it; empty means `auto`."""
    stream: bool
    provider_field: str = ""
    """See `ModelRequest.provider_field`."""


class AnyObject(msgspec.Struct, frozen=True):
    """A JSON object whose fields do not matter here."""


class Message(msgspec.Struct, frozen=True):
    """One message of either dialect, as far as both agree."""

    role: str
    content: str | list[AnyObject] | None = None


Count = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that every parser takes."""
Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""A count of tokens as an upstream may report it."""
NOTHING = msgspec.Raw()
"""A field that is not there, read later or never."""
UNSET = frozenset({b"null", b"false", b"0", b"[]", b"{}", b'""', b'"none"'})
"""Values in JSON that ask for nothing."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What the dialects' bodies have in common; each adds its own."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    tools: list[AnyObject] | None = None
    max_tokens: Count | None = None


REMEDIES: Mapping[str, str] = {
    "": "the body must be a JSON object",
    "model": "must be a string; leave it out to let the policy choose",
    "messages": "must be a non-empty array",
    "messages[]": "must be an object with `role` and `content`",
    "messages[].role": "must be a string, such as `user`",
    "messages[].content": "must be a string or an array of objects",
    "messages[].content[]": "must be an object with a `type`",
    "prompt": "must be a string",
    "images": "must be an array of strings, each an image in base64",
    "images[]": "must be a string, an image in base64",
    "options": "must be an object",
    "stream": "must be true or false",
    "tools": "must be an array of objects",
    "tools[]": "must be an object",
    "input": "must be a string, or a non-empty array of items",
    "input[]": "must be an object with a `type`",
    "instructions": "must be a string",
    "max_output_tokens": "must be an integer of 64 bits",
    "max_tokens": "must be an integer of 64 bits",
    "max_completion_tokens": "must be an integer of 64 bits",
    "system": "must be a string or an array of objects",
    "system[]": "must be an object with a `type`",
}
"""What to do about a field of the wrong type; indexes are left out of the names."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON that was expected, whoever sent them."""

_WHERE = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(\w+)`")
_BYTE = re.compile(r"^JSON is malformed: (?P<what>.*) \(byte (?P<at>\d+)\)$")


def read(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Envelope:
    """Read the envelope of `body` as `decoder` describes it.

    Raises:
        BadRequest: malformed JSON, or a field of the wrong type; names it and the remedy.
    """
    outline: Body = decode(decoder, body)
    return Envelope(model=outline.model or "", stream=bool(outline.stream))


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes, remedies: Mapping[str, str] | None = None) -> T:
    """Decode `body`.

    Args:
        decoder: what it looks like.
        body: the bytes.
        remedies: a dialect's own, by field as in `REMEDIES`, before those that all have.

    Raises:
        BadRequest: as `read` says.
    """
    try:
        decoded = decoder.decode(body)
        if not body.isascii():
            body.decode()  # the decoder looks at no string that it does not return
    except msgspec.ValidationError as error:
        raise BadRequest(_explain(str(error), {**REMEDIES, **(remedies or {})})) from error
    except msgspec.DecodeError as error:
        raise BadRequest(f"the body is not valid JSON: {_locate(str(error), body)}") from error
    except UnicodeDecodeError as error:
        where = _locate(str(error), body)
        raise BadRequest(f"the body is not valid JSON: invalid UTF-8, {error.reason} {where}") from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply: send flatter JSON") from error
    return decoded


def _explain(error: str, remedies: Mapping[str, str]) -> str:
    """Turn msgspec's "Expected `array`, got `str` - at `$.messages`" into field and remedy."""
    match = _WHERE.match(error)
    what, path = (match["what"], match["path"] or "") if match else (error, "")
    if missing := _MISSING.search(what):
        path = f"{path}.{missing[1]}".removeprefix(".")
        what = "it is missing"
    remedy = remedies.get(re.sub(r"\[[^\]]*\]", "[]", path))
    return f"{path}: {remedy or what}".removeprefix(": ") + (f" ({what})" if remedy else "")


_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _not_utf8(body: bytes) -> int:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(body)


def _locate(error: str, body: bytes) -> str:
    if body.startswith(_MARKS) or b"\0" in body[:4]:
        return "it is in another encoding or begins with a byte-order mark; send UTF-8 without one"
    if "codec" in error:
        return f"at byte {_not_utf8(body)}; send UTF-8"
    if match := _BYTE.match(error):
        return f"{match['what']} at byte {match['at']}"
    return f"it ends too early, at byte {len(body)}"


_HALF = re.compile(
    rb"(?<!\\)(?P<signs>\\++)u(?P<first>[dD][89a-fA-F][0-9a-fA-F]{2})(?P<second>\\u[dD][c-fC-F][0-9a-fA-F]{2})?+"
)
"""Half a surrogate pair as an escape, or a pair; no escape at all where the number of signs is even."""


def mend(body: bytes) -> bytes:
    """Write U+FFFD for each half of a surrogate pair; every other byte stays where it is.

    A JavaScript client that cuts a string inside an emoji sends such a half, and then again with
    every turn: unmended, the conversation would be refused for good, here and by the provider.
    """
    return _HALF.sub(_mend_escape, body)


def _mend_escape(escape: re.Match[bytes]) -> bytes:
    signs, first, second = escape.groups()
    if len(signs) % 2 and first[1:2] in b"89abAB" and second:
        return escape[0]
    return signs + b"u" + (b"fffd" if len(signs) % 2 else first) + (rb"\ufffd" if second else b"")


def decode_object(body: bytes) -> dict[str, Any]:
    """Decode all of a body that `read` has accepted: that looked at a few fields only.

    Raises:
        BadRequest: a number out of range, or too deep nesting, somewhere else in it.
    """
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except RecursionError as error:
        raise BadRequest("the body is nested too deeply: send flatter JSON") from error
    except UNREADABLE as error:
        raise BadRequest(f"{_culprit(body)}: cannot be read: {error}") from error


def _culprit(body: bytes) -> str:
    """The field that cannot be decoded, in as many objects as it stands in."""
    path: list[str] = []
    raw: bytes | msgspec.Raw = body
    while fields := _fields_of(raw):
        culprit = next((name for name, value in fields.items() if not _is_readable(value)), None)
        if culprit is None:
            break
        path.append(culprit)
        raw = fields[culprit]
    return ".".join(path) or "the body"


def _fields_of(raw: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _FIELDS.decode(raw)
    except UNREADABLE:
        return {}


def _is_readable(raw: msgspec.Raw) -> bool:
    try:
        msgspec.json.decode(raw)
    except UNREADABLE:
        return False
    return True


MOST_VALUES = 3_000_000
"""Values that a body may hold: more than any conversation has, and few enough to be passed over at once."""
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


def check_values(body: bytes) -> None:
    """Refuse a body that is more structure than text; looks at all of it.

    Raises:
        TooLarge: it holds more than `MOST_VALUES`.
    """
    structure = _STRING.sub(b"", body)
    if sum(map(structure.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise TooLarge(f"the body holds more than {MOST_VALUES:,} JSON values; send what is large as text")


class _Named(msgspec.Struct):
    model: str | int | None = None


_NAMED = msgspec.json.Decoder(_Named)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KEY = b'"model"'
NEAR = 1024
"""Bytes at the end of a body searched first: several SDKs put the model behind the messages."""
_VALUE = re.compile(rb'(?<!\\)"model"[ \t\r\n]*:[ \t\r\n]*("(?:[^"\\]|\\.)*"|null)', re.DOTALL)


def name_model(body: bytes, model: str) -> bytes:
    """Put `model` where the top-level model name of `body` stands; every other byte stays.

    `"model"` may also be a key deep inside messages and tool schemas, before or behind the
    real one. Which is which is found by asking the decoder: only a change of the real one
    changes what it reads at the top level. Nearly always the one is near either end of the body.

    Args:
        body: a body that `read` has accepted, so its model is a string, null or absent.
        model: the name to put there.
    """
    name = msgspec.json.encode(model)
    if name in body and _NAMED.decode(body).model == model:  # a search costs a tenth of a decode
        return body
    first = next(_candidates(body, max(len(body) - NEAR, 0)), None) or next(_candidates(body), None)
    # A number in its place tells: a name could be there already, spelled with other escapes.
    if first is not None and _NAMED.decode(_replace(body, [(*first, b"0")])).model == 0:
        return _replace(body, [(*first, name)])
    place = _find(body)
    return _insert(body, name) if place is None else _replace(body, [(*place, name)])


def _find(body: bytes) -> tuple[int, int] | None:
    """Number all candidates in a copy of `body` and see which number is read at the top level.

    One decode however many there are. Of duplicate keys the last counts, as in every common parser.
    """
    places = list(_candidates(body))
    number = _NAMED.decode(_replace(body, [(*place, b"%d" % n) for n, place in enumerate(places)])).model
    return places[number] if isinstance(number, int) else None


def _candidates(body: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield start and end of each value that follows a key `"model"`, at any depth."""
    at = body.find(_KEY, start)  # memmem: ten times as fast as a regular expression over the body
    while at >= 0:
        if match := _VALUE.match(body, at):
            yield match.span(1)
        at = body.find(_KEY, at + len(_KEY))


def _replace(body: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    view = memoryview(body)  # slices of it copy nothing, so that the body is copied once
    parts: list[bytes | memoryview] = []
    at = 0
    for start, end, value in edits:
        parts += (view[at:start], value)
        at = end
    return b"".join((*parts, view[at:]))


def _insert(body: bytes, name: bytes) -> bytes:
    """Add the field in front; a model whose key is spelled with escapes is replaced by re-encoding."""
    fields = _FIELDS.decode(body)
    if "model" in fields:
        return msgspec.json.encode(fields | {"model": msgspec.Raw(name)})
    start = body.index(b"{") + 1
    return b"".join((body[:start], b'"model":', name, b"," if fields else b"", body[start:]))
