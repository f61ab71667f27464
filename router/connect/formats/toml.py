"""TOML: a value replaced, a key added to its table, or a table added at the end.

A text is cut into statements that know where they stand; `tomllib` reads and judges it before and after.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from router.connect.formats.edits import Data, Edit, Unreadable, find, line_column

_STRINGS = (
    r'"""(?:[^\\]|\\.)*?"{3,5}',
    r"'''.*?'{3,5}",
    r'"(?:[^"\\\n]|\\.)*"',
    r"'[^'\n]*'",
)
_KEY = rf"(?:[A-Za-z0-9_-]+|{_STRINGS[2]}|{_STRINGS[3]})"
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(?P<open>\[\[?)[ \t]*(?P<key>{_DOTTED})[ \t]*\]\]?[^\n]*(?:\n|\Z)")
_PAIR = re.compile(rf"[ \t]*(?P<key>{_DOTTED})[ \t]*=[ \t]*")
_LINE = re.compile(r"[^\n]*(?:\n|\Z)")
_TOKEN = re.compile("|".join((*_STRINGS, r"#[^\n]*", r"[\[\]{}]", r"\n", r"[^\"'#\[\]{}\n]+")), re.DOTALL)
_WHERE = re.compile(r"^(?P<problem>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table's header; the root table has an empty name and begins at 0."""

    name: tuple[str, ...]
    start: int
    end: int
    """After its line."""
    is_item: bool = False
    """`[[...]]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """`key = value`; `name` is the whole path, its table's included."""

    table: _Table
    name: tuple[str, ...]
    start: int
    value: tuple[int, int]
    end: int
    """After its line."""


def read(text: str) -> Data:
    """Return what a text says.

    Raises:
        Unreadable: it is not TOML; says where.
    """
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        match = _WHERE.match(str(error))
        if match is None:
            line, column = line_column(text, len(text))
            raise Unreadable(str(error), line=line, column=column) from error
        raise Unreadable(match["problem"], line=int(match["line"]), column=int(match["column"])) from error


def edit(text: str, change: Edit) -> str:
    """Make one change; a table is set key by key, and its other keys stay.

    Raises:
        Unreadable: what is to be changed is part of an inline table or an array.
    """
    if change.item_key:
        raise Unreadable("items of arrays are not set in TOML")
    if not isinstance(change.value, dict):
        return _set(text, change.path, change.value)
    if find(read(text), change.path) is None:
        return _append_table(text, change.path, change.value)
    for name, value in change.value.items():
        text = _set(text, (*change.path, name), value)
    return text


def _set(text: str, path: tuple[str, ...], value: Data) -> str:
    tables, pairs = _scan(text)
    for pair in pairs:
        if pair.name == path:
            start, end = pair.value
            rendered = _render(value)
            return text if text[start:end] == rendered else text[:start] + rendered + text[end:]
        if path[: len(pair.name)] == pair.name:
            number, _ = line_column(text, pair.start)
            raise Unreadable(
                f"`{'.'.join(pair.name)}` is an inline table; write it as `[{'.'.join(pair.name)}]` first",
                line=number,
            )
    home = next((table for table in reversed(tables) if table.name == path[:-1]), None)
    if home is None:
        return _append_table(text, path[:-1], {path[-1]: value})
    newline = _newline(text)
    line = f"{_render_key(path[-1])} = {_render(value)}{newline}"
    own = [pair for pair in pairs if pair.table is home]
    if own:
        indent = text[own[-1].start :][
            : len(text[own[-1].start :]) - len(text[own[-1].start :].lstrip(" \t"))
        ]
        return _insert_line(text, own[-1].end, indent + line)
    if home.name:
        return _insert_line(text, home.end, line)
    at = _head_end(text)
    gap = newline if text[at:].strip() and not text[at:].startswith(("\n", "\r\n")) else ""
    return _insert_line(text, at, line + gap)


def _insert_line(text: str, at: int, line: str) -> str:
    """Put whole lines at `at`; a text without an end of line at its end stays without one."""
    if at == len(text) and text and not text.endswith("\n"):
        newline = _newline(text)
        return text + newline + line.removesuffix(newline)
    return text[:at] + line + text[at:]


def _append_table(text: str, path: tuple[str, ...], values: dict[str, Data]) -> str:
    newline = _newline(text)
    lines = [f"[{'.'.join(map(_render_key, path))}]"]
    lines += [f"{_render_key(name)} = {_render(value)}" for name, value in values.items()]
    table = newline.join(lines)
    if not text:
        return table + newline
    if text.endswith("\n"):
        return f"{text}{'' if not text.strip() else newline}{table}{newline}"
    return f"{text}{newline}{newline}{table}"


def _head_end(text: str) -> int:
    """Return where the first key may stand: after a comment at the top that a blank line follows."""
    end = 0
    for match in _LINE.finditer(text):
        line = match[0].strip()
        if line.startswith("#:"):  # a schema, which has to come first
            return match.end()
        if not line.startswith("#"):
            return end if not line else 0
        end = match.end()
        if end == len(text):
            break
    return end


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _scan(text: str) -> tuple[list[_Table], list[_Pair]]:
    """Cut a text that `tomllib` accepts into its statements."""
    table = _Table(name=(), start=0, end=0)
    tables, pairs, at = [table], [], 0
    while at < len(text):
        if header := _HEADER.match(text, at):
            name = tuple(_split(header["key"]))
            table = _Table(name=name, start=at, end=header.end(), is_item=header["open"] == "[[")
            tables.append(table)
            at = header.end()
        elif pair := _PAIR.match(text, at):
            stop, at_end = _value_end(text, pair.end())
            name = (*table.name, *_split(pair["key"]))
            pairs.append(_Pair(table=table, name=name, start=at, value=(pair.end(), stop), end=at_end))
            at = at_end
        else:
            line = _LINE.match(text, at)
            at = line.end() if line and line.end() > at else len(text)
    return tables, [pair for pair in pairs if not pair.table.is_item]


def _value_end(text: str, at: int) -> tuple[int, int]:
    """Return where a value that begins at `at` ends, and where its line does."""
    depth, end = 0, at
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            break
        piece, at = match[0], match.end()
        if piece == "\n" and not depth:
            return end, at
        depth += (piece in {"[", "{"}) - (piece in {"]", "}"})
        if piece[0] != "#" and piece.strip():
            end = match.start() + len(piece.rstrip())
    return end, at


def _split(key: str) -> Iterator[str]:
    for part in re.findall(_KEY, key):
        yield str(tomllib.loads(f"x = {part}")["x"]) if part[0] in "\"'" else part


def _render_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _render(value: Data) -> str:
    """Write text, a number, a boolean, or an inline table of them; JSON writes them as TOML does."""
    if isinstance(value, dict):
        inside = ", ".join(f"{_render_key(name)} = {_render(inner)}" for name, inner in value.items())
        return f"{{ {inside} }}"
    return json.dumps(value, ensure_ascii=False)
