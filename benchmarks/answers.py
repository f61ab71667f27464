"""A live run's file: a line of its settings, then a line for each answer, as it came in.

- Only finished answers count as done. An error is written down, too, and asked again next time.
- A line that was cut off when the run was stopped is dropped.
- Other settings than the file's are refused: answers of two runs must not mix.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.process import BenchmarkError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to one task, scored."""

    task: str
    sample: int
    """0 for the first answer to the task."""
    passed: bool
    ended: str
    """How its program ended: `passed`, `failed`, `time`, `output`."""
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

    settings: Mapping[str, Any]
    answers: tuple[Answer, ...]
    failures: tuple[Failure, ...]
    """Those that no later answer made up for."""


def open_run(path: Path, settings: Mapping[str, Any]) -> Run:
    """Begin the file, or read what it holds so far.

    Raises:
        BenchmarkError: it is not such a file, or one with other settings.
    """
    if not path.exists() or path.stat().st_size == 0:
        _append(path, dict(settings))
        return Run(settings=settings, answers=(), failures=())
    _drop_cut_line(path)
    run = read_run(path)
    for name in sorted({*settings, *run.settings}):
        had, has = run.settings.get(name), settings.get(name)
        if had != has:
            raise BenchmarkError(
                f"{path} holds a run with {name} {had!r}, and this one has {has!r}: "
                "choose another --out, or the settings it was begun with"
            )
    return run


def read_run(path: Path) -> Run:
    """Read a file.

    Raises:
        BenchmarkError: it is not there, or not such a file.
    """
    try:
        settings, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        answers = {(line["task"], line["sample"]): Answer(**line) for line in lines if "error" not in line}
        failures = {(line["task"], line["sample"]): Failure(**line) for line in lines if "error" in line}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BenchmarkError(f"{path} is not the file of a live run: {error}") from error
    if not isinstance(settings, dict) or "suite" not in settings:
        raise BenchmarkError(f"{path} is not the file of a live run: its first line holds no settings")
    left = tuple(failure for key, failure in failures.items() if key not in answers)
    return Run(settings=settings, answers=tuple(answers.values()), failures=left)


def keep(path: Path, one: Answer | Failure) -> None:
    """Add a line; it is on its way to the disk when this returns."""
    _append(path, asdict(one))


def counts(answers: Iterable[Answer]) -> dict[str, tuple[int, int]]:
    """By task: how many answers there are, and how many passed."""
    found: dict[str, tuple[int, int]] = {}
    for one in answers:
        n, c = found.get(one.task, (0, 0))
        found[one.task] = (n + 1, c + one.passed)
    return found


def _append(path: Path, line: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _drop_cut_line(path: Path) -> None:
    whole = path.read_bytes()
    if not whole.endswith(b"\n"):
        path.write_bytes(whole[: whole.rfind(b"\n") + 1])
