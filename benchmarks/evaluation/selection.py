"""Which suites and which systems a policy is judged by, as the options of a command say.

A system is named for one suite (`humaneval=mine`), or for each suite that has outcomes of it (`mine`).
Where none is named, a suite's recorded default stands: so a user's own outcomes may be of one suite
or of several.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import SUITES, Suite, SuiteName
from benchmarks.evaluation.suites import outcomes as own_outcomes
from benchmarks.evaluation.suites.facts import read
from benchmarks.evaluation.suites.outcomes import Outcome
from benchmarks.evaluation.suites.own import load_own_suite, load_tasks, suite_name
from benchmarks.evaluation.suites.recorded import TITLES, load_suite, systems
from benchmarks.evaluation.suites.systems import DEFAULTS, Runs
from benchmarks.evaluation.verdicts import with_verdicts
from classifiers.choose import DEFAULT, ClassifierName
from policies.conditions import nearest

EVERY = ""
"""In place of a suite's name: each suite that has outcomes of the system."""
Systems = Mapping[SuiteName, str]
"""A system's name by suite, or for `EVERY`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a policy is judged by."""

    client: str = "bare"
    """In whose words the tasks are asked."""
    classifier: ClassifierName = DEFAULT
    classifier_file: str = ""
    """A team's own numbers for `sufficiency`."""
    local: Systems = field(default_factory=dict)
    cloud: Systems = field(default_factory=dict)
    outcomes: Path | None = None
    """The user's own outcomes."""
    suite: Path | None = None
    """Tasks of the user's own, a suite named as the file is."""

    @property
    def own_suite(self) -> SuiteName:
        """The name of the user's own suite; empty where there is none.

        Raises:
            BenchmarkError: the file's name names none.
        """
        return suite_name(self.suite) if self.suite else ""


def parse(flag: str, texts: Iterable[str]) -> dict[SuiteName, str]:
    """Read `NAME` and `SUITE=NAME`, several of them with a comma between.

    Args:
        flag: What messages call the option.
        texts: What was given, once or several times.

    Raises:
        BenchmarkError: an empty name, or a suite that is said twice.
    """
    chosen: dict[SuiteName, str] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        suite, equals, name = (piece.strip() for piece in part.partition("="))
        if not equals:
            suite, name = EVERY, suite
        if not name or (equals and not suite):
            raise BenchmarkError(f"{flag}: {part!r} is not NAME or SUITE=NAME, such as humaneval=our-14b")
        if suite in chosen:
            raise BenchmarkError(f"{flag}: {suite or 'a system for every suite'} is said twice")
        chosen[suite] = name
    return chosen


