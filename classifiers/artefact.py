"""The trained numbers: what they hold, how they are written, and when they are refused.

An artefact is JSON of plain numbers: no code, nothing pickled, no text but single common
words. It names the fields of `Features` that it was trained on, with their types, so that it
is never asked about others.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from typing import Any

from classifiers.features import Features

FORMAT = 1
SHIPPED = "artifacts/sufficiency.json"
"""In this package."""


class ArtefactRefused(Exception):
    """It cannot serve here; the message says why and what to do."""


class ArtefactUnfit(ArtefactRefused):
    """It was trained for another version: of this format, or of `Features`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """What a count weighs: `weight * (log(1 + count) - mean)` is added to the log-odds."""

    weight: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a word of the ask weighs, before an ask's words are brought to length one."""

    idf: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A linear model in log-odds, its calibration already in the weights."""

    intercept: float
    numbers: Mapping[str, Number]
    words: Mapping[str, Word]
    """Empty where words did not earn their place."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """How it was made and what it reached; see docs/classifier.md."""


def digest(artefact: Artefact) -> str:
    """Name the numbers in eight characters, whatever the card says of them."""
    numbers = {name: value for name, value in asdict(artefact).items() if name != "card"}
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()[:8]


def schema(names: Iterable[str]) -> str:
    """Hash the fields of `Features` that are read, by name and type."""
    types = {item.name: str(item.type) for item in fields(Features)}
    description = "\n".join(f"{name}: {types.get(name, 'gone')}" for name in sorted(names))
    return hashlib.sha256(description.encode()).hexdigest()[:16]


def dump(artefact: Artefact, reads: Iterable[str]) -> str:
    """Write it as JSON, for models that read the fields `reads`."""
    names = sorted(reads)
    header = {"format": FORMAT, "reads": names, "schema": schema(names)}
    return json.dumps(header | asdict(artefact), indent=1, sort_keys=True) + "\n"


def parse(text: str) -> Artefact:
    """Read what `dump` wrote.

    Raises:
        ArtefactUnfit: it is of another format, or `Features` has changed since.
        ArtefactRefused: it is none.
    """
    try:
        payload = json.loads(text)
        if payload["format"] != FORMAT:
            raise ArtefactUnfit(f"format {payload['format']} where {FORMAT} is read; {_REMEDY}")
        expected = schema(payload["reads"])
        if payload["schema"] != expected:
            raise ArtefactUnfit(
                f"trained on other features (schema {payload['schema']}, here {expected}); {_REMEDY}"
            )
        return Artefact(
            intercept=float(payload["intercept"]),
            numbers={name: Number(**weights) for name, weights in payload["numbers"].items()},
            words={name: Word(**weights) for name, weights in payload["words"].items()},
            card=payload["card"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtefactRefused(f"not a trained classifier: {error!r}; {_REMEDY}") from error


def shipped() -> Artefact:
    """Read the one that comes with this package.

    Raises:
        ArtefactRefused: it is missing or does not fit; see `parse`.
    """
    try:
        return parse(files("classifiers").joinpath(SHIPPED).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtefactRefused(f"there is no {SHIPPED}; {_REMEDY}") from error


_REMEDY = "train it anew: turnout classifier train"
