"""A settings file's bytes, and what an edit makes of them: byte-order mark and line ends stay."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from router.connect.formats import dotenv, jsonc, toml, yaml
from router.connect.formats.edits import Data, Edit, Unreadable, expect, line_column

_MARK = "\ufeff"
Hunk = tuple[str, str]
"""A piece of text, and the one that an edit put in its place."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a format is read and changed."""

    read: Callable[[str], Data]
    edit: Callable[[str, Edit], str]


JSONC = Format(jsonc.read, jsonc.edit)
TOML = Format(toml.read, toml.edit)
YAML = Format(yaml.read, yaml.edit)
DOTENV = Format(dotenv.read, dotenv.edit)
FORMATS = {"jsonc": JSONC, "toml": TOML, "yaml": YAML, "dotenv": DOTENV}


def read(content: bytes, form: Format) -> Data:
    """Return what a file says.

    Raises:
        Unreadable: it is broken; says where.
    """
    return form.read(_text(content).removeprefix(_MARK))


def apply(content: bytes, form: Format, edits: Sequence[Edit]) -> tuple[bytes, tuple[Hunk, ...]]:
    """Return the file with all edits made, one after the other, and what each put in.

    Raises:
        Unreadable: it is broken, or laid out so that it cannot be changed in place.
    """
    text = _text(content)
    mark = _MARK if text.startswith(_MARK) else ""
    text = text.removeprefix(_MARK)
    hunks = []
    for edit in edits:
        changed = _make(text, form, edit)
        if changed != text:
            hunks.append(_hunk(text, changed))
        text = changed
    return (mark + text).encode(), tuple(hunks)


def take_back(content: bytes, form: Format, hunks: Sequence[Hunk]) -> bytes | None:
    """Take out of a file what edits put in, and leave what somebody changed since.

    Returns:
        The content; None where it cannot be told what was put in.
    """
    try:
        text = _text(content)
        for old, new in reversed(hunks):
            if text.count(new) != 1:
                return None
            text = text.replace(new, old)
        form.read(text.removeprefix(_MARK))
    except Unreadable:
        return None
    return text.encode()


def _hunk(old: str, new: str) -> Hunk:
    """Return where two texts differ: what was put in, or else whole lines, so that it is found again."""
    start = _common(old, new)
    same = _common(old[start:][::-1], new[start:][::-1])
    if len(old) == start + same and "\n" in new[start : len(new) - same]:
        return "", new[start : len(new) - same]
    start = old.rfind("\n", 0, start) + 1
    line_end = old.find("\n", len(old) - same)
    same = 0 if line_end < 0 else len(old) - line_end
    return old[start : len(old) - same], new[start : len(new) - same]


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    differing = (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differing, min(len(one), len(other)))


def _make(text: str, form: Format, edit: Edit) -> str:
    before = form.read(text)
    changed = form.edit(text, edit)
    expected = _merged(before, edit) if form is TOML else expect(before, edit)
    if before == expected:
        return text
    try:
        after = form.read(changed)
    except Unreadable:
        after = None
    if after != expected:
        name = ".".join(edit.path) or "the list"
        raise Unreadable(f"`{name}` cannot be set without writing the file anew: its layout is unusual")
    return changed


def _merged(before: Data, edit: Edit) -> Data:
    """As `expect`; a table's keys are set and its other keys stay."""
    if not isinstance(edit.value, dict):
        return expect(before, edit)
    for name, value in edit.value.items():
        before = expect(before, Edit(path=(*edit.path, name), value=value))
    return before


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line, column = line_column(content[: error.start].decode(errors="replace"), error.start)
        raise Unreadable("this byte is not UTF-8", line=line, column=column) from error
