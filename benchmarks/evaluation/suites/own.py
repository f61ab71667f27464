"""A suite of a user's own: asks as JSON lines, which are read, judged and decided now.

A line is an object with `id` and `ask`; where it helps, also

- `files`: by path, the text of files that the client attaches;
- `tools`: names, or definitions as the client's dialect has them, of the tools it offers;
- `envelope`: whose request it is, where that is not the one of `--client`;
- `label`: `self-contained` where the ask alone suffices, `repository` where it does not;
- `group`: what a fold must keep together, such as the repository; each task for itself unless given.

A task that offers tools is an agent's, of many calls; any other is one call.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Case, Effort, Label, Suite, SuiteName, System
from benchmarks.evaluation.suites.effort import agent_efforts, last_prompt_growth, one_call
from benchmarks.evaluation.suites.facts import read
from benchmarks.evaluation.suites.notes import own_notes
from benchmarks.evaluation.suites.outcomes import Outcome
from benchmarks.evaluation.suites.problem import Problem
from benchmarks.evaluation.suites.reading import Sent, read_sent
from benchmarks.evaluation.suites.systems import DEFAULTS, Runs
from router.training.envelopes import ENVELOPES, Envelope

FIELDS = ("id", "ask", "files", "tools", "envelope", "label", "group")
_LABELS: Mapping[str, Label] = MappingProxyType(
    {"self-contained": "self-contained", "repository": "repository"}
)
_NAME = re.compile(r"[A-Za-z][\w.-]*")
NOBODY = "none chosen"
"""The system of a track for which none was chosen: nothing is known of it."""
Systems = Mapping[Runs, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTask:
    """A line of the file."""

    problem: Problem
    tools: tuple[Any, ...] = ()
    """Names, or definitions."""
    envelope: str = ""
    """Whose request it is; empty for that of the command."""


def suite_name(file: Path) -> SuiteName:
    """The suite's name: the file's, without its ending.

    Raises:
        BenchmarkError: it is no name, or one that is shipped.
    """
    name = file.name.partition(".")[0]
    if not _NAME.fullmatch(name):
        raise BenchmarkError(
            f"--suite: {file}: the file's name names the suite; begin it with a letter, as in our-tasks.jsonl"
        )
    if name in DEFAULTS:
        raise BenchmarkError(f"--suite: {file}: a suite called {name} is shipped; rename the file")
    return name


def load_tasks(file: Path) -> tuple[OwnTask, ...]:
    """Read a file of tasks.

    Raises:
        BenchmarkError: it cannot be read, or a line is not as it should be; names line, field and remedy.
    """
    name, shipped = suite_name(file), {row["task"] for row in read("tasks.csv").rows}
    tasks: dict[str, OwnTask] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(_text(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            task = _task(name, _object(line))
            _check_id(task.problem.id, lines.get(task.problem.id), shipped)
        except ValueError as error:
            raise BenchmarkError(f"{file}, line {number}: {error}") from error
        tasks[task.problem.id], lines[task.problem.id] = task, number
    if not tasks:
        raise BenchmarkError(f'{file}: is empty; write a line for each task: {{"id": "a/1", "ask": "..."}}')
    return tuple(tasks.values())


def load_own_suite(
    file: Path, *, client: str, systems: Systems, outcomes: Collection[Outcome], outcomes_file: Path | None
) -> Suite:
    """Read, judge and join the tasks of a file.

    Args:
        file: The tasks.
        client: In whose words they are asked, where a line does not say.
        systems: The system chosen for each track, if any; of `outcomes`.
        outcomes: The user's own.
        outcomes_file: Where they come from, for people.

    Raises:
        BenchmarkError: see `load_tasks`; tokens cannot be counted.
    """
    name, tasks = suite_name(file), load_tasks(file)
    pair: dict[Runs, System] = {
        runs: System(name=systems[runs] or NOBODY, model=systems[runs] or NOBODY, runs=runs)
        for runs in ("local", "cloud")
    }
    by_task = {(outcome.task, outcome.system): outcome for outcome in outcomes}
    agents, output, growth = agent_efforts(), _mean_answer(), last_prompt_growth()

    def effort(task: str, runs: Runs, *, prompt: float, offers_tools: bool) -> Effort:
        estimate = agents[runs] if offers_tools else one_call(prompt, output)
        own = by_task.get((task, pair[runs].name))
        return own.effort(growth, estimate) if own else estimate

    def passed(task: str, runs: Runs) -> float | None:
        own = by_task.get((task, pair[runs].name))
        return own.passed if own else None

    cases = []
    for task, reading in zip(tasks, read_sent(_sent(task, client) for task in tasks), strict=True):
        problem, prompt = task.problem, float(reading.features.context_tokens)
        local, cloud = (
            effort(problem.id, runs, prompt=prompt, offers_tools=bool(task.tools))
            for runs in ("local", "cloud")
        )
        cases.append(
            Case(
                id=problem.id,
                suite=name,
                group=problem.group,
                features=replace(reading.features, conversation=problem.id),
                judged=reading.judged,
                local=passed(problem.id, "local"),
                cloud=passed(problem.id, "cloud"),
                local_effort=local,
                cloud_effort=cloud,
                label=problem.label,
            )
        )
    chosen = {system.name for system in pair.values()} - {NOBODY}
    mine = [outcome for outcome in outcomes if outcome.task in {case.id for case in cases}]
    return Suite(
        name=name,
        title=name,
        client=client,
        local=pair["local"],
        cloud=pair["cloud"],
        cases=tuple(cases),
        notes=(*_notes(file, cases), *own_notes(outcomes_file, mine, chosen, cases)),
        sources={file.name: "the user's own"},
    )


def _notes(file: Path, cases: Collection[Case]) -> Iterator[str]:
    yield f"{len(cases)} tasks of {file}, read, judged and decided now."
    if not all(case.local_effort.measured and case.cloud_effort.measured for case in cases):
        yield (
            "Where calls and tokens were not measured, a task that offers tools is taken as an agent's, as "
            "long as recorded runs, and any other as one call with a mean answer of the shipped suites."
        )


def _text(file: Path) -> str:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BenchmarkError(f"--suite: {file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"--suite: {file}: is not UTF-8; save it as JSON lines in UTF-8") from error
    if text.lstrip().startswith("["):
        raise BenchmarkError(f"{file}, line 1: is one JSON array; write one object a line")
    return text


def _object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f'is no JSON object ({error}); write {{"id": "a/1", "ask": "..."}}') from error
    if not isinstance(row, dict):
        raise ValueError('is no JSON object; write {"id": "a/1", "ask": "..."}')  # noqa: TRY004 (the file is at fault)
    for key in row:
        if key not in FIELDS:
            near = get_close_matches(key, FIELDS, n=1, cutoff=0)
            raise ValueError(
                f"unknown field {key!r}: did you mean {near[0]!r}? There are {', '.join(FIELDS)}"
            )
    return row


def _task(suite: SuiteName, row: Mapping[str, Any]) -> OwnTask:
    for name in ("id", "ask"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise ValueError(f"field {name}: is missing or no text; it must be a string with something in it")
    label, envelope = _string(row, "label"), _string(row, "envelope")
    if label not in {"", *_LABELS}:
        raise ValueError(f"field label: {label!r} is none; write {' or '.join(_LABELS)}, or leave it out")
    if envelope not in {"", *ENVELOPES}:
        raise ValueError(f"field envelope: {envelope!r} is no client; there are {', '.join(ENVELOPES)}")
    return OwnTask(
        problem=Problem(
            id=row["id"],
            suite=suite,
            group=_string(row, "group") or row["id"],
            ask=row["ask"] + "".join(_attached(row.get("files", {}))),
            solution="",
            label=_LABELS.get(label, ""),
        ),
        tools=_tools(row.get("tools", [])),
        envelope=envelope,
    )


def _string(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"field {name}: must be a string")  # noqa: TRY004 (the file is at fault)
    return value


def _attached(files: object) -> Iterator[str]:
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise ValueError('field files: must be an object of texts by path: {"src/a.py": "..."}')
    for path, text in files.items():
        yield f"\n\n{path}\n```\n{text}\n```"


def _tools(tools: object) -> tuple[Any, ...]:
    if not isinstance(tools, list) or not all(isinstance(tool, str | dict) and tool for tool in tools):
        raise ValueError('field tools: must be a list of names or definitions: ["bash", "edit"]')
    return tuple(tools)


def _check_id(task: str, earlier: int | None, shipped: Collection[str]) -> None:
    if earlier is not None:
        raise ValueError(f"field id: {task!r} stands in line {earlier} already; give each task its own")
    if task in shipped:
        raise ValueError(f"field id: {task!r} is a task of a shipped suite; rename it")


def _sent(task: OwnTask, client: str) -> Sent:
    envelope = ENVELOPES[task.envelope or client]
    body = envelope.body(task.problem.ask) | {"model": "auto"}
    if task.tools:
        body["tools"] = [_definition(tool, envelope) for tool in task.tools]
    return Sent(dialect=envelope.dialect, headers=envelope.headers, body=json.dumps(body).encode())


def _definition(tool: Any, envelope: Envelope) -> dict[str, Any]:
    if isinstance(tool, dict):
        return tool
    schema = {"type": "object", "properties": {}}
    if envelope.dialect == "anthropic_messages":
        return {"name": tool, "description": "", "input_schema": schema}
    return {"type": "function", "function": {"name": tool, "description": "", "parameters": schema}}


def _mean_answer() -> float:
    """Tokens of a mean answer of one call: of the shipped suites' own solutions."""
    return fmean(
        float(row["solution"]) for row in read("tasks.csv").rows if row["suite"] in {"humaneval", "mbpp"}
    )
