"""A user's own outcomes: a CSV that a live run writes, or that is written by hand.

Columns: `task`, `system` and `passed` always; the rest where it was measured. `passed` is 0 or 1, or
the share of `samples` that passed. One row for a task and a system.
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

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
    """What the whole task cost, in US dollars; goes before any price of tokens."""

    def effort(self, growth: float, estimate: Effort) -> Effort:
        """What it took: as measured, else as estimated.

        Args:
            growth: the last prompt as a multiple of the mean one, where the last is not known.
            estimate: what the task is taken to need where calls or tokens are missing.
        """
        if self.calls is None or self.prompt is None or self.output is None:
            return replace(estimate, usd=self.usd)
        last = self.last_prompt
        if last is None:
            last = self.prompt if self.calls <= 1 else min(self.prompt, growth * self.prompt / self.calls)
        return Effort(
            calls=self.calls,
            prompt=self.prompt,
            last_prompt=last,
            output=self.output,
            measured=True,
            usd=self.usd,
        )


COLUMNS = tuple(field.name for field in fields(Outcome))
REQUIRED = ("task", "system", "passed")
_NUMBERS = tuple(name for name in COLUMNS if name not in {"task", "system"})
_LEAST: Mapping[str, float] = MappingProxyType({"samples": 1, "calls": 1})
"""Numbers that begin at 1; all others begin at 0."""
_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("id", "task_id", "instance", "instance_id", "problem"), "task"),
        **dict.fromkeys(("model", "model_name", "model_name_or_path", "agent"), "system"),
        **dict.fromkeys(("pass", "pass@1", "pass_at_1", "resolved", "success", "score", "solved"), "passed"),
        **dict.fromkeys(("n", "tries", "runs"), "samples"),
        **dict.fromkeys(("cost", "cost_usd", "price", "dollars"), "usd"),
        **dict.fromkeys(("steps", "turns", "requests"), "calls"),
        **dict.fromkeys(("input", "input_tokens", "prompt_tokens"), "prompt"),
        **dict.fromkeys(("output_tokens", "completion_tokens"), "output"),
    }
)
"""Names that other tools use, and ours."""
_WORDS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("true", "yes", "pass", "passed", "resolved", "ok"), "1")
    | dict.fromkeys(("false", "no", "fail", "failed", "unresolved", "error"), "0")
)
_PERCENT = 100
_SEPARATORS: Mapping[str, str] = MappingProxyType({";": "semicolons", "\t": "tabs", "|": "bars"})


def load(path: Path, tasks: Collection[str]) -> tuple[Outcome, ...]:
    """All rows of `path`, whose tasks must be among `tasks`.

    Raises:
        BenchmarkError: the file is not there, or a line is not as it should be; names line, column and
            remedy.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        outcomes = tuple(_rows(path, reader, tasks))
    except csv.Error as error:
        raise BenchmarkError(
            f"{path}, line {reader.line_num}: is no CSV ({error}); quote a value that holds a comma or a "
            'quote: "a, b"'
        ) from error
    if not outcomes:
        raise BenchmarkError(f"{path}: has a header and no rows; add one for each task and system")
    return outcomes


def save(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write `outcomes` so that `load` reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(outcome) for outcome in outcomes)


def _text(path: Path) -> str:
    """The file's text; a byte order mark of UTF-8 is passed over."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BenchmarkError(f"--outcomes: {path}: cannot be read: {error.strerror or error}") from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BenchmarkError(f"{path}: is UTF-16; save it as CSV in UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BenchmarkError(f"{path}, line {line}: is not UTF-8; save it as CSV in UTF-8") from error
    if not text.strip():
        raise BenchmarkError(f"{path}: is empty; its first line must be a header such as {_HEADER}")
    if "\0" in text:
        raise BenchmarkError(f"{path}, line {text[: text.index(chr(0))].count(chr(10)) + 1}: is no text")
    return text


_HEADER = ",".join(REQUIRED)


class _Reader(Protocol):
    """What `csv.reader` gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


