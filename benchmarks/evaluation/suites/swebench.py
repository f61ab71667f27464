"""SWE-bench Verified: 500 issues of twelve Python repositories, each with the tests that a fix must pass.

The instances come from `turnout bench fetch swebench` (SWE-bench, MIT). The ask is the issue's text.
An answer is a patch to a repository: the official harness scores it, in containers, not here.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.evaluation.suites.problem import Problem, request
from benchmarks.evaluation.suites.rows import Row, rows
from benchmarks.evaluation.suites.store import stored

__all__ = ("problems", "request", "task_id")

FIELDS = ("instance_id", "repo", "problem_statement", "patch")


def task_id(row: Row) -> str:
    """The task's name, as it is recorded."""
    return str(row["instance_id"])


def problems(file: Path | None = None) -> Iterator[Problem]:
    """All in `file` (JSON lines, gzipped or not, or Parquet), in its order; in what was fetched without one.

    Raises:
        BenchmarkError: nothing was fetched, the file cannot be read, or a row lacks a field.
    """
    for row in rows(file or stored("swebench"), FIELDS):
        yield Problem(
            id=task_id(row),
            suite="swebench",
            group=row["repo"],
            ask=row["problem_statement"],
            solution=row["patch"],
        )
