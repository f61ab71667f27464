"""Which track each router chooses on the same tasks: Turnout, LiteLLM's complexity router, a length limit.

- Turnout's whole path decides: reading, classifying, the policy. Each request is decided by itself, as the
  first of its turn; the tracks are up and idle, and the local window is unknown, so that no answer
  comes from a prompt's length alone.
- A share says how often the track is the right one for the class of the work. It does not say how
  good the answer would have been: for that, see the suites.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from benchmarks.evaluation.stats import auc, wilson
from benchmarks.installed import interpreter, version
from benchmarks.machine import Machine, machine
from benchmarks.planner import POLICY, make_planner
from benchmarks.research.complexity import TIERS, TierScore, judge
from benchmarks.research.tasks import Task, tasks
from policies.decision import TrackName
from router.features.ask_reader import AskReader
from router.features.extractor import FeatureExtractor
from router.system.subprocesses import ROOT
from router.training.envelopes import model_request
from router.types import Plan

LONG_TOKENS = 60_000
"""Above this, claude-code-router took its model for long contexts."""
STRONG_FROM = MappingProxyType(
    {"LiteLLM, strong from COMPLEX": "COMPLEX", "LiteLLM, strong from MEDIUM": "MEDIUM"}
)
"""The lowest tier that has the strong model; from COMPLEX as in the router's own example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What one router makes of one task."""

    track: TrackName
    score: float
    """Higher speaks for the cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often the right track was chosen in a suite."""

    suite: str
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
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a comparison of routers measured."""

    measured: str
    """Date, UTC."""
    machine: Machine
    policy: str
    litellm: str | None
    """Its version; `None` where it is not installed, so not compared."""
    data: bool
    """Whether the suites beside HumanEval were there."""
    standings: tuple[RouterScores, ...]


def run(
    *,
    data: Path | None = None,
    peers: Path = ROOT / ".venv-bench",
    progress: Callable[[str], None] = lambda _: None,
) -> Result:
    """Compare; `progress` is called with each step.

    Raises:
        BenchmarkError: LiteLLM failed, or `data` lacks a suite.
    """
    task_list = list(tasks(data))
    progress(f"Turnout judges {len(task_list)} requests")
    choices = dict(_turnout_choices(task_list))
    python = interpreter("litellm", peers)
    litellm = version("litellm", python)
    if litellm:
        progress(f"LiteLLM {litellm} judges them")
        choices |= _litellm(judge(task_list, python))
    return Result(
        measured=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        policy=POLICY,
        litellm=litellm,
        data=data is not None,
        standings=tuple(_standing(router, task_list, chosen) for router, chosen in choices.items()),
    )


def _turnout_choices(task_list: Sequence[Task]) -> Mapping[str, list[Choice]]:
    """Turnout's choices, and those of a length threshold on the tokens that it counted."""
    path = make_planner(FeatureExtractor(count_bytes=1 << 30, asks=AskReader()))
    plans = [path.plan(model_request(task.body())) for task in task_list]
    return {
        f"Turnout, {POLICY}": [
            Choice(track=plan.decision.track, score=1 - plan.verdict.p_local) for plan in plans
        ],
        f"longer than {LONG_TOKENS // 1000}k tokens": [_by_length(plan) for plan in plans],
    }


def _by_length(plan: Plan) -> Choice:
    tokens = plan.features.context_tokens
    return Choice(track="cloud" if tokens > LONG_TOKENS else "local", score=tokens)


def _litellm(judged: Sequence[TierScore]) -> Mapping[str, list[Choice]]:
    return {
        router: [
            Choice(
                track="cloud" if TIERS.index(tier_score.tier) >= TIERS.index(lowest) else "local",
                score=tier_score.score,
            )
            for tier_score in judged
        ]
        for router, lowest in STRONG_FROM.items()
    }


def _standing(router: str, task_list: Sequence[Task], chosen: Sequence[Choice]) -> RouterScores:
    pairs = list(zip(task_list, chosen, strict=True))
    suites = dict.fromkeys(task.suite for task in task_list)
    curves = (
        Curve(question=question, auc=auc(low, high), of=(len(low), len(high)))
        for question, (below, above) in QUESTIONS.items()
        if (low := [choice.score for task, choice in pairs if below(task)])
        and (high := [choice.score for task, choice in pairs if above(task)])
    )
    return RouterScores(
        router=router,
        shares=tuple(_share(suite, [pair for pair in pairs if pair[0].suite == suite]) for suite in suites),
        curves=tuple(curves),
    )


Kind = Callable[[Task], bool]
QUESTIONS: Mapping[str, tuple[Kind, Kind]] = MappingProxyType(
    {
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


def _share(suite: str, pairs: Sequence[tuple[Task, Choice]]) -> Share:
    right = sum(task.right == choice.track for task, choice in pairs)
    low, high = wilson(right / len(pairs), len(pairs))
    return Share(suite=suite, right=right, of=len(pairs), low=low, high=high)
