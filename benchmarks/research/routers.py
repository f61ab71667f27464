"""Which track each router chooses on the same tasks: Turnout, LiteLLM, UncommonRoute, a length, a coin.

- Turnout's whole path decides: reading, classifying, the policy. Each request is decided by itself, as the
  first of its turn; the tracks are up and idle, and the local window is unknown, so that no answer
  comes from a prompt's length alone.
- Routers with tiers are mapped to the two tracks by one rule, and by the mapping that would have been best.
- A share says how often the track is the right one for the class of the work. It does not say how
  good the answer would have been: for that, see the suites.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.evaluation.tune.rewrite import Change, rewrite
from benchmarks.installed import interpreter, version
from benchmarks.machine import Machine, machine
from benchmarks.planner import POLICY, make_planner
from benchmarks.research.complexity import HEURISTIC, HEURISTIC_V2
from benchmarks.research.router_scores import (
    Choice,
    RouterScores,
    best_mapping,
    map_tiers,
    score_router,
    stated_mapping,
)
from benchmarks.research.tasks import ASKS, Task, tasks
from benchmarks.research.tier_routers import TierRouter, judge
from benchmarks.research.uncommon_route import UNCOMMON_ROUTE
from classifiers.choose import CLASSIFIERS, ClassifierName
from policies.load import find, parse
from router.features.ask_reader import AskReader
from router.features.extractor import FeatureExtractor
from router.system.subprocesses import ROOT
from router.training.envelopes import model_request

LONG_TOKENS = 60_000
"""Above this, claude-code-router took its model for long contexts."""
STRICT = 0.75
"""How likely the local model must be to suffice where a team would rather send too much to the cloud."""
TIER_ROUTERS: tuple[TierRouter, ...] = (HEURISTIC, HEURISTIC_V2, UNCOMMON_ROUTE)
_THRESHOLD = "min_p_local"
_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPeer:
    """A router with tiers beside Turnout."""

    name: str
    version: str | None
    """`None` where it is not installed, so not compared."""
    lacks: str = ""
    """The part of it that could not run here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a comparison of routers measured."""

    measured: str
    """Date, UTC."""
    machine: Machine
    policy: str
    peers: tuple[TierPeer, ...]
    data: bool
    """Whether the suites of the folder were there."""
    every: int
    """Each so many-th task was taken."""
    asks_only: bool
    """Whether the suites that are not asks in their own words were left out."""
    standings: tuple[RouterScores, ...]
    """The first is Turnout's, with its rules."""


def run(
    *,
    data: Path | None = None,
    peers: Path = ROOT / ".venv-bench",
    every: int = 1,
    asks_only: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Result:
    """Compare.

    Args:
        data: The folder of suites.
        peers: The environment of the other routers.
        every: Takes each so many-th task only.
        asks_only: Leaves out the suites that are not asks in their own words; they take most of the time.
        progress: Is told each step.

    Raises:
        BenchmarkError: a peer failed, or `data` lacks a suite.
    """
    task_list = [task for task in tasks(data) if not asks_only or task.suite in ASKS][::every]
    standings: list[RouterScores] = []
    progress(f"Turnout judges {len(task_list)} requests")
    standings += _turnout(task_list)
    compared: list[TierPeer] = []
    for router in TIER_ROUTERS:
        python = interpreter(router.peer, peers)
        installed = version(router.peer, python)
        lacks = ""
        if installed:
            progress(f"{router.name} {installed} judges them")
            lacks, rows = _tiers(router, task_list, python)
            standings += rows
        compared.append(TierPeer(name=router.name, version=installed, lacks=lacks))
    standings += _baselines(task_list)
    return Result(
        measured=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        policy=POLICY,
        peers=tuple(compared),
        data=data is not None,
        every=every,
        asks_only=asks_only,
        standings=tuple(standings),
    )


def _turnout(task_list: Sequence[Task]) -> Iterator[RouterScores]:
    """Both classifiers at the policy's own threshold, and the learned one at a stricter one."""
    path, label = find(POLICY)
    text = path.read_text(encoding="utf-8")
    own = parse(text, source=label).params[_THRESHOLD]
    change = Change(name=_THRESHOLD, old=own, new=STRICT, why="For a comparison.")
    yield _decide("rules", None, task_list, POLICY, own)
    asks = AskReader()
    learned = _decide("learned", asks, task_list, POLICY, own)
    yield learned
    with TemporaryDirectory() as folder:
        strict = Path(folder) / f"{POLICY}.yaml"
        strict.write_text(rewrite(text, (change,), source=label), encoding="utf-8")
        scores = _decide("learned", asks, task_list, str(strict), STRICT)
    # Each ask was read once, so its cost is the row above's; so are the scores.
    yield replace(scores, cpu_ms=learned.cpu_ms, curves=())


def _decide(
    classifier: ClassifierName,
    asks: AskReader | None,
    task_list: Sequence[Task],
    policy: str,
    threshold: float,
) -> RouterScores:
    """The choices of the path as it serves, with what each cost."""
    extractor = FeatureExtractor(asks=asks)
    extractor.warm()
    path = make_planner(extractor, policy=policy, classifier=CLASSIFIERS[classifier]())
    choices = []
    for task in task_list:
        request = model_request(task.body())
        began = time.process_time()
        plan = path.plan(request)
        cpu_ms = (time.process_time() - began) * 1000
        choices.append(Choice(track=plan.decision.track, score=1 - plan.verdict.p_local, cpu_ms=cpu_ms))
    return score_router(f"Turnout, {classifier}, p_local >= {threshold:g}", task_list, choices)


def _tiers(router: TierRouter, task_list: Sequence[Task], python: Path) -> tuple[str, list[RouterScores]]:
    """What the router lacks here, and its scores by the stated mapping and by the best one."""
    judgement = judge(router, task_list, python)
    name = f"{router.name}, without {judgement.lacks}" if judgement.lacks else router.name
    best = best_mapping(router.tiers, task_list, judgement.scores)
    tiers = ", ".join(tier for tier in router.tiers if tier in best) or "none"
    stated = map_tiers(judgement.scores, stated_mapping(router.tiers))
    hindsight = map_tiers(judgement.scores, best)
    return judgement.lacks, [
        score_router(name, task_list, stated),
        replace(score_router(f"{name}; best in hindsight: {tiers} local", task_list, hindsight), curves=()),
    ]


def _baselines(task_list: Sequence[Task]) -> Iterator[RouterScores]:
    """A threshold on the prompt's length, and a coin."""
    extractor = FeatureExtractor(count_bytes=1 << 30)
    tokens = [extractor.read(model_request(task.body())).context_tokens for task in task_list]
    by_length = [Choice(track="cloud" if count > LONG_TOKENS else "local", score=count) for count in tokens]
    yield score_router(f"longer than {LONG_TOKENS // 1000}k tokens", task_list, by_length)
    coin = random.Random(_SEED)  # noqa: S311 (a coin to compare with)
    tossed = [coin.random() for _ in task_list]
    by_coin = [Choice(track="cloud" if toss >= 1 / 2 else "local", score=toss) for toss in tossed]
    yield score_router("a coin", task_list, by_coin)
