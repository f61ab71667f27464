"""What the numbers of a suite do not show, in sentences that are printed wherever the numbers are."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.evaluation.cases import Case, SuiteName, System
from benchmarks.evaluation.suites.systems import Runs

_SCAFFOLD = re.compile(r"\d{8}_([a-z]+)")
"""In the leaderboard's name of a submission."""


def notes(name: SuiteName, pair: Mapping[Runs, System], cases: Sequence[Case]) -> tuple[str, ...]:
    """Of the recorded outcomes and efforts of a suite."""
    own = _repository(pair) if name == "swebench" else _self_contained(pair, cases)
    return (*own, "The rules were written with tasks like these in view; other work is not in the numbers.")


def own_notes(file: Path | None, names: Collection[str]) -> tuple[str, ...]:
    """Of a user's own outcomes."""
    return (f"Outcomes of {', '.join(sorted(names))} are from {file}.",) if file else ()


def _self_contained(pair: Mapping[Runs, System], cases: Sequence[Case]) -> Iterator[str]:
    both = sum(case.local is not None and case.cloud is not None for case in cases)
    yield (
        f"{both} of {len(cases)} tasks have outcomes of both systems; of the others only the track is known."
    )
    yield (
        "Recorded outcomes are EvalPerf's: tasks chosen because solutions differ in speed, with more tests "
        "than the original's, 100 samples each."
    )
    yield f"They say what {pair['local'].name} and {pair['cloud'].name} can do, not newer models."
    yield "Where tokens were not measured, an answer counts as long as the source's own solution."


def _repository(pair: Mapping[Runs, System]) -> Iterator[str]:
    yield "One run per system and task: a repeated run solves other tasks."
    scaffolds = [match[1] for system in pair.values() if (match := _SCAFFOLD.match(system.name))]
    if len(set(scaffolds)) > 1:
        yield f"They ran in different scaffolds ({', '.join(scaffolds)}): part of it is theirs."
    yield "The outcomes are of whole runs in the scaffold the names tell, not in the client that asks here."
    yield (
        "Where calls and tokens were not measured, they are the same for every task: 59 recorded runs of "
        "mini-SWE-agent, scaled to the mean calls published for Claude Sonnet 4.5 (51) and for a local 24B "
        "model (87)."
    )
