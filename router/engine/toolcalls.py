"""Tool calls in a model's text: found while it streams, parsed per family.

`CallParser` takes text cut anywhere and gives back plain text at once, and calls when
they are complete. Only text that may be the start of a call is held back. One parser
serves all families, because the bodies differ from each other:

    {"name": ..., "arguments" | "parameters": {...}}     Hermes, Qwen, Llama 3
    [{"name": ..., "arguments": {...}}, ...]             Mistral
    name[ARGS]{...}                                      Mistral since 2025
    <function=name><parameter=key>value</parameter>...   Qwen3-Coder
"""

import json
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How a kind of model writes calls."""

    name: str
    opens: tuple[str, ...]
    """Text that opens a call anywhere."""
    starts: tuple[str, ...] = ()
    """Text that opens a call only where the answer begins; else it is plain text."""
    force: str
    """What to put after the prompt so that a call's JSON object comes next."""
    arguments: str = "arguments"
    """The key the model was trained to put them under."""


HERMES = Family(name="hermes", opens=("<tool_call>",), force="<tool_call>\n")
QWEN_CODER = Family(name="qwen_coder", opens=("<tool_call>", "<function="), force="<tool_call>\n")
MISTRAL = Family(name="mistral", opens=("[TOOL_CALLS]",), force="[TOOL_CALLS]")
LLAMA3 = Family(name="llama3", opens=("<|python_tag|>",), starts=("{",), force="", arguments="parameters")

_MARKERS = (
    ("[TOOL_CALLS]", MISTRAL),
    ("<|python_tag|>", LLAMA3),
    ("<function=", QWEN_CODER),
    ("<tool_call>", HERMES),
)
_CLOSERS = ("</tool_call>",)
_SEPARATORS = " \t\r\n;,"
_LONGEST_NAME = 256


