"""The architecture in figures: what the source is like, and the walk of a request; before and now."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.errors import BenchmarkError
from benchmarks.machine import Machine, machine
from benchmarks.render import Sheet, table, where
from benchmarks.research import source, walk
from benchmarks.research.source import Source
from benchmarks.research.walk import Walk
from router.system.subprocesses import find_program

_TITLES = {
    "loose_modules": "loose modules at the top of `router/`",
    "rooms": "rooms: folders at the top of `router/`",
    "places": "places: both, and the packages beside `router/`",
    "depth": "places on the longest chain of imports",
    "arrows": "arrows between places",
    "place_circles": "pairs of places that import each other",
    "module_circles": "pairs of modules that import each other",
    "router_lines": "lines of `router/`",
    "p95_function": "lines of a function, 95th percentile",
    "private_words": "private words per 1,000 lines",
    "short_docstrings": f"docstrings of at most {source.SHORT_DOCSTRING} words",
    "docstrings": "docstrings",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures and the walks of one tree."""

    measured: str
    """Date, UTC."""
    machine: Machine
    commit: str
    """Short; empty where the tree is no checkout."""
    source: Source
    walks: tuple[Walk, ...]


def run(tree: Path, report: Callable[[str], None] = lambda _: None) -> Result:
    """Measure a tree; `report` is called with each step.

    Raises:
        BenchmarkError: `tree` is no checkout of Turnout, or its endpoint did not serve.
    """
    report("parsing the source")
    try:
        counted = source.count(tree)
    except FileNotFoundError as error:
        raise BenchmarkError(str(error)) from error
    report("recording walks")
    return Result(
        measured=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        commit=_commit(tree),
        source=counted,
        walks=walk.measure(tree),
    )


def load(file: Path) -> Result:
    """Read a result that was written as JSON.

    Raises:
        BenchmarkError: the file is not there, or is no such result.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Result)
    except (OSError, msgspec.MsgspecError) as error:
        raise BenchmarkError(f"{file}: {error}") from error


def sheets(result: Result, before: Result | None = None) -> tuple[Sheet, ...]:
    """Lay out the tables, with a column for an earlier tree where there is one."""
    results = (before, result) if before else (result,)
    columns = tuple(
        f"{when} ({measured.commit or 'no commit'})"
        for when, measured in zip(("before", "now")[-len(results) :], results, strict=True)
    )
    return (
        Sheet(
            title="The source",
            columns=("figure", *columns),
            rows=tuple(
                (title, *(f"{asdict(each.source)[name]:,}" for each in results))
                for name, title in _TITLES.items()
            ),
        ),
        Sheet(
            title="The walk of a request: files entered / moves between files / returns to a file",
            columns=("request", *columns),
            rows=tuple(
                (walks[0].request, *(f"{item.files} / {item.moves} / {item.returns}" for item in walks))
                for walks in zip(*(each.walks for each in results), strict=True)
            ),
        ),
    )


def markdown(result: Result, before: Result | None = None) -> str:
    """Return the tables as a page."""
    note = (
        f"Measured {result.measured} on {where(result.machine)} with `turnout bench architecture`. The "
        "source is parsed. For a walk, the real endpoint serves a streamed request, warm, between two "
        "scripted providers; calls of functions in `router/`, `policies/` and `classifiers/` count."
    )
    parts = ["# The architecture in figures", note, *map(table, sheets(result, before))]
    for item in result.walks:
        files = "\n".join(f"{number}. `{file}`" for number, file in enumerate(item.path, 1))
        parts.append(f"## {item.request}: files in the order in which they are entered\n\n{files}")
    return "\n\n".join(parts) + "\n"


def _commit(tree: Path) -> str:
    git = find_program("git")
    if git is None:
        return ""
    command = [git, "-C", str(tree), "rev-parse", "--short", "HEAD"]
    ended = subprocess.run(command, capture_output=True, check=False, text=True, timeout=10)
    return ended.stdout.strip() if re.fullmatch(r"[0-9a-f]+\n", ended.stdout) else ""