def load_suites(names: Sequence[SuiteName], selection: Selection) -> dict[SuiteName, Suite]:
    """Load suites with the systems chosen for them.

    Args:
        names: Which suites, in the order in which they are shown; the user's own among them.
        selection: What they are judged by.

    Raises:
        BenchmarkError: a suite or a system is not known, own outcomes are wrong or of no system that is
            chosen, or no task has outcomes of both systems chosen.
    """
    mine = load_tasks(selection.suite) if selection.suite else ()
    own = _Own.load(selection.outcomes, {task.problem.id: task.problem.suite for task in mine})
    chosen: dict[Runs, dict[SuiteName, str]] = {
        "local": _resolve("--local", "local", selection.local, names, own),
        "cloud": _resolve("--cloud", "cloud", selection.cloud, names, own),
    }

    def load(name: SuiteName) -> Suite:
        local, cloud = chosen["local"].get(name), chosen["cloud"].get(name)
        if selection.suite and name == selection.own_suite:
            return load_own_suite(
                selection.suite,
                client=selection.client,
                systems={"local": local, "cloud": cloud},
                outcomes=own.outcomes,
                outcomes_file=selection.outcomes,
            )
        return load_suite(
            name,
            client=selection.client,
            local=local,
            cloud=cloud,
            outcomes=selection.outcomes,
            others=[task.problem.id for task in mine],
        )

    suites = {name: load(name) for name in names}
    own.check_used(suites)
    for suite in suites.values():
        own.check_paired(suite)
    return {
        name: with_verdicts(suite, selection.classifier, selection.classifier_file)
        for name, suite in suites.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """A user's own outcomes, by suite."""

    file: Path | None
    outcomes: tuple[Outcome, ...]
    tasks: Mapping[SuiteName, Mapping[str, Sequence[str]]]
    """By suite and system: the tasks that have a row."""

    @classmethod
    def load(cls, file: Path | None, others: Mapping[str, SuiteName]) -> "_Own":
        suite_of = {row["task"]: row["suite"] for row in read("tasks.csv").rows} | dict(others)
        tasks: dict[SuiteName, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        outcomes: tuple[Outcome, ...] = own_outcomes.load(file, suite_of) if file else ()
        for outcome in outcomes:
            tasks[suite_of[outcome.task]][outcome.system].append(outcome.task)
        return cls(
            file=file, outcomes=outcomes, tasks={suite: dict(systems) for suite, systems in tasks.items()}
        )

    def has(self, system: str, suite: SuiteName) -> bool:
        """Whether the file has a row of a system for a task of a suite."""
        return system in self.tasks.get(suite, {})

    def listed(self, names: Collection[SuiteName]) -> str:
        """What the file has of some suites, as an option would name it."""
        return ", ".join(
            f"{suite}={system} ({len(tasks)} {'task' if len(tasks) == 1 else 'tasks'})"
            for suite, systems in self.tasks.items()
            if suite in names
            for system, tasks in systems.items()
        )

    def check_used(self, suites: Mapping[SuiteName, Suite]) -> None:
        """Refuse a file of which nothing is compared."""
        if self.file is None or any(
            self.has(system.name, name)
            for name, suite in suites.items()
            for system in (suite.local, suite.cloud)
        ):
            return
        here = self.listed(suites)
        if not here:
            raise BenchmarkError(
                f"{self.file}: has no row for a task of {', '.join(suites)}; it has {self.listed(self.tasks)}"
            )
        first = here.partition(" (")[0]
        raise BenchmarkError(
            f"{self.file}: no system of it is compared; choose one with --local {first} or --cloud {first}. "
            f"It has {here}"
        )

    def check_paired(self, suite: Suite) -> None:
        """Refuse own outcomes that share no task with the other system's."""
        if not any(self.has(system.name, suite.name) for system in (suite.local, suite.cloud)):
            return
        if any(case.local is not None and case.cloud is not None for case in suite.cases):
            return
        local = [case.id for case in suite.cases if case.local is not None]
        cloud = [case.id for case in suite.cases if case.cloud is not None]
        raise BenchmarkError(
            f"{self.file}: no task of {suite.title} has outcomes of both systems: "
            f"{suite.local.name} has {_some(local)}, {suite.cloud.name} has {_some(cloud)}; add rows for the "
            "same tasks, or choose another system with --local or --cloud"
        )


def _some(tasks: Sequence[str]) -> str:
    return f"{len(tasks)} ({tasks[0]}, ...)" if tasks else "none"


def _resolve(
    flag: str, runs: Runs, selected: Systems, names: Sequence[SuiteName], own: _Own
) -> dict[SuiteName, str]:
    """Name a system by suite; one for `EVERY` only where a suite knows it."""
    for suite, system in selected.items():
        if suite == EVERY:
            continue
        if suite not in (*names, *SUITES):
            raise BenchmarkError(f"{flag}: no suite is called {suite!r}{nearest(suite, list(names))}")
        if suite not in names:
            raise BenchmarkError(
                f"{flag}: {suite} is not among the suites asked for, {', '.join(names)}; leave "
                f"{suite}={system} out, or give the suite a share in --mix"
            )
        if suite not in DEFAULTS and not own.has(system, suite):
            raise BenchmarkError(
                f"{flag}: no outcomes of {system!r} on {suite}"
                f"{nearest(system, sorted(own.tasks.get(suite, {})))}; give rows of it with --outcomes"
            )
    resolved = {suite: system for suite, system in selected.items() if suite != EVERY}
    if EVERY not in selected:
        return resolved
    system = selected[EVERY]
    recorded = {name: systems(name) if name in DEFAULTS else () for name in names}
    measured = [
        name
        for name in names
        if own.has(system, name)
        or any(other.name == system and other.runs == runs for other in recorded[name])
    ]
    if not measured:
        every = sorted(
            {other.name for name in names for other in recorded[name] if other.runs == runs}
            | {mine for name in names for mine in own.tasks.get(name, {})}
        )
        raise BenchmarkError(
            f"{flag}: no outcomes of {system!r} on {', '.join(TITLES.get(name, name) for name in names)}"
            f"{nearest(system, every)}"
        )
    return dict.fromkeys(measured, system) | resolved
