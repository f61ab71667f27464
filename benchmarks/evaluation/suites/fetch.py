"""From the hub, or from a copy, into the user's data folder: the data sets that no package brings.

What arrives is held against what was recorded: every recorded task must be there, and it is told
whose text is another one, since a policy is checked on how the recorded text was read.
"""

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import SuiteName
from benchmarks.evaluation.suites import mbpp, store, swebench
from benchmarks.evaluation.suites.facts import read
from benchmarks.evaluation.suites.hub import download
from benchmarks.evaluation.suites.problem import Problem, fingerprint
from benchmarks.evaluation.suites.rows import Row, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Where a suite's problems are on the hub."""

    repository: str
    files: tuple[str, ...]
    fields: tuple[str, ...]
    id: Callable[[Row], str]
    """A row's task, as the suite names it."""
    problems: Callable[[Path], Iterator[Problem]]


DATASETS: Mapping[SuiteName, Dataset] = MappingProxyType(
    {
        "mbpp": Dataset(
            repository="google-research-datasets/mbpp",
            files=tuple(
                f"full/{split}-00000-of-00001.parquet" for split in ("prompt", "test", "validation", "train")
            ),
            fields=mbpp.FIELDS,
            id=mbpp.task_id,
            problems=mbpp.problems,
        ),
        "swebench": Dataset(
            repository="SWE-bench/SWE-bench_Verified",
            files=("data/test-00000-of-00001.parquet",),
            fields=swebench.FIELDS,
            id=swebench.task_id,
            problems=swebench.problems,
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A suite's problems, as downloaded."""

    path: Path
    tasks: int
    changed: tuple[str, ...]
    """Tasks whose text is not the one that was recorded."""


def fetch(name: SuiteName, progress: Callable[[str], None] = lambda _: None) -> Fetched:
    """Download a suite's problems; a download that was cut goes on.

    Raises:
        BenchmarkError: the hub cannot be reached, or what it has is not the suite.
    """
    dataset, parts = DATASETS[name], store.folder() / f"{name}.parts"
    downloaded = [download(dataset.repository, file, parts, progress) for file in dataset.files]
    fetched = keep(name, downloaded)
    shutil.rmtree(parts)
    return fetched


def keep(name: SuiteName, files: Sequence[Path]) -> Fetched:
    """Put the recorded tasks of `files`, all columns, into the user's data folder.

    Raises:
        BenchmarkError: a file cannot be read, or a recorded task is in none.
    """
    dataset = DATASETS[name]
    recorded = {row["task"]: row["ask"] for row in read("tasks.csv").rows if row["suite"] == name}
    by_task = {
        task: row
        for file in files
        for row in rows(file, dataset.fields)
        if (task := dataset.id(row)) in recorded
    }
    if missing := [task for task in recorded if task not in by_task]:
        raise BenchmarkError(
            f"{', '.join(map(str, files))}: {len(missing)} of {len(recorded)} tasks of {name} are missing, "
            f"{missing[0]} for one"
        )
    path = store.path(name)
    _write(path, (by_task[task] for task in recorded))
    changed = tuple(
        problem.id for problem in dataset.problems(path) if fingerprint(problem) != recorded[problem.id]
    )
    return Fetched(path=path, tasks=len(by_task), changed=changed)


def _write(path: Path, lines: Iterator[Row]) -> None:
    """All or nothing: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(f".{os.getpid()}")
    with gzip.open(half, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line, default=str) + "\n" for line in lines)
    half.replace(path)
