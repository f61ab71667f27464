"""One change of a document, as data: what every format does in its own text."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Data = Any
"""What a document says: `dict`, `list`, text, numbers, booleans and None."""


class Unreadable(Exception):
    """A document is broken, or laid out so that it cannot be changed in place."""

    def __init__(self, problem: str, *, line: int = 0, column: int = 0) -> None:
        """Both count from 1; 0 where they are not known."""
        where = ", ".join(f"{name} {at}" for name, at in (("line", line), ("column", column)) if at)
        super().__init__(f"{where}: {problem}" if where else problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Set the value at a path of keys, or one item of the list there."""

    path: tuple[str, ...]
    """Keys from the top; empty for the whole document, which is a list then."""
    value: Data
    item_key: str = ""
    """Where this is set, the path leads to a list: `value` takes the place of the item with the same value
    under this key, or is appended."""


def expect(data: Data, edit: Edit) -> Data:
    """Return what a document says once `edit` is made; `data` stays as it is.

    Raises:
        Unreadable: something on the way is of another type.
    """
    changed = deepcopy(data)
    holder: dict[str, Data] = {"": {} if changed is None and edit.path else changed}
    at, name = holder, ""
    for key in edit.path:
        if at.get(name) is None:
            at[name] = {}
        if not isinstance(at[name], dict):
            raise Unreadable(f"`{name or 'the file'}` holds no settings, so `{key}` cannot be set in it")
        at, name = at[name], key
    at[name] = _with_item(at.get(name), edit) if edit.item_key else deepcopy(edit.value)
    return holder[""]


def place_of(items: Sequence[Data], edit: Edit) -> int | None:
    """Return where in a list the item stands that `edit` replaces; None where it is appended."""
    return next(
        (
            place
            for place, item in enumerate(items)
            if isinstance(item, Mapping) and item.get(edit.item_key) == edit.value[edit.item_key]
        ),
        None,
    )


def find(data: Data, path: Sequence[str]) -> Data:
    """Return the value at a path, or None."""
    for key in path:
        if not isinstance(data, Mapping):
            return None
        data = data.get(key)
    return data


def line_column(text: str, index: int) -> tuple[int, int]:
    """Return where in a text an index is, both counted from 1."""
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1


def _with_item(items: Data, edit: Edit) -> list[Data]:
    if items is None:
        items = []
    if not isinstance(items, list):
        raise Unreadable(f"`{'.'.join(edit.path) or 'the file'}` is no list")
    place = place_of(items, edit)
    if place is None:
        return [*items, deepcopy(edit.value)]
    return [*items[:place], deepcopy(edit.value), *items[place + 1 :]]
