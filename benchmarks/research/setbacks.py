"""Moving a local turn up on evidence: how well each setback tells of a run that fails, and what a move gives.

Each recorded run is read call by call with the reader that serves, and decided by the `decide` that serves,
as a turn that began on the local model: where it moves, a run is handed over. What that makes of whole
tasks, in quality and dollars, is `whole_task`'s, as everywhere.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cases import LOCAL_CONTEXT, PRICE_MODEL, Suite
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.route import starts_local
from benchmarks.evaluation.runs import Handover, Limit, local_runs
from benchmarks.evaluation.selection import Selection, load_suites
from benchmarks.evaluation.stats import RESAMPLES, Floats, Interval, interval, ratio, wilson
from benchmarks.evaluation.suites.facts import read
from benchmarks.evaluation.whole_task import Flags, Measure, Start, WholeTasks
from benchmarks.research.recorded_runs import recorded_runs
from classifiers.features import Features
from classifiers.rules import RuleClassifier
from classifiers.verdict import Verdict
from policies.decide import decide
from policies.decision import LastDecision, State
from policies.load import load as load_policy
from policies.load import parse
from policies.policy import Policy
from policies.privacy import Clearance
from policies.routing_input import RoutingInput
from router.billing.prices import Prices
from router.features.extractor import FeatureExtractor
from router.routing.move_price import MovePrices
from router.training.envelopes import model_request
from router.types import ModelRequest

CUTS = (10, 20, 40)
"""Calls after which a run is looked at; then to its end."""
CAUSES = (
    "same_call_failed: 2",
    "same_call_failed: 3",
    "same_test_failed: 2",
    "edit_rejected: 1",
    "edit_rejected: 2",
    "error_streak: 2",
    "error_streak: 3",
    "no_edit_after: 10",
    "no_edit_after: 20",
    "window_filled: 0.5",
    "window_filled: 0.9",
)
"""As they stand in `escalate`, each alone and at any price."""
ALL = "all setbacks"
PAID = f"{ALL}, where a move pays"
_ALL = (
    "same_call_failed: 2, same_test_failed: 2, edit_rejected: 2, error_streak: 3, no_edit_after: 20, "
    "window_filled: 0.9"
)
SHIPPED = ("balanced", "local-first")
PAIRS = (
    ("20250805_openhands-Qwen3-Coder-30B-A3B-Instruct", "20250524_openhands_claude_4_sonnet"),
    ("20250725_sweagent_devstral_small_2507", "20250522_sweagent_claude-4-sonnet-20250514"),
)
"""Names of a local and a cloud system in one scaffold."""
MEASURES: tuple[Measure, ...] = ("local_share", "quality", "usd", "handed_over")
_FREE = Clearance(allowed=True)
_BASE = "name: measured\notherwise: {to: local, why: local first}\nescalate: {on: [bad_tool_call], %s}\n"
_MARKED = model_request(b'{"messages": [{"role": "user", "content": [{"cache_control": {}}]}]}')
"""An agent marks what to cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A model call of a recorded run, as it was about to be made."""

    features: Features
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A recorded run."""

    name: str
    resolved: bool
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Where a run is handed over."""

    calls: float
    """Calls made before; infinite for never."""
    tokens: float
    """Of the prompt with which it is."""


NEVER = Moved(calls=inf, tokens=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """How well a setback within so many calls tells that a run is not resolved."""

    name: str
    cut: float
    """Calls; infinite for the whole run."""
    fired: int
    """Runs in which it happened."""
    failed: int
    """Of those, runs that were not resolved."""
    unresolved: int
    """Of all."""

    @property
    def precision(self) -> Interval:
        """Share of those in which it happened that fail, with Wilson's interval."""
        return _share(self.failed, self.fired)

    @property
    def recall(self) -> Interval:
        """Share of those that fail in which it happened."""
        return _share(self.failed, self.unresolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a way to route gives, per task in the mean."""

    name: str
    starts: Interval
    """Share of tasks that start on the local model."""
    stays: Interval
    """Share of tasks that it brings to their end."""
    quality: Interval
    kept: Interval
    """`quality` over that of always-cloud."""
    usd: Interval
    saved: Interval
    """Share of always-cloud's cost; negative where it costs more."""
    coin_kept: Interval | None = None
    """`kept` of a coin that moves as many runs, after as many calls, whatever becomes of them."""
    coin_usd: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All figures."""

    runs: int
    unresolved: int
    predictions: tuple[Prediction, ...]
    pairs: tuple[tuple[str, tuple[Row, ...]], ...]
    """By title of the pair of systems."""


def load(path: Path, progress: Callable[[str], object] = lambda _: None) -> list[Run]:
    """Read recorded runs; `progress` is called with each.

    Raises:
        BenchmarkError: see `recorded_runs`.
    """
    runs = []
    for number, row in enumerate(recorded_runs(path), start=1):
        progress(f"reading run {number}")
        runs.append(_run(row))
    return runs


def _run(record: Mapping[str, Any]) -> Run:
    messages = [
        {key: value for key, value in message.items() if key != "usage"} for message in record["messages"]
    ]
    encoded = [json.dumps(message) for message in messages]
    reader, classifier = FeatureExtractor(count_bytes=0), RuleClassifier()
    calls = []
    for at, message in enumerate(record["messages"]):
        if message["role"] != "assistant":
            continue
        body = f'{{"messages":[{",".join(encoded[:at])}]}}'.encode()
        features = reader.read(model_request(body))
        if tokens := (message.get("usage") or {}).get("prompt_tokens"):
            features = replace(features, context_tokens=tokens)
        calls.append(Call(features=features, verdict=classifier.classify(features)))
    return Run(name=record["instance_id"], resolved=bool(record["resolved"]), calls=tuple(calls))


def move_of(policy: Policy, run: Run, *, local_context: int, moves: MovePrices) -> Moved:
    """Find where a policy hands a run over that began as a local turn."""
    opened = run.calls[0]
    last = LastDecision(
        track="local",
        model="",
        rule="begun",
        why="",
        turn=opened.features.turns,
        ask_key=opened.features.ask_key,
        features=opened.features,
        verdict=opened.verdict,
    )
    for call in run.calls[1:]:
        move = moves.price(_MARKED, call.features, last, left_usd=inf, lost_s=0.0)
        decision = decide(
            RoutingInput(
                policy=policy,
                features=call.features,
                verdict=call.verdict,
                state=State(local_context=local_context, last=last, move=move),
                requested_model="auto",
                clearance=_FREE,
            )
        )
        if decision.track == "cloud":
            return Moved(calls=call.features.turn_calls, tokens=call.features.context_tokens)
    return NEVER


def cause_policy(escalate: str, *, max_usd: float | None = 1_000.0) -> Policy:
    """A policy that begins locally and moves for these setbacks alone; without `max_usd` where it pays."""
    price = f", max_usd: {max_usd}" if max_usd else ""
    return parse(_BASE % (escalate + price), source="measured")


def predict(runs: Sequence[Run], moved: Mapping[str, Sequence[Moved]]) -> Iterator[Prediction]:
    """Score each setback at every cut, as it came first in each run."""
    unresolved = sum(not run.resolved for run in runs)
    for name, where in moved.items():
        for cut in (*CUTS, inf):
            fired = [run for run, move in zip(runs, where, strict=True) if inf > move.calls <= cut]
            failed = sum(not run.resolved for run in fired)
            yield Prediction(name=name, cut=cut, fired=len(fired), failed=failed, unresolved=unresolved)


def policies_shown(more: Sequence[str]) -> dict[str, Policy]:
    """The shipped policies that are shown, and more of them by name or file.

    Raises:
        PolicyError: one is not there or not whole.
    """
    return {name: load_policy(name) for name in (*SHIPPED, *more)}


def evaluate(
    runs: Sequence[Run],
    pairs: Sequence[tuple[str, str]],
    *,
    named: Mapping[str, Policy],
    local_context: int = LOCAL_CONTEXT,
    price_model: str = PRICE_MODEL,
    seed: int = 0,
    resamples: int = RESAMPLES,
    progress: Callable[[str], object] = lambda _: None,
) -> Result:
    """Evaluate setbacks alone, and whole policies.

    Args:
        runs: Recorded, one for each row of `recorded/runs.csv`.
        pairs: Names of a local and a cloud system with outcomes of SWE-bench Verified.
        named: Policies to show, by name: `policies_shown`.
        local_context: The local window, in tokens.
        price_model: At whose price the cloud's tokens are counted.
        seed: Of what is drawn.
        resamples: How often.
        progress: Told what is at work.

    Raises:
        BenchmarkError: the runs are not those recorded, or a price is not known.
    """
    moves = MovePrices(prices=Prices(), model_for=lambda *_: price_model, usable=_always)
    policies = {text: cause_policy(text) for text in CAUSES}
    policies |= {ALL: cause_policy(_ALL), PAID: cause_policy(_ALL, max_usd=None)}
    moved = {}
    for name, policy in (policies | dict(named)).items():
        progress(f"deciding {name}")
        moved[name] = [move_of(policy, run, local_context=local_context, moves=moves) for run in runs]
    rows = []
    for local, cloud in pairs:
        progress(f"{local} and {cloud}")
        suite = load_suites(("swebench",), Selection(local={"swebench": local}, cloud={"swebench": cloud}))[
            "swebench"
        ]
        tasks = WholeTasks(
            suite=suite,
            rates=Rates(model=price_model, prices=Prices()),
            runs=local_runs(),
            seed=seed,
            resamples=resamples,
        )
        starts = {
            name: starts_local(policy, suite, local_context=local_context) for name, policy in named.items()
        }
        limits: dict[str, Limit] = {name: handover(runs, where) for name, where in moved.items()}
        rows.append((_title(suite), tuple(_rows(tasks, starts, limits))))
    return Result(
        runs=len(runs),
        unresolved=sum(not run.resolved for run in runs),
        predictions=tuple(predict(runs, {name: moved[name] for name in policies})),
        pairs=tuple(rows),
    )


def handover(runs: Sequence[Run], moved: Sequence[Moved]) -> Handover:
    """Put the moves in the order of the recorded facts.

    Raises:
        BenchmarkError: the runs are not those recorded.
    """
    by_name = {run.name: move for run, move in zip(runs, moved, strict=True)}
    facts = _recorded()
    if by_name.keys() != {name for name, _ in facts}:
        raise BenchmarkError("--runs: these are not the runs of which recorded/runs.csv has the calls")
    passed = [by_name[name] for name, resolved in facts if resolved]
    failed = [by_name[name] for name, resolved in facts if not resolved]
    return Handover(
        passed=tuple(move.calls for move in passed),
        failed=tuple(move.calls for move in failed),
        passed_tokens=tuple(move.tokens for move in passed),
        failed_tokens=tuple(move.tokens for move in failed),
    )


@cache
def _recorded() -> tuple[tuple[str, bool], ...]:
    return tuple((row["task"], row["resolved"] == "1") for row in read("runs.csv").rows)


def _always(_request: ModelRequest) -> bool:
    return True


def _title(suite: Suite) -> str:
    return f"{suite.local.name} and {suite.cloud.name}"


def _rows(tasks: WholeTasks, starts: Mapping[str, Flags], limits: Mapping[str, Limit]) -> Iterator[Row]:
    every = np.ones(len(tasks.paired), dtype=np.bool_)
    begun = {
        "always local": Start(local=every),
        "always cloud": Start(local=~every),
        **{name: Start(local=starts.get(name, every), limit=limit) for name, limit in limits.items()},
    }
    drawn = dict(zip(begun, tasks.figures(list(begun.values()), MEASURES), strict=True))
    cloud = drawn["always cloud"]
    for name, figure in drawn.items():
        yield _row(name, figure, cloud, _coin(tasks, begun[name]) if name in limits else None)
    share, quality, usd = tasks.oracle()
    nothing = np.zeros(1)
    best: dict[Measure, Floats] = {
        "local_share": share,
        "quality": quality,
        "usd": usd,
        "handed_over": nothing,
    }
    yield _row("an oracle", best, cloud)


def _coin(tasks: WholeTasks, start: Start) -> dict[Measure, Floats]:
    """As many runs moved, after as many calls and with conversations as long, whatever becomes of them."""
    limit = start.limit
    if not isinstance(limit, Handover):
        raise TypeError(limit)
    runs, calls = tasks.runs, (*limit.passed, *limit.failed)
    tokens = (*limit.passed_tokens, *limit.failed_tokens)
    pooled = replace(runs, passed=(*runs.passed, *runs.failed), failed=(*runs.passed, *runs.failed))
    both = Handover(passed=calls, failed=calls, passed_tokens=tokens, failed_tokens=tokens)
    mixed = WholeTasks(
        suite=tasks.suite, rates=tasks.rates, runs=pooled, seed=tasks.seed, resamples=tasks.resamples
    )
    return mixed.figures([Start(local=start.local, limit=both)], MEASURES)[0]


def _row(
    name: str,
    figure: Mapping[Measure, Floats],
    cloud: Mapping[Measure, Floats],
    coin: Mapping[Measure, Floats] | None = None,
) -> Row:
    return Row(
        name=name,
        starts=interval(figure["local_share"]),
        stays=interval(figure["local_share"] - figure["handed_over"]),
        quality=interval(figure["quality"]),
        kept=interval(ratio(figure["quality"], cloud["quality"])),
        usd=interval(figure["usd"]),
        saved=interval(1 - ratio(figure["usd"], cloud["usd"])),
        coin_kept=interval(ratio(coin["quality"], cloud["quality"])) if coin else None,
        coin_usd=interval(coin["usd"]) if coin else None,
    )


def _share(part: int, total: int) -> Interval:
    low, high = wilson(part / total if total else 0.0, total)
    return Interval(point=part / total if total else float("nan"), low=low, high=high)
