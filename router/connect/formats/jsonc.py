"""JSON with comments and trailing commas, as editors and coding assistants have it.

A text is read into nodes that know where they begin and end, so that an edit replaces one value, or
puts one member at the end of an object, in the object's own layout.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from router.connect.formats.edits import Data, Edit, Unreadable, line_column, place_of

_BLANK = re.compile(r"(?:[ \t\r\n]|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_SAME_LINE = re.compile(r"(?:[ \t]|/\*(?:(?!\*/)[^\r\n])*\*/)*(?://[^\r\n]*)?")
"""What may follow a value on its own line and belongs to it: spaces and comments."""
_SCALAR = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?\d[\d.eE+-]*|true|false|null')
_DEEPEST = 200


@dataclass(slots=True, kw_only=True)
class _Node:
    """A value and where it stands."""

    start: int
    end: int = 0
    value: Any = None
    """Of a scalar."""
    kind: str = "scalar"
    names: list[str] = field(default_factory=list)
    """Of an object's members, decoded."""
    starts: list[int] = field(default_factory=list)
    """Where its members or items begin."""
    parts: list["_Node"] = field(default_factory=list)

    def member(self, name: str) -> "_Node | None":
        """The last of that name: it is the one that counts."""
        match = [part for key, part in zip(self.names, self.parts, strict=True) if key == name]
        return match[-1] if match else None

    @property
    def data(self) -> Data:
        if self.kind == "object":
            return {name: part.data for name, part in zip(self.names, self.parts, strict=True)}
        return [part.data for part in self.parts] if self.kind == "array" else self.value


def read(text: str) -> Data:
    """Return what a text says; None where there is nothing but comments.

    Raises:
        Unreadable: it is not JSON, comments and trailing commas allowed; says where.
    """
    node = _parse(text)
    return node.data if node else None


def edit(text: str, change: Edit) -> str:
    """Make one change.

    Raises:
        Unreadable: the text is broken, or something on the path is no object.
    """
    value = [change.value] if change.item_key else change.value
    node = _parse(text)
    layout = _Layout.of(text, node)
    if node is None:
        gap = layout.newline if text.strip() and not text.endswith("\n") else ""
        return f"{text}{gap}{layout.render(_nested(change.path, value), '')}{layout.newline}"
    for at, name in enumerate(change.path):
        if node.kind != "object":
            raise _unreadable(text, node.start, f"an object is needed here, to set `{name}` in it")
        match = node.member(name)
        if match is None:
            label = f"{json.dumps(name, ensure_ascii=False)}: "
            return _insert(text, node, label, _nested(change.path[at + 1 :], value), layout)
        node = match
    if not change.item_key:
        return _replace(text, node, value, layout)
    if node.kind != "array":
        raise _unreadable(text, node.start, "a list is needed here")
    place = place_of([part.data for part in node.parts], change)
    if place is None:
        return _insert(text, node, "", change.value, layout)
    return _replace(text, node.parts[place], change.value, layout)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What a document is indented by, and how its lines end."""

    unit: str
    newline: str

    @classmethod
    def of(cls, text: str, root: _Node | None) -> "_Layout":
        """As the first member that stands first on its line; else two spaces."""
        newline = "\r\n" if "\r\n" in text else "\n"
        for start in root.starts if root else ():
            before = text[text.rfind("\n", 0, start) + 1 : start]
            if before and not before.strip(" \t"):
                return cls(unit="\t" if before[0] == "\t" else before, newline=newline)
        return cls(unit="  ", newline=newline)

    def render(self, value: Data, indent: str) -> str:
        """Write a value as JSON whose first line is already indented."""
        lines = json.dumps(value, ensure_ascii=False, indent=self.unit).split("\n")
        return f"{self.newline}{indent}".join(lines)


def _replace(text: str, node: _Node, value: Data, layout: _Layout) -> str:
    rendered = layout.render(value, _line_indent(text, node.start))
    return text[: node.start] + rendered + text[node.end :]


def _insert(text: str, node: _Node, label: str, value: Data, layout: _Layout) -> str:
    """Put a member, or an item, at the end of `node`."""
    if not node.parts:
        return _insert_first(text, node, label, value, layout)
    last, close = node.parts[-1].end, node.end - 1
    after = _skip(text, last)
    trailing = "," if text[after] == "," else ""
    end = after + 1 if trailing else last
    if "\n" not in text[node.start : node.end]:
        member = f" {label}{json.dumps(value, ensure_ascii=False)}{trailing}"
        return f"{text[:end]}{'' if trailing else ','}{member}{text[end:]}"
    line = _SAME_LINE.match(text, end)
    stop = min(line.end() if line else end, close)
    comment = text[end:stop].rstrip(" \t")
    stop = end + len(comment)
    indent = _member_indent(text, node, _line_indent(text, node.start) + layout.unit)
    member = f"{layout.newline}{indent}{label}{layout.render(value, indent)}{trailing}"
    return (
        f"{text[:end]}{'' if trailing else ','}{comment}{member}{_gap(text, stop, node, layout)}{text[stop:]}"
    )


def _insert_first(text: str, node: _Node, label: str, value: Data, layout: _Layout) -> str:
    indent = _line_indent(text, node.start) + layout.unit
    inside = text[node.start + 1 : node.end - 1].rstrip()
    stop = node.start + 1 + len(inside)
    member = f"{layout.newline}{indent}{label}{layout.render(value, indent)}"
    return f"{text[:stop]}{member}{_gap(text, stop, node, layout)}{text[stop:]}"


def _gap(text: str, at: int, node: _Node, layout: _Layout) -> str:
    """What keeps a member that is put in at `at` apart from what follows: a line's end, if none is there."""
    if text[at:].lstrip(" \t").startswith(("\n", "\r\n")):
        return ""
    return layout.newline + _line_indent(text, node.start)


