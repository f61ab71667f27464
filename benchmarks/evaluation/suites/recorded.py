"""The suites as cases: how each task is read, and its recorded outcomes. Nothing is downloaded or run.

- Where the text is at hand (HumanEval's comes with a package), a task is read and judged now. Of the
  others only the features are recorded: they are good for the reading that made them, and refused
  under another. Where their texts were fetched, they are then read now, too.
- A task whose outcome nobody has published is a case all the same: where it goes is known, how good
  the answer is, is not.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import Case, Effort, Label, Suite, SuiteName, System
from benchmarks.evaluation.suites import arena, everyday, humaneval, mbpp, store, swebench, vectors
from benchmarks.evaluation.suites import outcomes as own_outcomes
from benchmarks.evaluation.suites.effort import agent_efforts, last_prompt_growth, one_call
from benchmarks.evaluation.suites.facts import RECORDED, Facts, read
from benchmarks.evaluation.suites.notes import notes, own_notes
from benchmarks.evaluation.suites.outcomes import Outcome
from benchmarks.evaluation.suites.problem import CLIENTS, Problem
from benchmarks.evaluation.suites.reading import read_problems
from benchmarks.evaluation.suites.systems import ARENA, FILES, SUBMISSIONS, Runs, choose_system, evalperf
from classifiers.features import Features
from classifiers.verdict import Verdict
from router.features.fingerprint import reading_digest

TITLES: Mapping[SuiteName, str] = MappingProxyType(
    {"humaneval": "HumanEval", "mbpp": "MBPP", "swebench": "SWE-bench Verified", "everyday": "Everyday asks"}
)
AT_HAND: dict[SuiteName, Callable[[], Iterable[Problem]]] = {
    "humaneval": humaneval.problems,
    "everyday": everyday.problems,
}
"""Suites whose texts come with this installation: of the everyday suite all that is labelled."""
FETCHED: dict[SuiteName, Callable[[], Iterable[Problem]]] = {
    "mbpp": mbpp.problems,
    "swebench": swebench.problems,
}
"""Suites whose texts may have been fetched."""
Row = Mapping[str, str]
Efforts = Mapping[Runs, Effort]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a task was read, now or when it was recorded; recorded features hold no text."""

    features: Features
    judged: Verdict
    """Of the rules."""
    label: Label = ""


def systems(name: SuiteName, folder: Path = RECORDED) -> tuple[System, ...]:
    """Whose outcomes are recorded for a suite."""
    if name in {"swebench", "everyday"}:
        return SUBMISSIONS if name == "swebench" else ARENA
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
    runs, published = read("runs.csv", folder), read("published.csv", folder)
    judged, vectored = _readings(name, client, folder)
    joined = _Joined(
        pair=pair,
        recorded=_by_task(name, measured),
        own={(outcome.task, outcome.system): outcome for outcome in own},
        agents=agent_efforts(folder),
        growth=last_prompt_growth(folder),
    )
    cases = tuple(joined.case(name, row, judged[row["task"]]) for row in tasks.rows if row["suite"] == name)
    used = {"tasks.csv": tasks, **vectored, FILES[name]: measured}
    used |= {"runs.csv": runs, "published.csv": published} if name in {"swebench", "everyday"} else {}
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
    """Of tasks that take whole agent runs; all others are one call."""
    growth: float
    """A run's last prompt as a multiple of its mean one."""

    def case(self, name: SuiteName, row: Row, reading: Reading) -> Case:
        once = one_call(reading.features.context_tokens, float(row["solution"]))
        agents = self.agents if name == "swebench" or reading.label == "repository" else {}
        return Case(
            id=row["task"],
            suite=name,
            group=row["group"],
            features=reading.features,
            judged=reading.judged,
            label=reading.label,
            local=self._passed(row["task"], "local"),
            cloud=self._passed(row["task"], "cloud"),
            local_effort=self._effort(row["task"], "local", agents.get("local", once)),
            cloud_effort=self._effort(row["task"], "cloud", agents.get("cloud", once)),
        )

    def _passed(self, task: str, runs: Runs) -> float | None:
        system = self.pair[runs].name
        if own := self.own.get((task, system)):
            return own.passed
        text = self.recorded.get(task, {}).get(system, "")
        return float(text) if text else None

    def _effort(self, task: str, runs: Runs, estimate: Effort) -> Effort:
        own = self.own.get((task, self.pair[runs].name))
        return own.effort(self.growth, estimate) if own else estimate


def _readings(
    name: SuiteName, client: str, folder: Path
) -> tuple[Mapping[str, Reading], Mapping[str, Facts]]:
    """How each task is read and judged, and the recorded files that say so.

    Raises:
        BenchmarkError: they were recorded with another reading, and no text is at hand.
    """
    now = _read_now(name, client) if name in AT_HAND else {}
    if name == "humaneval":
        return now, {}
    file = f"features-{client}.csv"
    vectored = read(file, folder)
    if why := _stale(vectored):
        if name in FETCHED and store.path(name).is_file():
            return _read_now(name, client), {}
        fetch = f", or let the tasks be read as they stand: `turnout bench fetch {name}`"
        raise BenchmarkError(
            f"{file}: {why}: record it anew with `turnout bench record --data FOLDER`"
            f"{fetch if name in FETCHED else ''}"
        )
    recorded = {
        row["task"]: Reading(features=vectors.features(row, row["task"]), judged=vectors.verdict(row))
        for row in vectored.rows
    }
    return {**recorded, **now}, {file: vectored}


def _stale(vectored: Facts) -> str:
    """Why recorded features are not those of this reading; empty where they are."""
    if vectored.about.get("schema") != vectors.schema():
        return "was recorded with other features than this version reads"
    recorded, now = vectored.about.get("reading", "unknown"), reading_digest()
    if recorded != now:
        return (
            f"was recorded with another reading of requests than serves (reading {recorded} then, {now} now)"
        )
    return ""


@lru_cache(maxsize=16)
def _read_now(name: SuiteName, client: str) -> Mapping[str, Reading]:
    return {
        read.problem.id: Reading(
            features=replace(read.features, conversation=read.problem.id),
            judged=read.judged,
            label=read.problem.label,
        )
        for read in read_problems((AT_HAND | FETCHED)[name](), client)
    }


def _by_task(name: SuiteName, measured: Facts) -> Mapping[str, Row]:
    """Outcomes by task and system."""
    if name == "everyday":
        return arena.outcomes(measured.rows)
    return {row["task"]: row for row in measured.rows}
