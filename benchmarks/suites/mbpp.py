"""MBPP: 974 small programs to write from one sentence and the asserts they must pass.

The problems come from `turnout bench fetch mbpp` (google-research, CC-BY-4.0). The ask is the sentence
and the asserts, in the words of the paper's own prompt (Austin et al., 2021).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.suites.problem import Problem, request
from benchmarks.suites.rows import rows

__all__ = ("problems", "request")

FIELDS = ("task_id", "text", "code", "test_setup_code", "test_list")
_NOT_THE_ENTRY = frozenset({"set", "sorted", "list", "len", "tuple", "dict", "str", "round", "abs", "sum"})
_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")


def problems(file: Path) -> Iterator[Problem]:
    """All in `file` (JSON lines, gzipped or not, or Parquet), in its order.

    Raises:
        BenchmarkError: the file cannot be read, or a row lacks a field.
    """
    for one in rows(file, FIELDS):
        tests = "\n".join(one["test_list"])
        yield Problem(
            id=f"Mbpp/{one['task_id']}",
            suite="mbpp",
            group="mbpp",
            ask=f"{one['text']} Your code should pass these tests:\n\n{tests}",
            solution=one["code"],
            entry=_entry(one),
            tests=f"{one['test_setup_code']}\n{tests}\n",
        )


def _entry(one: Mapping[str, Any]) -> str:
    """The first function of the solution that the first assert calls."""
    called = [name for name in _CALL.findall(one["test_list"][0]) if name not in _NOT_THE_ENTRY]
    defined = re.findall(r"^def (\w+)", one["code"], re.MULTILINE)
    return next((name for name in called if name in defined), called[0] if called else "")
