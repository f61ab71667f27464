"""Decisions of another router: a CSV of `task` and `track`, to be shown beside a policy's."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.baselines import RESERVED

TRACKS: Mapping[str, bool] = {"local": True, "cloud": False}


def load(file: Path, tasks: Collection[str]) -> dict[str, bool]:
    """Read which tasks start on the local track; the router is named as its file is.

    Args:
        file: With the columns `task` and `track`; others are passed over.
        tasks: The names that tasks have.

    Raises:
        BenchmarkError: it cannot be read, a task is not known or stands twice, a track is none.
    """
    if file.stem in RESERVED:
        raise BenchmarkError(f"--compare: {file}: rename it, for a row is called {file.stem!r} already")
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.DictReader(opened)
            if not {"task", "track"} <= set(rows.fieldnames or ()):
                raise BenchmarkError(f"--compare: {file}:1: the columns `task` and `track` are needed")
            return _decisions(file, rows, tasks)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchmarkError(f"--compare: {file}: cannot be read: {error}") from error


def _decisions(file: Path, rows: "csv.DictReader[str]", tasks: Collection[str]) -> dict[str, bool]:
    decisions: dict[str, bool] = {}
    for row in rows:
        task, track = row["task"] or "", (row["track"] or "").strip().lower()
        where = f"--compare: {file}:{rows.line_num}"
        if task not in tasks:
            raise BenchmarkError(f"{where}: no recorded task is called {task!r}")
        if task in decisions:
            raise BenchmarkError(f"{where}: {task!r} stands here a second time")
        if track not in TRACKS:
            raise BenchmarkError(f"{where}: {track!r} is no track; write local or cloud")
        decisions[task] = TRACKS[track]
    return decisions
