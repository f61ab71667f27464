"""What a change of policy would move, cost and be worth: on a ledger's own requests, or on a suite.

dollars   a request on the cloud costs what it was billed there; one that the local model served
          would have cost its tokens at the price of the model asked for, with a warm cache (the
          row's own baseline). On this machine it costs what the row says that took, else nothing.
quality   of turns that change track, by what is recorded of tasks like them: see `traffic.SUITE_FOR_WORK`.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

import numpy as np

from benchmarks.evaluation.baselines import outcomes
from benchmarks.evaluation.cases import LOCAL_CONTEXT, Suite, SuiteName
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.replay import ReplayedRequest, Row, replay
from benchmarks.evaluation.route import handover_limit, route
from benchmarks.evaluation.runs import local_runs
from benchmarks.evaluation.stats import CORNERS, RESAMPLES, Floats, Interval, interval, resample
from benchmarks.evaluation.traffic import SUITE_FOR_WORK
from benchmarks.evaluation.whole_task import Measure, Start, WholeTasks
from policies.decision import TrackName
from policies.policy import Policy
from router.ledger.turns import MAIN

EVERY = 5000
"""Requests between two reports of progress."""

Move = tuple[TrackName, TrackName, str, str]
"""Track before and after, rule before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Requests that move in the same way, for the same two rules."""

    before: TrackName
    after: TrackName
    rule_before: str
    rule_after: str
    requests: int
    turns: int
    """How many of them open a user turn; of a suite, tasks."""
    usd: float
    """What they cost more, or less, of those whose price is known."""
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How many more, or fewer, turns are expected to succeed, as a share of those rated."""

    change: Interval
    rated: int
    """Turns of a class that a suite stands for; of a suite, tasks with outcomes on both tracks."""
    unrated: int
    """Turns of other classes, such as `unknown`; of a suite, tasks without both outcomes."""
    to_cloud: Mapping[SuiteName, int]
    """Turns that go to the cloud, by the suite that stands for them."""
    to_local: Mapping[SuiteName, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a change of policy would do."""

    before: str
    after: str
    source: str
    """What was replayed."""
    unit: Literal["requests", "tasks"]
    requests: int
    turns: int
    changed: int
    local_before: int
    local_after: int
    usd_before: float
    usd_after: float
    """Of requests whose price is known on both sides."""
    unpriced: int
    groups: tuple[Group, ...]
    """The one that moves most first."""
    quality: Quality
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedRequest:
    """One request that changes track, without a word of it."""

    id: str
    begun_at: float | None
    team: str
    client: str
    kind: str
    before: TrackName
    after: TrackName
    rule_before: str
    rule_after: str
    usd: float | None


@dataclass(slots=True)
class _GroupTotals:
    requests: int = 0
    turns: int = 0
    usd: float = 0.0
    unpriced: int = 0


@dataclass(slots=True)
class _Totals:
    """What is kept while requests go by."""

    requests: int = 0
    turns: int = 0
    local_before: int = 0
    local_after: int = 0
    usd_before: float = 0.0
    usd_after: float = 0.0
    unpriced: int = 0
    unrated: int = 0
    groups: dict[Move, _GroupTotals] = field(default_factory=dict)
    rated: dict[SuiteName, int] = field(default_factory=dict)
    to_cloud: dict[SuiteName, int] = field(default_factory=dict)
    to_local: dict[SuiteName, int] = field(default_factory=dict)

    def take(
        self, replayed: ReplayedRequest, cost_before: float | None, cost_after: float | None
    ) -> MovedRequest | None:
        """Count a request and its dollars under both policies; what changed, where it does."""
        row, before, after = replayed.row, replayed.before.track, replayed.after.track
        opens = row["kind"] in MAIN and not row["turn_calls"]
        self.requests += 1
        self.turns += opens
        self.local_before += before == "local"
        self.local_after += after == "local"
        change = None
        if cost_before is None or cost_after is None:
            self.unpriced += 1
        else:
            self.usd_before += cost_before
            self.usd_after += cost_after
            change = cost_after - cost_before
        if opens:
            self._rate(row, before, after)
        if before == after:
            return None
        group = self.groups.setdefault(
            (before, after, replayed.before.rule, replayed.after.rule), _GroupTotals()
        )
        group.requests += 1
        group.turns += opens
        group.usd += change or 0.0
        group.unpriced += change is None
        return MovedRequest(
            id=row["id"], begun_at=row["begun_at"], team=row["team"], client=row["client"] or "",
            kind=row["kind"] or "", before=before, after=after, rule_before=replayed.before.rule,
            rule_after=replayed.after.rule, usd=change,
        )  # fmt: skip

    def _rate(self, row: Row, before: TrackName, after: TrackName) -> None:
        suite = SUITE_FOR_WORK.get(row["work"] or "")
        if suite is None:
            self.unrated += 1
            return
        self.rated[suite] = self.rated.get(suite, 0) + 1
        if before != after:
            towards = self.to_cloud if after == "cloud" else self.to_local
            towards[suite] = towards.get(suite, 0) + 1


def on_this_machine(row: Row) -> float:
    """What a request costs on the local track, in US dollars: as recorded, else nothing."""
    return (row["local_usd"] or 0.0) if row["served_track"] == "local" else 0.0


def on_the_cloud(row: Row) -> float | None:
    """What a request costs on the cloud, without failed attempts; None where that is not known."""
    if row["served_track"] == "local":
        usd: float | None = row["baseline_usd"]
        return usd
    if row["cost_usd"] is None or row["served_track"] is None:
        return None
    return float(row["cost_usd"] - (row["wasted_usd"] or 0.0))


def of_rows(
    before: Policy,
    after: Policy,
    rows: Iterable[Row],
    suites: Mapping[SuiteName, Suite],
    *,
    source: str,
    local_context: int = LOCAL_CONTEXT,
    seed: int = 0,
    on_move: Callable[[MovedRequest], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Difference:
    """Replay requests under both policies, in memory that does not grow with them.

    Args:
        before: The policy that serves.
        after: The one that may.
        rows: See `benchmarks.evaluation.replay`; oldest first.
        suites: What is recorded, by name; those that `SUITE_FOR_WORK` names.
        source: What the rows are, for people.
        local_context: The local window in tokens; 0 for unknown.
        seed: What resamples are drawn from.
        on_move: Given each request that changes track.
        progress: Told now and then how many rows went by.
    """
    started = time.perf_counter()
    count = _Totals()
    replayed = replay(before, after, rows, local_context=local_context)
    while batch := list(islice(replayed, EVERY)):
        for request in batch:
            usd = {"local": on_this_machine(request.row), "cloud": on_the_cloud(request.row)}
            moved = count.take(request, usd[request.before.track], usd[request.after.track])
            if moved:
                on_move(moved)
        progress(count.requests)
    quality = Quality(
        change=interval(_expected_gain(count, suites, seed)),
        rated=sum(count.rated.values()),
        unrated=count.unrated,
        to_cloud=dict(count.to_cloud),
        to_local=dict(count.to_local),
    )
    notes = _notes_of_rows(before, after, suites, local_context)
    return _difference(
        count, before=before, after=after, source=source, quality=quality, notes=notes, started=started
    )


def of_suite(
    before: Policy,
    after: Policy,
    suite: Suite,
    rates: Rates,
    *,
    local_context: int = LOCAL_CONTEXT,
    seed: int = 0,
    on_move: Callable[[MovedRequest], None] = lambda _: None,
) -> Difference:
    """Route a suite's tasks under both policies; a task's dollars are those of its whole run."""
    started = time.perf_counter()
    tasks = WholeTasks(suite=suite, rates=rates, runs=local_runs(), seed=seed)
    count = _Totals()
    decided = [
        [route(policy, case, local_context=local_context) for case in suite.cases]
        for policy in (before, after)
    ]
    starts = [
        Start(
            local=np.array([decision.track == "local" for decision in decisions], dtype=np.bool_),
            limit=handover_limit(policy),
        )
        for policy, decisions in zip((before, after), decided, strict=True)
    ]
    usd = [
        np.where(start.local, tasks.expected("usd", start.limit), tasks.usd_cloud).tolist()
        for start in starts
    ]
    for case, first, second, *costs in zip(suite.cases, *decided, *usd, strict=True):
        row = {
            "id": case.id, "begun_at": None, "team": "", "client": suite.client, "kind": "ask",
            "turn_calls": 0, "work": case.judged.kind,
        }  # fmt: skip
        moved = count.take(ReplayedRequest(row=row, before=first, after=second), *costs)
        if moved:
            on_move(moved)
    measures: tuple[Measure, ...] = ("quality",)
    quality = [figures["quality"] for figures in tasks.figures(starts, measures)]
    rated = int(tasks.paired.sum())
    towards_cloud, towards_local = (
        sum(group.requests for way, group in count.groups.items() if way[1] == track)
        for track in ("cloud", "local")
    )
    expected = Quality(
        change=interval(quality[1] - quality[0]),
        rated=rated,
        unrated=len(suite.cases) - rated,
        to_cloud={suite.name: towards_cloud},
        to_local={suite.name: towards_local},
    )
    source = f"{suite.title}, {len(suite.cases)} tasks as {suite.client} sends them"
    return _difference(
        count,
        before=before,
        after=after,
        source=source,
        quality=expected,
        notes=(*_handed_notes(before, after), *suite.notes),
        started=started,
        suite=suite,
    )


def _difference(
    count: _Totals,
    *,
    before: Policy,
    after: Policy,
    source: str,
    quality: Quality,
    notes: tuple[str, ...],
    started: float,
    suite: Suite | None = None,
) -> Difference:
    groups = tuple(
        Group(
            before=way[0], after=way[1], rule_before=way[2], rule_after=way[3], requests=group.requests,
            turns=group.turns, usd=group.usd, unpriced=group.unpriced,
        )
        for way, group in sorted(count.groups.items(), key=lambda item: (-item[1].requests, item[0]))
    )  # fmt: skip
    return Difference(
        before=before.name,
        after=after.name,
        source=source,
        unit="requests" if suite is None else "tasks",
        requests=count.requests,
        turns=count.turns,
        changed=sum(group.requests for group in groups),
        local_before=count.local_before,
        local_after=count.local_after,
        usd_before=count.usd_before,
        usd_after=count.usd_after,
        unpriced=count.unpriced,
        groups=groups,
        quality=quality,
        notes=notes,
        seconds=time.perf_counter() - started,
    )


def _expected_gain(count: _Totals, suites: Mapping[SuiteName, Suite], seed: int) -> Floats:
    """(1 + resamples,): how many more of the rated turns succeed, if each does as its suite's tasks do."""
    rated = sum(count.rated.values())
    if not rated:
        return np.array([math.nan])
    rng = np.random.default_rng(seed)
    change = np.zeros(1 + RESAMPLES)
    for name, suite in suites.items():
        drawn = resample(outcomes(suite), rng, corners=CORNERS)
        net = count.to_cloud.get(name, 0) - count.to_local.get(name, 0)
        change = change + net / rated * (drawn[:, 1] - drawn[:, 0])
    return change


def _handed_notes(before: Policy, after: Policy) -> Iterator[str]:
    """Say what hands a task over, for its dollars and its quality are those of the whole run."""
    for policy in (before,) if before.name == after.name else (before, after):
        limit = handover_limit(policy)
        if limit is not None:
            yield (
                f"{policy.name} hands an agent's task that starts locally over to the cloud after {limit:g} "
                "calls; both runs are paid."
            )


def _notes_of_rows(
    before: Policy, after: Policy, suites: Mapping[SuiteName, Suite], local_context: int
) -> tuple[str, ...]:
    like = "; ".join(
        f"{suite.title} for {', '.join(work for work, stands in SUITE_FOR_WORK.items() if stands == name)}"
        for name, suite in suites.items()
    )
    tasks = ", ".join(
        f"{len(outcomes(suite))} of {len(suite.cases)} of {suite.title}" for suite in suites.values()
    )
    read = {"ask", "marks", "paths"} & (before.variables | after.variables)
    watched = before.never_cloud.watches_content or after.never_cloud.watches_content
    return (
        (
            f"Quality is expected, not measured: a turn is taken to do as the tasks of a suite do ({like}). "
            f"Outcomes on both tracks are recorded of {tasks}; the interval is of those samples, "
            "and says nothing of how unlike your work is."
        ),
        (
            f"Both tracks are taken as up and idle, the local window as {local_context:,} tokens, "
            "the budget as untouched."
        ),
        (
            "Each conversation goes on as it did; what another answer would have changed in it is not known, "
            "and escalations and failovers are not replayed."
        ),
        (
            "A request that moves to the cloud is priced at its tokens with a warm cache; one that moves to "
            "this machine costs nothing here, as its energy is not known."
        ),
        *(f"Conditions on {name} see nothing: the ledger keeps no text." for name in sorted(read)),
        *(
            ("`never_cloud` by path or text holds where it held then: the ledger keeps no text.",)
            if watched
            else ()
        ),
    )
