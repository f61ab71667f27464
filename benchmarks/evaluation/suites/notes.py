"""What the numbers of a suite do not show, in sentences that are printed wherever the numbers are."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.evaluation.cases import Case, SuiteName, System
from benchmarks.evaluation.suites.outcomes import Outcome
from benchmarks.evaluation.suites.systems import Runs

_SCAFFOLD = re.compile(r"\d{8}_([a-z]+)")
"""In the leaderboard's name of a submission."""


def notes(
    name: SuiteName, pair: Mapping[Runs, System], cases: Sequence[Case], own: Collection[str] = ()
) -> tuple[str, ...]:
    """Of the recorded outcomes and efforts of a suite; `own` are systems that the user measured."""
    recorded = {runs: system for runs, system in pair.items() if system.name not in own}
    if name == "everyday":
        return (*_everyday(recorded, cases),)
    sentences = _repository(recorded) if name == "swebench" else _self_contained(recorded, cases)
    return (
        *sentences,
        "The rules were written with tasks like these in view; other work is not in the numbers.",
    )


def own_notes(
    file: Path | None, outcomes: Sequence[Outcome], names: Collection[str], cases: Sequence[Case]
) -> Iterator[str]:
    """Of a user's own outcomes: of whom, and of how many tasks there are none."""
    for name in sorted(names):
        measured = {outcome.task for outcome in outcomes if outcome.system == name}
        missing = [case.id for case in cases if case.id not in measured]
        without = (
            f"; {missing[0]} is one without a row. Where nothing is recorded either, such a task's outcome "
            "is unknown, not failed"
            if missing
            else ""
        )
        yield f"Outcomes of {name} are from {file}: {len(measured)} of {len(cases)} tasks{without}."


def _self_contained(pair: Mapping[Runs, System], cases: Sequence[Case]) -> Iterator[str]:
    both = sum(case.local is not None and case.cloud is not None for case in cases)
    yield (
        f"{both} of {len(cases)} tasks have outcomes of both systems; of the others only the track is known."
    )
    if pair:
        yield (
            "Recorded outcomes are EvalPerf's: tasks chosen because solutions differ in speed, with more "
            "tests than the original's, 100 samples each."
        )
        names = " and ".join(system.name for system in pair.values())
        yield f"They say what {names} can do, not newer models."
    yield "Where tokens were not measured, an answer counts as long as the source's own solution."


def _everyday(pair: Mapping[Runs, System], cases: Sequence[Case]) -> Iterator[str]:
    labelled = sum(bool(case.label) for case in cases)
    both = sum(case.local is not None and case.cloud is not None for case in cases)
    yield (
        f"{labelled} asks in our own words say whether the message alone suffices; whether a model could "
        "answer them, nobody has measured."
    )
    if pair:
        names = " and ".join(system.name for system in pair.values())
        yield (
            f"{both} tasks have outcomes: hybrid-arena's edits and scripts, each tried once, in one call, by "
            f"{names}. The local model passed none; in its later sweeps, of which only totals are published, "
            "a 35B model with a cascade passed 24 of 24 (arena-cells.csv)."
        )
    yield (
        "Efforts are likenesses: an ask that is self-contained counts as one call with the tokens of "
        "hybrid-arena's single functions, one that needs the repository as a run on SWE-bench Verified, "
        "which is too much for a small edit."
    )


def _repository(pair: Mapping[Runs, System]) -> Iterator[str]:
    if pair:
        yield "Recorded is one run per system and task: a repeated run solves other tasks."
    scaffolds = [match[1] for system in pair.values() if (match := _SCAFFOLD.match(system.name))]
    if len(set(scaffolds)) > 1:
        yield f"They ran in different scaffolds ({', '.join(scaffolds)}): part of it is theirs."
    if pair:
        yield (
            "The recorded outcomes are of whole runs in the scaffold the names tell, not in the client that "
            "asks here."
        )
    yield (
        "Where calls and tokens were not measured, they are the same for every task: 59 recorded runs of "
        "mini-SWE-agent, scaled to the mean calls published for Claude Sonnet 4.5 (51) and for a local 24B "
        "model (87)."
    )
