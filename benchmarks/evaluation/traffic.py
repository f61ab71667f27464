"""What a team's work is made of, in suites: said by hand, or read from its ledger.

The ledger holds a word for the class of each turn's work. Each class is counted as the suite whose tasks
are most like it; that is a likeness, not a measurement, and is said wherever the mix is shown. A turn is
what a person asked once: its last row tells best what it turned out to be. Side requests of a
client (titles, completions, counts) are no tasks and are left out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import Any

from benchmarks.evaluation.cases import SUITES, SuiteName
from router.errors import Misconfigured

SUITE_FOR_WORK: Mapping[str, SuiteName] = MappingProxyType(
    {
        "self-contained": "humaneval",
        "question": "humaneval",
        "small-edit": "humaneval",
        "crosses-files": "swebench",
        "repository-wide": "swebench",
        "issue-report": "swebench",
        "long-run": "swebench",
    }
)
"""By the classifier's word for the class of work: the suite whose tasks are most like it.

A judgement, not a measurement: nobody has recorded how both tracks do on a team's own turns.
"""
UNKNOWN: SuiteName = "swebench"
"""What work of no class here counts as in a mix: the harder suite."""
MIX: Mapping[SuiteName, float] = MappingProxyType({"humaneval": 0.5, "swebench": 0.5})
"""Share of tasks, not of requests: half self-contained functions, half issues of a repository."""
FEWEST = 30
"""Turns below which a ledger says too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The mix of suites that stands for a team's work."""

    mix: Mapping[SuiteName, float]
    """Share of the tasks; adds up to 1."""
    words: str
    """Where it comes from, in a sentence."""


def parse(text: str, own: SuiteName = "") -> Traffic:
    """Read a mix such as `humaneval=1,swebench=1`; the numbers are proportions.

    Args:
        text: The mix; empty for all of `own`, or `MIX` where there is none.
        own: The name of a suite of the user's own.

    Raises:
        Misconfigured: it cannot be parsed.
    """
    if not text:
        whose = (
            f"all of it tasks of {own}" if own else "half functions, half issues, unless --mix says otherwise"
        )
        return Traffic(mix={own: 1.0} if own else MIX, words=whose)
    names: dict[str, SuiteName] = {name: name for name in (*SUITES, *filter(None, [own]))}
    shares: dict[SuiteName, float] = {}
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if name not in names or not isfinite(share) or share < 0 or names[name] in shares:
            raise Misconfigured(
                f"--mix: {part.strip()!r} is no suite with its share; say e.g. humaneval=1,swebench=1 "
                f"(suites: {', '.join(names)})"
            )
        shares[names[name]] = share
    total = sum(shares.values())
    if total <= 0:
        raise Misconfigured("--mix: all shares are 0; give at least one suite some")
    return Traffic(
        mix={name: share / total for name, share in shares.items() if share > 0}, words="as --mix says"
    )


def check_used(own: SuiteName, mix: Mapping[SuiteName, float], text: str) -> None:
    """Refuse a suite of the user's own of which nothing would be used.

    Args:
        own: Its name; empty where there is none.
        mix: The mix.
        text: How `--mix` was given.

    Raises:
        Misconfigured: it has no share.
    """
    if own and not mix.get(own):
        remedy = f"--mix humaneval=1,{own}=1" if text == "ledger" else f"--mix {text},{own}=1"
        if f"{own}=" in text:
            remedy = f"a share above 0, such as --mix {own}=1"
        raise Misconfigured(
            f"--suite: {own} has no share in --mix {text}, so none of its tasks would count; give it one, "
            f"e.g. {remedy}, or leave --suite out"
        )


def from_rows(rows: Iterable[Any]) -> Traffic:
    """Count the turns of a ledger's main loops, as `LedgerStore.main_rows` gives them.

    Raises:
        Misconfigured: there are too few turns to say anything.
    """
    last: tuple[object, ...] = ()
    work, counted = "", Counter[str]()
    for row in rows:
        turn = (row["team"], row["conversation"], row["turns"])
        if turn != last and last:
            counted[work] += 1
        last, work = turn, row["work"] or "unknown"
    if last:
        counted[work] += 1
    tasks = {kind: count for kind, count in counted.items() if kind != "side-request"}
    turns = sum(tasks.values())
    if turns < FEWEST:
        raise Misconfigured(
            f"--mix ledger: the ledger holds {turns} user turns, and fewer than {FEWEST} say too little; "
            "give the mix by hand, e.g. --mix humaneval=1,swebench=1"
        )
    suites: Counter[SuiteName] = Counter()
    for kind, count in tasks.items():
        suites[SUITE_FOR_WORK.get(kind, UNKNOWN)] += count
    summary = ", ".join(f"{kind} {count}" for kind, count in sorted(tasks.items(), key=lambda item: -item[1]))
    return Traffic(
        mix={name: count / turns for name, count in sorted(suites.items())},
        words=(
            f"from {turns} user turns of the ledger ({summary}); self-contained work, questions and small "
            "edits are counted as HumanEval, all other work, and what is not known, as SWE-bench Verified"
        ),
    )
