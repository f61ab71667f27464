"""Everyday: 320 first asks in our own words, of kinds that neither HumanEval nor SWE-bench has, with labels.

- The label says whether everything an ask refers to stands in the message (`self-contained`) or the
  answer needs the person's repository, files or running system (`repository`). It does not say how
  hard the task is, and nobody has run these asks: they have no outcomes.
- For judging only. No classifier may be trained, tuned or given examples from this file; it
  shares no kind's name and no near-duplicate with `classifiers.corpus`, which is there for that.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Label
from benchmarks.evaluation.suites.problem import Problem, request
from classifiers.corpus import Ask, CorpusError, parse_ask

__all__ = ("LabelledAsk", "load", "problems", "request")

ASKS = Path(__file__).with_name("everyday.jsonl")
"""One ask a line: `id` and the fields of a line of the corpus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledAsk:
    """An ask with its name, and whether it can be answered from the message alone."""

    id: str
    """`everyday/KIND/NUMBER`."""
    label: Label
    ask: Ask


def load(file: Path = ASKS) -> tuple[LabelledAsk, ...]:
    """Read all asks, in the file's order.

    Raises:
        BenchmarkError: the file cannot be read, or a line is not as `Ask` describes.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return tuple(_labelled(f"{file.name}:{number}", line) for number, line in enumerate(lines, 1))
    except (CorpusError, OSError, ValueError) as error:
        raise BenchmarkError(f"the everyday asks cannot be read: {error}") from error


def problems() -> Iterator[Problem]:
    """Yield all asks as problems; a fold keeps a kind together."""
    for labelled in load():
        ask, label = labelled.ask, labelled.label
        yield Problem(
            id=labelled.id, suite="everyday", group=ask.kind, ask=ask.text, solution="", label=label
        )


def _labelled(place: str, line: str) -> LabelledAsk:
    row: dict[str, Any] = json.loads(line)
    ask = parse_ask(place, row)
    if ask.label == "either":
        raise CorpusError(f"{place}: label is 'either'; an ask of a suite is decided right or wrong")
    return LabelledAsk(id=str(row.get("id", place)), label=ask.label, ask=ask)