def _rows(path: Path, reader: _Reader, tasks: Collection[str]) -> Iterator[Outcome]:
    header = [name.strip() for name in next(reader)]
    _check_header(path, header)
    first_line: dict[tuple[str, str], int] = {}
    for row in reader:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        try:
            outcome = _row(header, cells, tasks)
            first = first_line.setdefault((outcome.task, outcome.system), reader.line_num)
            _check_once(outcome, first, reader.line_num)
        except ValueError as error:
            raise BenchmarkError(f"{path}, line {reader.line_num}: {error}") from error
        yield outcome


def _check_header(path: Path, header: list[str]) -> None:
    if len(header) == 1:
        for separator, name in _SEPARATORS.items():
            if separator in header[0]:
                raise BenchmarkError(
                    f"{path}, line 1: columns are separated by {name}; separate them by commas: {_HEADER}"
                )
    for at, name in enumerate(header):
        if name not in COLUMNS:
            column = _ALIASES.get(name.lower()) or get_close_matches(name.lower(), COLUMNS, n=1, cutoff=0)[0]
            raise BenchmarkError(
                f"{path}, line 1: unknown column {name!r}: did you mean {column!r}? "
                f"There are {', '.join(COLUMNS)}"
            )
        if name in header[:at]:
            raise BenchmarkError(f"{path}, line 1: column {name} stands there twice; leave one out")
    if missing := [name for name in REQUIRED if name not in header]:
        raise BenchmarkError(
            f"{path}, line 1: column {', '.join(missing)} is missing; the header begins {_HEADER}"
        )


def _row(header: list[str], cells: list[str], tasks: Collection[str]) -> Outcome:
    """One outcome.

    Raises:
        ValueError: what is wrong with the line.
    """
    if len(cells) != len(header):
        raise ValueError(
            f"{len(cells)} fields, the header has {len(header)} ({','.join(header)}); quote a value that "
            "holds a comma"
        )
    row = dict(zip(header, cells, strict=True))
    if row["task"] not in tasks:
        near = get_close_matches(row["task"], tasks, n=1, cutoff=0)
        raise ValueError(
            f"column task: no suite has a task {row['task']!r}: did you mean {near[0]!r}? "
            "Tasks of your own are named with --suite FILE"
        )
    if not row["system"]:
        raise ValueError("column system: is empty; write whose outcome it is, such as our-14b")
    numbers = {name: _number(name, row[name]) for name in _NUMBERS if row.get(name)}
    if "passed" not in numbers:
        raise ValueError("column passed: is empty; leave the line out where the task was not measured")
    if numbers.get("last_prompt", 0.0) > numbers.get("prompt", inf):
        raise ValueError(
            f"column last_prompt: {row['last_prompt']} is more than prompt, {row['prompt']}, which counts "
            "all calls' prompts together"
        )
    return Outcome(task=row["task"], system=row["system"], **numbers)


def _check_once(outcome: Outcome, first: int, line: int) -> None:
    if first != line:
        raise ValueError(
            f"line {first} has the task {outcome.task!r} of {outcome.system!r} already; keep one row, with "
            "the share of its samples as `passed`"
        )


def _number(name: str, text: str) -> float:
    """One number of a row.

    Raises:
        ValueError: it is none, or out of range; names the column and what to write.
    """
    if name == "passed":
        return _passed(text)
    least = _LEAST.get(name, 0)
    value = _parsed(text)
    if value is None or not least <= value < inf:
        raise ValueError(f"column {name}: must be a number from {least:g} on, not {text!r}{_comma(text)}")
    return value


def _passed(text: str) -> float:
    if word := _WORDS.get(text.lower()):
        raise ValueError(f"column passed: is {text!r}; write {word}")
    value = _parsed(text.removesuffix("%"))
    if value is not None and (text.endswith("%") or 1 < value <= _PERCENT):
        raise ValueError(
            f"column passed: must be 0, 1 or a share between them, not {text!r}; of a percentage write "
            f"{value / _PERCENT:g}, of a count its share of the samples"
        )
    if value is None or not 0 <= value <= 1:
        raise ValueError(f"column passed: must be 0, 1 or a share between them, not {text!r}{_comma(text)}")
    return value


def _parsed(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _comma(text: str) -> str:
    """A remedy where a comma was meant as the decimal point."""
    value = _parsed(text.replace(",", ".", 1))
    return f"; write {value:g}, with a point" if "," in text and value is not None else ""
