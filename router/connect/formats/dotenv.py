"""Files of environment variables: one `NAME=value` a line."""

import re

from router.connect.formats.edits import Data, Edit, Unreadable

_LINE = re.compile(
    r"^(?P<head>[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*)"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\r\n]*?)(?P<tail>[ \t]*(?:[ \t]#[^\r\n]*)?)(?=\r?$)",
    re.MULTILINE,
)
_BLANK = re.compile(r"[ \t]*(?:#.*)?")


def read(text: str) -> Data:
    """Return the variables by name; the last of a name counts.

    Raises:
        Unreadable: a line is none of a variable.
    """
    for number, line in enumerate(_LINE.sub("", text).splitlines(), 1):
        if not _BLANK.fullmatch(line):
            raise Unreadable(f"`{line.strip()[:40]}` is no NAME=value", line=number)
    return {match["name"]: _unquote(match["value"]) for match in _LINE.finditer(text)}


def edit(text: str, change: Edit) -> str:
    """Set one variable."""
    (name,) = change.path
    newline = "\r\n" if "\r\n" in text else "\n"
    matches = [match for match in _LINE.finditer(text) if match["name"] == name]
    if matches:
        start, end = matches[-1].span("value")
        return text[:start] + _quote(change.value) + text[end:]
    line = f"{name}={_quote(change.value)}"
    if text and not text.endswith("\n"):
        return f"{text}{newline}{line}"
    return f"{text}{line}{newline}"


def _quote(value: str) -> str:
    return f"'{value}'" if re.fullmatch(r"[\w./:@+-]+", value) else f'"{value}"'


def _unquote(value: str) -> str:
    return value[1:-1] if value[:1] in {'"', "'"} and value[-1:] == value[:1] else value
