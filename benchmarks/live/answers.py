"""The answers of a live run, scored, as they are kept in its file.

Only finished answers count as done. An error is written down, too, and asked again next time.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.live.runfile import Line, append, begin, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to one task, scored."""

    task: str
    sample: int
    """0 for the first answer to the task."""
    passed: bool
    ended: str
    """How its program ended: `passed`, `failed`, `time`, `output`, `memory`."""
    why: str
    """The program's last words, or which limit it met."""
    track: str
    """Who served, by the answer's own header."""
    model: str
    escalated: str
    """Why another track took over; empty where none did."""
    prompt: int
    """Tokens, cached ones included."""
    output: int
    usd: float | None
    """What the provider takes; None where no price is known. A local answer has none: see `track`."""
    first_byte_s: float
    """Until the first byte of the answer's body."""
    seconds: float
    """Until its last."""
    text: str
    """What the model said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A question that got no answer that could be scored."""

    task: str
    sample: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All that is in a file."""

    settings: Line
    answers: tuple[Answer, ...]
    failures: tuple[Failure, ...]
    """Those that no later answer made up for."""


def open_run(path: Path, settings: Line) -> Run:
    """Begin the file, or read what it holds so far.

    Raises:
        BenchmarkError: it is not such a file, or one with other settings.
    """
    return _run(path, settings, begin(path, settings))


def read_run(path: Path) -> Run:
    """Read a file.

    Raises:
        BenchmarkError: it is not there, or not such a file.
    """
    return _run(path, *read(path))


def _run(path: Path, settings: Line, lines: Iterable[dict[str, Any]]) -> Run:
    answers: dict[tuple[str, int], Answer] = {}
    failures: dict[tuple[str, int], Failure] = {}
    try:
        for line in lines:
            key = (line["task"], line["sample"])
            if "error" in line:
                failures[key] = Failure(**line)
            else:
                answers[key] = Answer(**line)
    except (TypeError, KeyError) as error:
        raise BenchmarkError(f"{path} is not the file of such a run: {error}") from error
    left = tuple(failure for key, failure in failures.items() if key not in answers)
    return Run(settings=settings, answers=tuple(answers.values()), failures=left)


def keep(path: Path, result: Answer | Failure) -> None:
    """Add a line; it is on its way to the disk when this returns."""
    append(path, asdict(result))


def counts(answers: Iterable[Answer]) -> dict[str, tuple[int, int]]:
    """By task: how many answers there are, and how many passed."""
    tallies: dict[str, tuple[int, int]] = {}
    for answer in answers:
        n, c = tallies.get(answer.task, (0, 0))
        tallies[answer.task] = (n + 1, c + answer.passed)
    return tallies