def _member_indent(text: str, node: _Node, default: str) -> str:
    """Return the indentation of the last member that stands first on its line."""
    for start in reversed(node.starts):
        before = text[text.rfind("\n", 0, start) + 1 : start]
        if not before.strip(" \t") and "\n" in text[node.start : start]:
            return before
    return default


def _line_indent(text: str, index: int) -> str:
    line = text[text.rfind("\n", 0, index) + 1 : index]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _nested(path: tuple[str, ...], value: Data) -> Data:
    for name in reversed(path):
        value = {name: value}
    return value


def _parse(text: str) -> _Node | None:
    at = _skip(text, 0)
    if at == len(text):
        return None
    node = _value(text, at, 0)
    if (end := _skip(text, node.end)) < len(text):
        raise _unreadable(text, end, "there is more after the end of the JSON value")
    return node


def _value(text: str, at: int, depth: int) -> _Node:
    if depth > _DEEPEST:
        raise _unreadable(text, at, "nested too deeply")
    if text[at : at + 1] in {"{", "["}:
        return _container(text, at, depth)
    match = _SCALAR.match(text, at)
    if match is None:
        seen = f"`{text[at]}`" if at < len(text) else "the end of the file"
        raise _unreadable(text, at, f"a JSON value is missing before {seen}")
    try:
        value = json.loads(match[0], strict=True)
    except ValueError as error:
        raise _unreadable(text, at, f"`{match[0][:40]}` is no JSON value") from error
    return _Node(start=at, end=match.end(), value=value)


def _container(text: str, at: int, depth: int) -> _Node:
    node = _Node(start=at, kind="object" if text[at] == "{" else "array")
    close = "}" if node.kind == "object" else "]"
    at = _skip(text, at + 1)
    while text[at : at + 1] != close:
        node.starts.append(at)
        if node.kind == "object":
            name, at = _name(text, at)
            node.names.append(name)
        node.parts.append(part := _value(text, at, depth + 1))
        at = _skip(text, part.end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != close:
            raise _unreadable(text, at, f"`,` or `{close}` is missing")
    node.end = at + 1
    return node


def _name(text: str, at: int) -> tuple[str, int]:
    match = _SCALAR.match(text, at)
    if match is None or not match[0].startswith('"'):
        raise _unreadable(text, at, "a name in double quotes, or `}`, is missing")
    after = _skip(text, match.end())
    if text[after : after + 1] != ":":
        raise _unreadable(text, after, f"`:` is missing after {match[0][:40]}")
    try:
        return json.loads(match[0]), _skip(text, after + 1)
    except ValueError as error:
        raise _unreadable(text, at, f"{match[0][:40]} is no JSON text") from error


def _skip(text: str, at: int) -> int:
    """Return where blanks and comments end."""
    match = _BLANK.match(text, at)
    end = match.end() if match else at
    if text.startswith("/*", end):
        raise _unreadable(text, end, "this comment has no end")
    return end


def _unreadable(text: str, at: int, problem: str) -> Unreadable:
    line, column = line_column(text, at)
    return Unreadable(problem, line=line, column=column)
