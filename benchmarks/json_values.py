"""Figures as JSON values: what has no meaning is null, since JSON has neither NaN nor infinity."""

import json
from math import isfinite
from typing import Any


def plain(value: Any) -> Any:
    """Return a nested value with null for each number that is not finite, and lists for tuples."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Write a nested value as JSON that every parser reads."""
    return json.dumps(plain(value), indent=indent, allow_nan=False)
