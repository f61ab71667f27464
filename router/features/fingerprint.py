"""What the reading is, in a few digits: figures made with another reading are not of this one.

The digest is of what `FeatureExtractor` makes of a fixed set of requests of our own (`probes.jsonl`:
clients, envelopes, languages, tools, follow-ups, side requests), of the names and types of the
features, of the rules, on which every classifier builds, and of the numbers that read asks. So it stays
where code is moved, renamed or made faster, and changes with what is read.
Tokens are estimated for it, not counted: to load the encoding would take longer than all the rest.
"""

import json
from dataclasses import fields
from functools import lru_cache
from importlib.resources import files
from typing import Any

import xxhash

from classifiers import rules
from classifiers.features import Features
from classifiers.learned import model_digest
from router.accounts.teams import NOBODY
from router.features.extractor import FeatureExtractor
from router.types import ModelRequest

PROBES = "probes.jsonl"
"""In this package; one request a line: `dialect`, `operation`, `headers`, `body`."""
_DECIMALS = 2
"""Of a probability that is read; below that, machines differ."""
_LEFT_OUT = frozenset({"ask_key", "conversation"})
"""Hashes that tell asks and conversations apart, and say nothing of what they are about."""


@lru_cache(maxsize=1)
def reading_digest() -> str:
    """Name the reading that serves, in eight hex digits: some 20 ms at the first call."""
    return digest_of(FeatureExtractor(count_bytes=0))


def digest_of(extractor: FeatureExtractor) -> str:
    """Name the reading of `extractor`, which must not count tokens at once (`count_bytes=0`)."""
    types = {field.name: field.type for field in fields(Features)}
    names = [name for name in types if name not in _LEFT_OUT]
    digest = xxhash.xxh32(f"{types!r}\n{rules.digest()}\n{model_digest()}\n".encode())
    for probe in probes():
        read = extractor.read(probe)
        values = [_plain(getattr(read, name)) for name in names]
        digest.update(f"{values!r}\n".encode(errors="replace"))
    return digest.hexdigest()


def probes() -> tuple[ModelRequest, ...]:
    """The requests that are read for the digest."""
    lines = files("router.features").joinpath(PROBES).read_text(encoding="utf-8").splitlines()
    return tuple(_request(number, json.loads(line)) for number, line in enumerate(lines))


def _request(number: int, row: dict[str, Any]) -> ModelRequest:
    return ModelRequest(
        id=f"probe-{number}",
        account=NOBODY,
        dialect=row["dialect"],
        operation=row["operation"],
        client="",
        model="auto",
        stream=False,
        body=json.dumps(row["body"]).encode(),
        headers=tuple((name, value) for name, value in row["headers"]),
    )


def _plain(value: object) -> object:
    """The same on every machine and in every process."""
    if isinstance(value, frozenset):
        return sorted(value)
    return round(value, _DECIMALS) if isinstance(value, float) else value
