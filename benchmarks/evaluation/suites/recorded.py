"""The suites as cases: recorded features and outcomes, joined. Nothing is downloaded, nothing is run.

A task whose outcome nobody has published is a case all the same: where it goes is known, how good the
answer is, is not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import MappingProxyType

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Case, Effort, Suite, SuiteName, System
from benchmarks.evaluation.suites import outcomes as own_outcomes
from benchmarks.evaluation.suites import vectors
from benchmarks.evaluation.suites.effort import agent, one_call
from benchmarks.evaluation.suites.facts import RECORDED, REMEDY, Facts, read
from benchmarks.evaluation.suites.notes import notes, own_notes
from benchmarks.evaluation.suites.outcomes import Outcome
from benchmarks.evaluation.suites.problem import CLIENTS
from benchmarks.evaluation.suites.systems import FILES, SUBMISSIONS, Runs, choose_system, evalperf

TITLES: Mapping[SuiteName, str] = MappingProxyType(
    {"humaneval": "HumanEval", "mbpp": "MBPP", "swebench": "SWE-bench Verified"}
)
Row = Mapping[str, str]
Efforts = Mapping[Runs, Effort]


def systems(name: SuiteName, folder: Path = RECORDED) -> tuple[System, ...]:
    """Whose outcomes are recorded for a suite."""
    if name == "swebench":
        return SUBMISSIONS
    columns = list(read(FILES[name], folder).rows[0])
    return tuple(evalperf(column) for column in columns if column != "task")


def load_suite(
    name: SuiteName,
    *,
    client: str = "bare",
    local: str | None = None,
    cloud: str | None = None,
    outcomes: Path | None = None,
    others: Collection[str] = (),
    folder: Path = RECORDED,
) -> Suite:
    """All cases of one suite.

    Args:
        name: which.
        client: in whose words it is asked, of `CLIENTS`.
        local: the local system, of `systems` or of `outcomes`; the suite's default unless given.
        cloud: the cloud system, likewise.
        outcomes: the user's own, which go before what is recorded.
        others: tasks outside the shipped suites that `outcomes` may name.
        folder: where the recorded files are.

    Raises:
        BenchmarkError: a name is not known, or a file is missing, wrong, or of another version.
    """
    if name not in TITLES:
        raise BenchmarkError(f"no suite is called {name!r}: there are {', '.join(TITLES)}")
    if client not in CLIENTS:
        raise BenchmarkError(f"no requests of {client!r} are recorded: there are {', '.join(CLIENTS)}")
    tasks, measured = read("tasks.csv", folder), read(FILES[name], folder)
    here = {row["task"] for row in tasks.rows if row["suite"] == name}
    own = [
        outcome
        for outcome in (
            own_outcomes.load(outcomes, {row["task"] for row in tasks.rows} | set(others)) if outcomes else ()
        )
        if outcome.task in here
    ]
    ours = {outcome.system for outcome in own}
    recorded = systems(name, folder)
    pair: Mapping[Runs, System] = {
        "local": choose_system(name, "local", local, recorded, ours),
        "cloud": choose_system(name, "cloud", cloud, recorded, ours),
    }
    named = {system.name for system in pair.values()} & ours
    vectored, runs, published = (
        read(file, folder) for file in (f"features-{client}.csv", "runs.csv", "published.csv")
    )
    _check_schema(vectored, client)
    joined = _Joined(
        pair=pair,
        recorded={row["task"]: row for row in measured.rows},
        own={(outcome.task, outcome.system): outcome for outcome in own},
        agents=_agent_efforts(runs, published) if name == "swebench" else {},
        growth=fmean(
            float(row["last_prompt"]) * float(row["calls"]) / float(row["prompt"]) for row in runs.rows
        ),
    )
    vector = {row["task"]: row for row in vectored.rows}
    cases = tuple(joined.case(name, row, vector[row["task"]]) for row in tasks.rows if row["suite"] == name)
    used = {"tasks.csv": tasks, f"features-{client}.csv": vectored, FILES[name]: measured}
    used |= {"runs.csv": runs, "published.csv": published} if name == "swebench" else {}
    return Suite(
        name=name,
        title=TITLES[name],
        client=client,
        local=pair["local"],
        cloud=pair["cloud"],
        cases=cases,
        notes=(*notes(name, pair, cases, named), *own_notes(outcomes, own, named, cases)),
        sources={file: facts.source for file, facts in used.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joined:
    """What is known of all tasks, to be put together task by task."""

    pair: Mapping[Runs, System]
    recorded: Mapping[str, Row]
    own: Mapping[tuple[str, str], Outcome]
    agents: Efforts
    """Whole agent runs; empty where a task is one call."""
    growth: float
    """A run's last prompt as a multiple of its mean one."""

    def case(self, name: SuiteName, row: Row, vector: Row) -> Case:
        features = vectors.features(vector, row["task"])
        once = one_call(features.context_tokens, float(row["solution"]))
        return Case(
            id=row["task"],
            suite=name,
            group=row["group"],
            features=features,
            judged=vectors.verdict(vector),
            local=self._passed(row["task"], "local"),
            cloud=self._passed(row["task"], "cloud"),
            local_effort=self._effort(row["task"], "local", once),
            cloud_effort=self._effort(row["task"], "cloud", once),
        )

    def _passed(self, task: str, runs: Runs) -> float | None:
        system = self.pair[runs].name
        if own := self.own.get((task, system)):
            return own.passed
        text = self.recorded.get(task, {}).get(system, "")
        return float(text) if text else None

    def _effort(self, task: str, runs: Runs, once: Effort) -> Effort:
        own, estimate = self.own.get((task, self.pair[runs].name)), self.agents.get(runs, once)
        return own.effort(self.growth, estimate) if own else estimate


def _check_schema(vectored: Facts, client: str) -> None:
    if vectored.about.get("schema") != vectors.schema():
        raise BenchmarkError(
            f"features-{client}.csv was recorded with other features than this version reads: {REMEDY}"
        )


def _agent_efforts(runs: Facts, published: Facts) -> Efforts:
    calls = {row["runs"]: float(row["calls"]) for row in published.rows}
    return {"local": agent(runs.rows, calls["local"]), "cloud": agent(runs.rows, calls["cloud"])}
