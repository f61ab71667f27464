"""The tasks that routers are compared on: each a request, and the track that is right for it.

- What is right is the class of the work, by published outcomes: on self-contained tasks a local 14-32B
  model is level with Claude, on work in a repository it is not. Labelled asks say which of the two they are.
- A router must read the work, not its wrapping: HumanEval and SWE-bench are also asked in the words of
  mini-SWE-agent, which are the same around each.
- The problems are the suites' own (`benchmarks.evaluation.suites`). HumanEval and the everyday asks come
  with a package, the others are read from a folder that holds `self_contained/`, `swebench_verified/`,
  `agent_trajectories/` and `everyday/`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.evaluation.cases import Label
from benchmarks.evaluation.suites import everyday, humaneval, mbpp, record, swebench
from benchmarks.evaluation.suites.facts import read
from benchmarks.evaluation.suites.rows import Row, rows
from policies.decision import TrackName

OUTCOMES_OF = "20250805_openhands-Qwen3-Coder-30B-A3B-Instruct"
"""Whose outcomes tell where a local model sufficed: the leaderboard's name of the submission."""
PER_RUN = 4
"""Requests taken from each recorded run, evenly spread between the first that counts and the last."""
FIRST_CALL = 3
"""The model call of a run from which on a router should have seen what it is."""
VALIDATION = "everyday/asks.jsonl.gz"
"""Labelled asks in the folder: lines of `label` (`local`, `cloud` or `either`) and `ask`."""
ASKS = ("HumanEval", "SWE-bench Verified", "everyday", "validation asks")
"""The suites that are asked in their own words, the first of a conversation, each ask another."""
_TRACKS: Mapping[Label, TrackName] = MappingProxyType({"self-contained": "local", "repository": "cloud"})
_OPENS, _CLOSES = "Consider the following PR description:\n", "\n</pr_description>"
_BASH = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Execute a bash command",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string", "description": "The bash command to execute"}},
            "required": ["command"],
        },
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task, as a Chat Completions request."""

    suite: str
    right: TrackName
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()
    suffices: bool | None = None
    """Whether the local model of `OUTCOMES_OF` resolved it; None where nobody has measured that."""

    def body(self) -> bytes:
        """Return the request's body as JSON."""
        tools = {"tools": self.tools} if self.tools else {}
        return json.dumps({"model": "auto", "messages": self.messages} | tools).encode()


def tasks(data: Path | None) -> Iterator[Task]:
    """All tasks; without `data` only HumanEval and the everyday asks.

    Raises:
        BenchmarkError: `data` lacks one of the files.
    """
    functions = list(_human_eval())
    yield from functions
    yield from _everyday()
    if data is None:
        return
    issues = list(_swebench(data))
    runs = list(rows(data / record.RUNS, ("messages",)))
    yield from _validation(data)
    yield from issues
    yield from _mbpp(data)
    yield from (_wrapped(task, runs[0]["messages"]) for task in (*functions, *issues))
    yield from _agent(runs)


def _task(suite: str, right: TrackName, ask: str, *, suffices: bool | None = None) -> Task:
    return Task(suite=suite, right=right, messages=({"role": "user", "content": ask},), suffices=suffices)


def _human_eval() -> Iterator[Task]:
    for problem in humaneval.problems():
        yield _task("HumanEval", "local", problem.ask)


def _everyday() -> Iterator[Task]:
    for problem in everyday.problems():
        yield _task("everyday", _TRACKS[problem.label], problem.ask)


def _validation(data: Path) -> Iterator[Task]:
    for row in rows(data / VALIDATION, ("label", "ask")):
        if row["label"] in _TRACKS.values():  # others are right on either track
            yield _task("validation asks", row["label"], row["ask"])


def _mbpp(data: Path) -> Iterator[Task]:
    for problem in mbpp.problems(data / record.MBPP):
        yield _task("MBPP", "local", problem.ask)


def _swebench(data: Path) -> Iterator[Task]:
    resolved = {row["task"]: row[OUTCOMES_OF] == "1" for row in read("swebench.csv").rows}
    for problem in swebench.problems(data / record.INSTANCES):
        suffices = resolved.get(problem.id)
        yield _task("SWE-bench Verified", "cloud", problem.ask, suffices=suffices)


def _wrapped(task: Task, example: list[dict[str, Any]]) -> Task:
    """`task` as mini-SWE-agent first sends it; `example` is one of its runs."""
    system, user = example[:2]
    before, mark, tail = user["content"].partition(_OPENS)
    _, end, after = tail.partition(_CLOSES)
    content = "".join((before, mark, task.messages[0]["content"], end, after))
    messages = (system, user | {"content": content})
    return replace(task, suite=f"{task.suite}, wrapped", messages=messages, tools=(_BASH,))


def _agent(runs: list[Row]) -> Iterator[Task]:
    for run in runs:
        messages = [
            {key: value for key, value in message.items() if key != "usage"} for message in run["messages"]
        ]
        calls = [at for at, message in enumerate(messages) if message["role"] == "assistant"][
            FIRST_CALL - 1 :
        ]
        for at in spread_evenly(calls, PER_RUN):
            yield Task(suite="agent requests", right="cloud", messages=tuple(messages[:at]), tools=(_BASH,))


def spread_evenly(things: list[int], count: int) -> list[int]:
    """At most `count` of `things`, the first and the last among them."""
    if len(things) <= count:
        return things
    return [things[round(n * (len(things) - 1) / (count - 1))] for n in range(count)]
