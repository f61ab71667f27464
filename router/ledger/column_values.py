"""Values that any database takes, so that no row is lost to what is in it.

SQLite and PostgreSQL differ in what they refuse: integers beyond a column, NUL, half a
character, a truth value where a number belongs. What does not fit is brought to the nearest
value that does; what means nothing there is null.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from router.ledger.tables import requests

TEXT = 10_000
"""Characters kept of a text whose column sets no length."""

_INTEGER = 2**31 - 1
_NUMBER = 1e300


def storable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the values of a row of `requests` into what its columns hold; other names stay as they are."""
    return {
        name: _FITS[name](value) if value is not None and name in _FITS else value
        for name, value in values.items()
    }


def text(value: Any, length: int = TEXT) -> str:
    """Cut a text short, and replace what some database cannot store: half a character, a NUL."""
    cut = str(value)[:length]
    if cut.isascii() and "\0" not in cut:
        return cut
    return cut.encode(errors="replace").decode().replace("\0", "?")


def _integer(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(max(-_INTEGER, min(number, _INTEGER)))


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or (isinstance(value, float) and math.isnan(value)):
        return None
    return float(max(-_NUMBER, min(value, _NUMBER)))


def _fit(column: sa.Column[Any]) -> Callable[[Any], Any]:
    match column.type:
        case sa.Boolean():
            return bool
        case sa.Float():
            return _number
        case sa.Integer():
            return _integer
        case sa.String(length=length):
            return lambda value: text(value, length or TEXT)
        case _:
            return lambda value: value


_FITS = {column.name: _fit(column) for column in requests.c}
