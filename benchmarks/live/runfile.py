"""The file of a run that goes on where it stopped: a line of its settings, then a line for each result.

- Other settings than the file's are refused: results of two runs must not mix.
- A line that was cut off when the run was stopped is dropped.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from router.system.files import open_private

Line = Mapping[str, Any]


def begin(path: Path, settings: Line) -> list[dict[str, Any]]:
    """Begin the file, or go on with it: the results that it holds so far.

    Raises:
        BenchmarkError: it is not such a file, or one with other settings.
    """
    if not path.exists() or path.stat().st_size == 0:
        append(path, settings)
        return []
    _drop_cut_line(path)
    stored, results = read(path)
    for name in sorted({*settings, *stored}):
        had, has = stored.get(name), settings.get(name)
        if had != has:
            raise BenchmarkError(
                f"{path} holds a run with {name} {had!r}, and this one has {has!r}: "
                "choose another --out, or the settings it was begun with"
            )
    return results


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The settings and the results.

    Raises:
        BenchmarkError: the file is not there, or not such a file.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path} is not the file of a live run: {error}") from error
    if not all(isinstance(line, dict) for line in lines) or not lines or "suite" not in lines[0]:
        raise BenchmarkError(f"{path} is not the file of a live run: its first line holds no settings")
    return lines[0], lines[1:]


def append(path: Path, line: Line) -> None:
    """Add a line; it is on its way to the disk when this returns.

    Raises:
        BenchmarkError: the file cannot be written.
    """
    try:
        with os.fdopen(open_private(path, os.O_WRONLY | os.O_APPEND), "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be written: {error.strerror}") from error


def _drop_cut_line(path: Path) -> None:
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])
