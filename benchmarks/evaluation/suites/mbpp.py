"""MBPP: 974 small programs to write from one sentence and the asserts they must pass.

The problems come from `turnout bench fetch mbpp` (google-research, CC-BY-4.0). The ask is the sentence
and the asserts, as in the paper's prompt without its first sentence (Austin et al., 2021).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.evaluation.suites.problem import Problem, request
from benchmarks.evaluation.suites.rows import Row, rows
from benchmarks.evaluation.suites.store import stored

__all__ = ("problems", "request", "task_id")

FIELDS = ("task_id", "text", "code", "test_setup_code", "test_list")
_NOT_THE_ENTRY = frozenset({"set", "sorted", "list", "len", "tuple", "dict", "str", "round", "abs", "sum"})
_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")


def task_id(row: Row) -> str:
    """The task's name, as it is recorded."""
    return f"Mbpp/{row['task_id']}"


def problems(file: Path | None = None) -> Iterator[Problem]:
    """All in `file` (JSON lines, gzipped or not, or Parquet), in its order; in what was fetched without one.

    Raises:
        BenchmarkError: nothing was fetched, the file cannot be read, or a row lacks a field.
    """
    for row in rows(file or stored("mbpp"), FIELDS):
        tests = "\n".join(row["test_list"])
        yield Problem(
            id=task_id(row),
            suite="mbpp",
            group="mbpp",
            ask=f"{row['text']} Your code should pass these tests:\n\n{tests}",
            solution=row["code"],
            entry=_entry(row),
            tests=f"{row['test_setup_code']}\n{tests}\n",
        )


def _entry(row: Row) -> str:
    """The first function of the solution that the first assert calls."""
    called = [name for name in _CALL.findall(row["test_list"][0]) if name not in _NOT_THE_ENTRY]
    defined = re.findall(r"^def (\w+)", row["code"], re.MULTILINE)
    return next((name for name in called if name in defined), called[0] if called else "")
