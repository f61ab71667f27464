"""hybrid-arena's published outcomes: coding tasks by strategy, with a local and a cloud model.

Its texts are others' and stay out: recorded are the names of its tasks, outcomes and counts. The tasks
that have outcomes of both models alone, and are of no suite here, are cases of the everyday suite; how
each is read is recorded as of every task whose text is not at hand.
"""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from types import MappingProxyType

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites.facts import number
from benchmarks.evaluation.suites.problem import Problem

Row = Mapping[str, str]
FILE = "hybrid-arena.csv"
OUTCOMES = "hybrid_arena/outcomes.csv.gz"
TASKS = "hybrid_arena/tasks.jsonl.gz"
CLOUD = "gpt-5.5"
LOCAL = "devstral:24b"
EDITS = "D"
"""The category of everyday edits and scripts; the others are of suites here, or have no tests."""
FUNCTIONS = "A"
"""The category of single functions."""
STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "R1": "always-cloud",
        "R2": "always-local",
        "R3": "architect",
        "R4": "minion",
        "R5": "dev-minion",
    }
)
"""By the source's name of a route."""
_LOCAL_MODELS: Mapping[str, str] = MappingProxyType(
    {
        "v1-qwen": "qwen3.6:27b-coding-mxfp8",
        "v2-qwen-fixed": "qwen3.6:27b-coding-mxfp8",
        "v2-devstral": LOCAL,
        "r4-minion": LOCAL,
        "": LOCAL,  # the run over all routes
    }
)
"""By what a row says of its run; the source's configurations name the models."""
_TESTED: Mapping[str, str] = MappingProxyType({"True": "1", "False": "0", "": ""})


def rows_of(source: Sequence[Row]) -> Iterator[dict[str, str]]:
    """One recorded row for each run of a task, in the source's order."""
    for row in source:
        yield {
            "task": row["task_id"],
            "category": row["category"],
            "strategy": STRATEGIES[row["route"]],
            "local": _LOCAL_MODELS[row["local_model"]],
            "cloud": CLOUD,
            "passed": _TESTED[row["passed"]],
            "score": number(round(float(row["composite"]), 4)) if row["composite"] else "",
            **{name: row[name] for name in ("local_tokens", "cloud_tokens", "local_calls", "cloud_calls")},
        }


def outcomes(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """By task and model: whether it passed alone; of the tasks that are cases of the everyday suite."""
    alone = {"always-local": "local", "always-cloud": "cloud"}
    passed: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["category"] == EDITS and row["strategy"] in alone and row["passed"]:
            passed.setdefault(row["task"], {})[row[alone[row["strategy"]]]] = row["passed"]
    return {task: models for task, models in passed.items() if {LOCAL, CLOUD} <= models.keys()}


def answer_tokens(rows: Sequence[Row]) -> dict[str, int]:
    """Tokens that the cloud model took for each of these tasks alone; under "" for a single function."""
    alone = [row for row in rows if row["strategy"] == "always-cloud"]
    tasks = outcomes(rows)
    tokens = {row["task"]: int(row["cloud_tokens"]) for row in alone if row["task"] in tasks}
    functions = [int(row["cloud_tokens"]) for row in alone if row["category"] == FUNCTIONS]
    return tokens | {"": round(fmean(functions))}


def problems(file: Path, rows: Sequence[Row]) -> Iterator[Problem]:
    """Yield the tasks of `file` that are cases of the everyday suite.

    Raises:
        BenchmarkError: the file is not there, or lacks one.
    """
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            asks = {task["id"]: task["prompt"] for task in map(json.loads, lines)}
    except FileNotFoundError as error:
        raise BenchmarkError(f"{file} is not there") from error
    for task in outcomes(rows):
        if task not in asks:
            raise BenchmarkError(f"{file} has no task {task}")
        yield Problem(id=task, suite="everyday", group="hybrid-arena", ask=asks[task], solution="")
