"""What a router's choices are worth: shares on the right track, what its score tells apart, what it costs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median
from types import MappingProxyType

from benchmarks.evaluation.stats import auc, wilson
from benchmarks.research.tasks import ASKS, Task
from benchmarks.research.tier_routers import CLOUD_FROM, Tier, TierScore
from policies.decision import TrackName


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What one router makes of one task."""

    track: TrackName
    score: float
    """Higher speaks for the cloud."""
    cpu_ms: float | None = None
    """CPU of the decision; None where nobody measured it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often the right track was chosen in a suite, where that is `track`."""

    suite: str
    track: TrackName
    right: int
    of: int
    low: float
    """The 95% interval's lower end (Wilson), a share."""
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How well a score ranks: the chance that a task of one kind is scored above one of the other."""

    question: str
    auc: float
    of: tuple[int, int]
    """How many of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterScores:
    """The scores of one router on all tasks."""

    router: str
    shares: tuple[Share, ...]
    mean: float
    """Of the shares on `ASKS`, each counted once."""
    curves: tuple[Curve, ...] = ()
    """Empty where another row has the same scores."""
    cpu_ms: float | None = None
    """The median of a decision on `ASKS`."""


def score_router(router: str, tasks: Sequence[Task], choices: Sequence[Choice]) -> RouterScores:
    """Hold a router's choices, one for each task and in order, against what is right."""
    pairs = list(zip(tasks, choices, strict=True))
    shares = tuple(_shares(pairs))
    spent = [choice.cpu_ms for task, choice in pairs if task.suite in ASKS and choice.cpu_ms is not None]
    return RouterScores(
        router=router,
        shares=shares,
        mean=_mean(shares),
        curves=tuple(_curves(pairs)),
        cpu_ms=median(spent) if spent else None,
    )


def map_tiers(scores: Sequence[TierScore], local: frozenset[Tier]) -> list[Choice]:
    """The choices of a router whose tiers `local` are the local model's, all others the cloud's."""
    return [
        Choice(
            track="local" if tier_score.tier in local else "cloud",
            score=tier_score.score,
            cpu_ms=tier_score.cpu_ms,
        )
        for tier_score in scores
    ]


def stated_mapping(tiers: Sequence[Tier]) -> frozenset[Tier]:
    """The tiers that are local by the one rule for all routers."""
    return frozenset(tiers[: tiers.index(CLOUD_FROM)])


def best_mapping(
    tiers: Sequence[Tier], tasks: Sequence[Task], scores: Sequence[TierScore]
) -> frozenset[Tier]:
    """The tiers that should be local for the greatest mean share, now that the right tracks are known.

    Any set of tiers may be, the middle one alone included; of equal ones the smallest.
    """
    mappings = [frozenset(chosen) for count in range(len(tiers) + 1) for chosen in combinations(tiers, count)]
    return max(
        mappings,
        key=lambda local: _mean(tuple(_shares(list(zip(tasks, map_tiers(scores, local), strict=True))))),
    )


def _mean(shares: Sequence[Share]) -> float:
    return fmean(share.right / share.of for share in shares if share.suite in ASKS)


Pairs = Sequence[tuple[Task, Choice]]


def _shares(pairs: Pairs) -> Iterator[Share]:
    """By suite and right track: first the asks, then the other suites, local before cloud."""
    kinds = {(task.suite, task.right): None for task, _ in pairs}
    order = {suite: at for at, suite in enumerate(dict.fromkeys([*ASKS, *(suite for suite, _ in kinds)]))}
    for suite, track in sorted(kinds, key=lambda kind: (order[kind[0]], kind[1] == "cloud")):
        flags = [
            choice.track == track for task, choice in pairs if (task.suite, task.right) == (suite, track)
        ]
        low, high = wilson(sum(flags) / len(flags), len(flags))
        yield Share(suite=suite, track=track, right=sum(flags), of=len(flags), low=low, high=high)


def _curves(pairs: Pairs) -> Iterator[Curve]:
    for question, (below, above) in QUESTIONS.items():
        low = [choice.score for task, choice in pairs if below(task)]
        high = [choice.score for task, choice in pairs if above(task)]
        if low and high:
            yield Curve(question=question, auc=auc(low, high), of=(len(low), len(high)))


Kind = Callable[[Task], bool]


def _labelled(suite: str) -> tuple[Kind, Kind]:
    return (
        lambda task: (task.suite, task.right) == (suite, "local"),
        lambda task: (task.suite, task.right) == (suite, "cloud"),
    )


QUESTIONS: Mapping[str, tuple[Kind, Kind]] = MappingProxyType(
    {
        "everyday: self-contained or not": _labelled("everyday"),
        "validation asks: self-contained or not": _labelled("validation asks"),
        "self-contained or an issue": (
            lambda task: task.suite in {"HumanEval", "MBPP"},
            lambda task: task.suite == "SWE-bench Verified",
        ),
        "the same, wrapped": (
            lambda task: task.suite == "HumanEval, wrapped",
            lambda task: task.suite == "SWE-bench Verified, wrapped",
        ),
        "self-contained or an agent's request": (
            lambda task: task.suite in {"HumanEval", "MBPP"},
            lambda task: task.suite == "agent requests",
        ),
        "issue that the local model resolves or not": (
            lambda task: task.suite == "SWE-bench Verified" and task.suffices is True,
            lambda task: task.suite == "SWE-bench Verified" and task.suffices is False,
        ),
    }
)
"""What a score may tell apart; the second kind should score higher."""
