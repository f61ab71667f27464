"""A policy's file with some numbers changed, and nothing else: comments, order and layout stay.

The text is edited at the numbers' own positions, never written anew from its data. Above each
changed number stands why it changed; where it was tuned before, that reason is replaced. What comes
out is loaded and compared: had anything else changed, nothing would be written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from textwrap import wrap

import yaml

from policies.document import read
from policies.load import parse
from router.errors import Misconfigured

WIDTH = 100
_MARK = "# tuned "
_NUMBER = re.compile(r"[^\s#,}\]]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One number, and the reason that is written above it."""

    name: str
    """Its key in `params`."""
    old: float
    new: float
    why: str
    """One or two sentences with the figures; without a line break."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    start: int
    end: int
    text: str


def rewrite(text: str, changes: tuple[Change, ...], *, source: str) -> str:
    """Change numbers of `params` in the text of a policy.

    Args:
        text: The file, line ends as they are.
        changes: What to change; an unchanged number is left alone.
        source: What messages call the file.

    Raises:
        Misconfigured: a number does not stand in the file as a plain one, so it cannot be edited in place.
    """
    places = dict(_numbers(text))
    edits: list[_Edit] = []
    reasons: dict[int, list[Change]] = {}
    for change in changes:
        if change.name not in places:
            raise Misconfigured(f"{source}: params.{change.name} is no plain number there; write it out")
        key, start, end = places[change.name]
        edits += _replacements(text, start, end, format_number(change.new))
        reasons.setdefault(_line_start(text, key), []).append(change)
    for at, here in reasons.items():
        edits.append(_reasons(text, at, here))
    changed = text
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        changed = changed[: edit.start] + edit.text + changed[edit.end :]
    _check_unchanged(text, changed, {change.name: change.new for change in changes}, source)
    return changed


def format_number(number: float) -> str:
    """Write a number as YAML reads one: never with an exponent."""
    plain = format(Decimal(repr(float(number))), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _numbers(text: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Find where each number of `params` stands: its line's key, its first and its last character."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, group in root.value if root is not None else ():
        if key.value != "params" or not isinstance(group, yaml.MappingNode):
            continue
        for name, value in group.value:
            start, end = value.start_mark.index, value.end_mark.index
            plain = _NUMBER.search(text[start:end])
            if start < name.end_mark.index or not plain:  # an alias: it stands where its anchor is
                continue
            line_key = key if group.flow_style else name
            yield name.value, (line_key.start_mark.index, start + plain.start(), end)


def _replacements(text: str, start: int, end: int, new: str) -> list[_Edit]:
    """Put the new number in; a comment that follows it keeps its column where there is room."""
    gap = re.compile(r" +(?=#)").match(text, end)
    edits = [_Edit(start=start, end=end, text=new)]
    if gap:
        room = max(1, len(gap[0]) + (end - start) - len(new))
        edits.append(_Edit(start=gap.start(), end=gap.end(), text=" " * room))
    return edits


def _reasons(text: str, at: int, changes: list[Change]) -> _Edit:
    """Write the reasons above the line that begins at `at`, in place of earlier ones of the same numbers."""
    indent = re.compile(r"[ \t]*").match(text, at)
    margin = indent[0] if indent else ""
    newline = "\r\n" if "\r\n" in text else "\n"
    start, blocks = at, []
    for block in _blocks_above(text, at):
        start -= len(block)
        if not any(block.lstrip().startswith(f"{_MARK}{change.name}:") for change in changes):
            blocks.append(block)
    lines = [
        f"{margin}{line}{newline}"
        for change in changes
        for line in wrap(
            f"{change.name}: {format_number(change.old)} -> {format_number(change.new)}. {change.why}",
            WIDTH - len(margin),
            initial_indent=_MARK,
            subsequent_indent="#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
    return _Edit(start=start, end=at, text="".join([*reversed(blocks), *lines]))


def _blocks_above(text: str, at: int) -> Iterator[str]:
    """Give the reasons that stand right above, the nearest first: a line `# tuned ...` and what goes on."""
    block = ""
    while at > 0:
        above = _line_start(text, at - 1)
        line = text[above:at]
        block, at = line + block, above
        if line.lstrip().startswith(_MARK):
            yield block
            block = ""
        elif not line.lstrip().startswith("#   "):
            return


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _check_unchanged(old: str, new: str, changed: Mapping[str, float], source: str) -> None:
    before, after = read(old, source).data, read(new, source).data
    expected = before | {"params": before["params"] | changed}
    if after != expected or parse(new, source=source).params != expected["params"]:
        raise Misconfigured(f"{source}: its numbers cannot be changed in place; write `params` out plainly")
