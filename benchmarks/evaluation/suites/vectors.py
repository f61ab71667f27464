"""Features and verdict of a request as one flat row, and back.

The asks, the paths and the patterns found are left out: they are text of others. A row is only
good for the `Features` it was made from, so a file of rows carries `schema()`.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType, NoneType
from typing import Any

import xxhash

from classifiers.features import TEXTS, Features
from classifiers.verdict import Verdict

LEFT_OUT = TEXTS | {"conversation", "marks"}
_DIGITS = 6
_FEATURES = tuple(field for field in fields(Features) if field.name not in LEFT_OUT)
_MAKE: Mapping[type, Callable[[str], Any]] = MappingProxyType(
    {bool: lambda text: text == "1", int: int, str: str, NoneType: lambda text: float(text) if text else None}
)
"""By the type of a field's default; what may be unknown is a number or empty."""
_READ = tuple((field.name, _MAKE[type(field.default)]) for field in _FEATURES)


def schema() -> str:
    """Which fields `Features` has, of which types: eight hex digits."""
    named = (f"{field.name}: {field.type}" for field in fields(Features))
    return xxhash.xxh32_hexdigest("\n".join(named).encode())


def row(features: Features, judged: Verdict) -> dict[str, str]:
    """Flat; a flag is 0 or 1."""
    return {field.name: _cell(getattr(features, field.name)) for field in _FEATURES} | {
        "judged_p_local": str(round(judged.p_local, _DIGITS)),
        "judged_kind": judged.kind,
        "judged_why": judged.why,
    }


def _cell(value: object) -> str:
    if isinstance(value, float):
        return str(round(value, _DIGITS))
    return "" if value is None else str(int(value) if isinstance(value, bool) else value)


def features(flat: Mapping[str, str], conversation: str) -> Features:
    """The features of a row."""
    return Features(conversation=conversation, **{name: make(flat[name]) for name, make in _READ})


def verdict(flat: Mapping[str, str]) -> Verdict:
    """The verdict of a row."""
    return Verdict(p_local=float(flat["judged_p_local"]), kind=flat["judged_kind"], why=flat["judged_why"])
