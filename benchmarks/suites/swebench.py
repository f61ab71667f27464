"""SWE-bench Verified: 500 issues of twelve Python repositories, each with the tests that a fix must pass.

The instances come from `turnout bench fetch swebench` (SWE-bench, MIT). The ask is the issue's text.
An answer is a patch to a repository: the official harness scores it, in containers, not here.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.suites.problem import Problem, request
from benchmarks.suites.rows import rows

__all__ = ("problems", "request")

FIELDS = ("instance_id", "repo", "problem_statement", "patch")


def problems(file: Path) -> Iterator[Problem]:
    """All in `file` (JSON lines, gzipped or not, or Parquet), in its order.

    Raises:
        BenchmarkError: the file cannot be read, or a row lacks a field.
    """
    for one in rows(file, FIELDS):
        yield Problem(
            id=one["instance_id"],
            suite="swebench",
            group=one["repo"],
            ask=one["problem_statement"],
            solution=one["patch"],
        )
