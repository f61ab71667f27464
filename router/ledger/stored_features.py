"""The features that the ledger keeps of a request, read back from its row."""

from collections.abc import Mapping
from typing import Any, get_args

from classifiers.features import Features, Kind, Phase
from router.ledger.tables import BEGUN

STORED = tuple(name for name in Features.__dataclass_fields__ if name in BEGUN)
"""Fields of `Features` that are columns: all but texts and paths."""
_WORDS = {"kind": frozenset(get_args(Kind)), "phase": frozenset(get_args(Phase))}


def read_features(row: Mapping[Any, Any]) -> Features:
    """Read a row's features; what is null, or no word of this version's, is at its default."""
    values = {name: row[name] for name in STORED if row[name] is not None}
    for name, words in _WORDS.items():
        if values.get(name) not in words:
            values.pop(name, None)
    return Features(**values)