def detect(template: str) -> Family:
    """Return the family whose marker the chat template writes; Hermes where there is none."""
    return next((family for marker, family in _MARKERS if marker in template), HERMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A piece of the answer that is no call."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as the model wrote it, not yet checked against a schema."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidCall:
    """Text that opened as a call and cannot be read as one."""

    raw: str
    why: str


Item = Text | Call | InvalidCall


class _Incomplete(Exception):
    """The body may still become a call."""


class _Unreadable(Exception):
    """The body will never be a call; `size` characters are to be skipped."""

    def __init__(self, why: str, size: int) -> None:
        super().__init__(why)
        self.why = why
        self.size = size


class CallParser:
    """Splits one answer into text and calls."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._buffer = ""
        self._marker: str | None = None  # the opener of the call being read
        self._fresh = True  # at the answer's start, or right after a call
        self._called = False

    @property
    def inside(self) -> bool:
        """Whether a call has been opened and is not complete."""
        return self._marker is not None

    def feed(self, text: str) -> list[Item]:
        """Take more text and return the items that are complete."""
        self._buffer += text
        return self._drain(final=False)

    def close(self) -> list[Item]:
        """End the answer and return what is still buffered."""
        return self._drain(final=True)

    def _drain(self, *, final: bool) -> list[Item]:
        items: list[Item] = []
        while True:
            before = (self._buffer, self._marker)
            items += self._text(final=final) if self._marker is None else self._call(final=final)
            if (self._buffer, self._marker) == before or not self._buffer:
                return items

    def _text(self, *, final: bool) -> list[Item]:
        """Pass text up to an opener, or up to what may be one."""
        if self._fresh and (start := self._start()):
            self._marker, self._fresh = start, False
            return []
        marks = (*self._family.opens, *_CLOSERS)
        first = min(((at, mark) for mark in marks if (at := self._buffer.find(mark)) >= 0), default=None)
        if first is None:
            buffered = 0 if final else _partial_mark(self._buffer, marks)
            return self._pass(len(self._buffer) - buffered, final=final)
        at, mark = first
        after = self._buffer[at + len(mark) :]
        items = self._pass(at, final=False)
        # White space before a call goes with it, and so does a closer.
        self._buffer = mark + after if mark == "<function=" else after
        if mark in self._family.opens:
            self._marker = mark
        return items

    def _start(self) -> str:
        text = self._buffer.lstrip(_SEPARATORS if self._called else None)
        return next((start for start in self._family.starts if text.startswith(start)), "")

    def _pass(self, size: int, *, final: bool) -> list[Item]:
        """Release `size` characters; white space waits until text follows it."""
        text = self._buffer[:size]
        if not final or self._called:
            text = text.rstrip()
        if self._called and not text.strip(_SEPARATORS):
            text = ""
        if not text:
            return []
        self._buffer = self._buffer[len(text) :]
        self._fresh = False
        return [Text(text=text)]

    def _call(self, *, final: bool) -> list[Item]:
        """Parse a call's body once it is complete."""
        plain = self._marker in self._family.starts
        try:
            calls, size = _body(self._buffer, final=final)
        except _Incomplete:
            return []
        except _Unreadable as error:
            raw, self._buffer = self._buffer[: error.size], self._buffer[error.size :]
            self._marker = None
            return [Text(text=raw)] if plain else [InvalidCall(raw=raw, why=error.why)]
        self._buffer, self._marker = self._buffer[size:], None
        self._called = self._fresh = True
        return list(calls)


def _partial_mark(text: str, marks: tuple[str, ...]) -> int:
    """Length of the longest end of `text` that is the start of a mark."""
    longest = min(max(map(len, marks)) - 1, len(text))
    return next((n for n in range(longest, 0, -1) if any(m.startswith(text[-n:]) for m in marks)), 0)


def _body(text: str, *, final: bool) -> tuple[list[Call], int]:
    """Read one body and return its calls and the length read."""
    body = text.lstrip(_SEPARATORS)
    indent = len(text) - len(body)
    if not body:
        if final:
            raise _Unreadable("nothing follows the start of the call", len(text))
        raise _Incomplete
    if body[0] in "{[":
        read = _json_body
    elif body.startswith("<function=") or (not final and "<function=".startswith(body)):
        read = _xml_body
    else:
        read = _named_body
    try:
        calls, size = read(body, final=final)
    except _Unreadable as error:
        raise _Unreadable(error.why, indent + error.size) from error
    return calls, indent + size


def _json_body(body: str, *, final: bool) -> tuple[list[Call], int]:
    value, size = _json(body, final=final)
    try:
        return [_call(item) for item in (value if isinstance(value, list) else [value])], size
    except ValueError as error:
        raise _Unreadable(str(error), size) from error


def _json(body: str, *, final: bool) -> tuple[Any, int]:
    # A value is complete with its last bracket, not before.
    if final or "}" in body or "]" in body:
        try:
            # Models write raw line breaks inside strings; what they mean is clear.
            return json.JSONDecoder(strict=False).raw_decode(body)
        except json.JSONDecodeError as error:
            closed = next((body.find(mark) for mark in _CLOSERS if mark in body), -1)
            # A closer inside a string is the model quoting it; this one ends a call gone wrong before.
            if closed >= error.pos and not error.msg.startswith("Unterminated string"):
                raise _Unreadable(f"it is not JSON: {error}", closed) from error
            if final:
                raise _Unreadable(f"it is not JSON: {error}", len(body)) from error
    raise _Incomplete


def _call(value: Any) -> Call:
    """Read `{"name": ..., "arguments": ...}` in any of its spellings."""
    if not isinstance(value, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - the model's fault, caught beside JSON's own
    value = value.get("function") if isinstance(value.get("function"), dict) else value
    name = value.get("name")
    arguments = value.get("arguments", value.get("parameters"))
    if isinstance(arguments, str):
        arguments = json.loads(arguments, strict=False)
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ValueError("it has no name, or its arguments are not an object")  # noqa: TRY004 - as above
    return Call(name=name, arguments=arguments)


_NAMED = re.compile(r"([\w.-]+)(?:\[CALL_ID\][\w-]+)?\[ARGS\]")


def _named_body(body: str, *, final: bool) -> tuple[list[Call], int]:
    head = _NAMED.match(body)
    if head is None:
        if final or len(body) > _LONGEST_NAME or any(mark in body for mark in _CLOSERS):
            raise _Unreadable("it has no function name", len(body))
        raise _Incomplete
    if len(body) == head.end() and not final:
        raise _Incomplete
    arguments, size = _json(body[head.end() :], final=final)
    if not isinstance(arguments, dict):
        raise _Unreadable("its arguments are not an object", head.end() + size)
    return [Call(name=head[1], arguments=arguments)], head.end() + size


_FUNCTION = re.compile(r"<function=([^>\n]+)>(.*?)</function>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)


def _xml_body(body: str, *, final: bool) -> tuple[list[Call], int]:
    """Read Qwen3-Coder's form; values stay text until `coerce` sees the schema."""
    match = _FUNCTION.match(body)
    if match is None:
        if final:
            raise _Unreadable("its function is not closed", len(body))
        raise _Incomplete
    arguments = {key.strip(): value for key, value in _PARAMETER.findall(match[2])}
    return [Call(name=match[1].strip(), arguments=arguments)], match.end()
