"""A user's own outcomes: a CSV that a live run writes, or that is written by hand.

Columns: `task`, `system` and `passed` always; the rest where it was measured. `passed` is 0 or 1, or
the share of `samples` that passed. One row for a task and a system.
"""

import csv
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Effort


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one system did on one task. Numbers are None where nobody measured them."""

    task: str
    system: str
    passed: float
    """0..1."""
    samples: float | None = None
    """Of how many answers `passed` is the share; 1 unless told."""
    calls: float | None = None
    """Model calls of the whole task; mean of the samples, as the tokens are."""
    prompt: float | None = None
    """Tokens of all calls' prompts together."""
    last_prompt: float | None = None
    """Tokens of the last call's prompt."""
    output: float | None = None
    """Tokens written in all calls."""
    usd: float | None = None

    def effort(self, growth: float) -> Effort | None:
        """What it took; None where calls or tokens are missing.

        Args:
            growth: the last prompt as a multiple of the mean one, where the last is not known.
        """
        if self.calls is None or self.prompt is None or self.output is None:
            return None
        last = self.last_prompt
        if last is None:
            last = self.prompt if self.calls <= 1 else min(self.prompt, growth * self.prompt / self.calls)
        return Effort(
            calls=self.calls, prompt=self.prompt, last_prompt=last, output=self.output, measured=True
        )


COLUMNS = tuple(field.name for field in fields(Outcome))
REQUIRED = ("task", "system", "passed")
_NUMBERS = tuple(name for name in COLUMNS if name not in {"task", "system"})


def load(path: Path, tasks: Collection[str]) -> tuple[Outcome, ...]:
    """All rows of `path`, whose tasks must be among `tasks`.

    Raises:
        BenchmarkError: the file is not there, or a line is not as it should be; with its number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return tuple(_rows(path, csv.reader(file), tasks))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchmarkError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def save(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write `outcomes` so that `load` reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(outcome) for outcome in outcomes)


def _rows(path: Path, lines: Iterator[list[str]], tasks: Collection[str]) -> Iterator[Outcome]:
    header = next(lines, [])
    _check_header(path, header)
    first_line: dict[tuple[str, str], int] = {}
    for number, cells in enumerate(lines, 2):
        if not cells:
            continue
        try:
            outcome = _row(header, cells, tasks)
            _check_once(first_line.setdefault((outcome.task, outcome.system), number), number)
        except ValueError as error:
            raise BenchmarkError(f"{path}, line {number}: {error}") from error
        yield outcome


def _check_header(path: Path, header: list[str]) -> None:
    for name in header:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, n=1, cutoff=0)
            raise BenchmarkError(
                f"{path}, line 1: unknown column {name!r}: did you mean {near[0]!r}? "
                f"There are {', '.join(COLUMNS)}"
            )
    if missing := [name for name in REQUIRED if name not in header]:
        raise BenchmarkError(f"{path}, line 1: column {', '.join(missing)} is missing")


def _row(header: list[str], cells: list[str], tasks: Collection[str]) -> Outcome:
    """One outcome.

    Raises:
        ValueError: what is wrong with the line.
    """
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} fields, the header has {len(header)}")
    row = dict(zip(header, cells, strict=True))
    if row["task"] not in tasks:
        near = get_close_matches(row["task"], tasks, n=1, cutoff=0)
        raise ValueError(f"no suite has a task {row['task']!r}: did you mean {near[0]!r}?")
    if not row["system"]:
        raise ValueError("system is empty")
    numbers = {name: _number(name, row[name]) for name in _NUMBERS if row.get(name)}
    passed = numbers.pop("passed", None)
    if passed is None or passed > 1:
        raise ValueError(f"passed must be 0, 1 or a share between them, not {row['passed']!r}")
    return Outcome(task=row["task"], system=row["system"], passed=passed, **numbers)


def _check_once(first: int, number: int) -> None:
    if first != number:
        raise ValueError(f"line {first} has this task and system already")


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a number from 0 on, not {text!r}")
    return value
