"""What a decision costs on a long conversation, and how much memory the reader keeps.

- CPU of the one thread that decides (`time.thread_time`), so that a busy machine changes little.
- Warm: the reader knows the conversation, and one message, or one exchange of two, is new; that is what an
  agent sends. Cold: it knows nothing. Tokens are counted between decisions, as the service does.
- Memory: as many different conversations as it takes to fill the reader several times over.
- By classifier: what a new ask costs the one who asks and others, and a start of the endpoint.
"""

import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from benchmarks.machine import Machine, machine
from benchmarks.planner import make_planner
from benchmarks.speed.asks import AskCost, Stall, costs, stalls
from benchmarks.speed.bodies import Dialect, Mode, body
from benchmarks.speed.conversations import Cost, stamped_requests
from benchmarks.speed.scanning import scan_costs
from benchmarks.speed.startup import Startup
from benchmarks.speed.startup import measure as measure_startups
from router.features.extractor import FeatureExtractor

BAR_WARM_MS = 1.0
BAR_COLD_MS = 60.0
DIALECTS: tuple[Dialect, ...] = ("anthropic_messages", "openai_chat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure. The defaults take about two minutes."""

    warm: int = 300
    """Decisions on a conversation that is known."""
    cold: int = 20
    conversations: int = 400
    """Different conversations of 240 kB in the soak."""
    asks: int = 100
    """Decisions on asks, and asks beside which others wait, of each size and classifier."""
    starts: int = 5
    """Of the endpoint with each classifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the reader holds after many conversations. Megabytes are 10^6 bytes."""

    conversations: int
    messages: int
    """All that were read."""
    entries: int
    most_entries: int
    held_mb: float
    """By the reader's own account."""
    most_mb: float
    grown_mb: float | None
    """By how much the process grew; None off Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run of the reading benchmark measured."""

    measured: str
    """Date, UTC."""
    machine: Machine
    load: float | None
    """The load average at the start: what else ran. None on Windows."""
    costs: tuple[Cost, ...]
    asks: tuple[AskCost, ...]
    stalls: tuple[Stall, ...]
    startups: tuple[Startup, ...]
    memory: Memory


def run(options: Options, progress: Callable[[str], None] = lambda _: None) -> Result:
    """Measure; `progress` is called with each step.

    Raises:
        BenchmarkError: an endpoint did not start.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    progress("memory after many conversations")
    memory = _measure_memory(options.conversations)  # first, while the process is small
    measured: list[Cost] = []
    for dialect in DIALECTS:
        for case in CASES:
            progress(f"{dialect}: {case.what}")
            measured.append(_cost(case, dialect, options.cold if case.cold else options.warm))
        progress(f"{dialect}: the scan of never_cloud")
        measured += scan_costs(dialect, warm=options.warm, cold=options.cold)
    progress("asks, by classifier")
    asks = tuple(costs(options.asks))
    waits = tuple(stalls(options.asks, progress))
    progress("starts of the endpoint")
    return Result(
        measured=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        load=load,
        costs=tuple(measured),
        memory=memory,
        asks=asks,
        stalls=waits,
        startups=measure_startups(options.starts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A way in which one request differs from the one before."""

    what: str
    mode: Mode = "growing"
    keep: int = 0
    """Stamps that differ, from the end; 0 for all of them."""
    cold: bool = False
    bar_ms: float | None = None


CASES = (
    Case(what="warm, one new message", keep=1, bar_ms=BAR_WARM_MS),
    Case(what="warm, one new exchange"),
    Case(what="cold", mode="cold", cold=True, bar_ms=BAR_COLD_MS),
)


def _cost(case: Case, dialect: Dialect, decisions: int) -> Cost:
    requests = stamped_requests(body("long", dialect, case.mode).template, dialect, case.keep)
    reader = FeatureExtractor()
    reader.warm()
    path = make_planner(reader)
    for item in islice(requests, 1 if case.cold else 5):
        path.plan(item)
        reader.settle()
    spent: list[float] = []
    for item in islice(requests, decisions):
        if case.cold:
            reader = FeatureExtractor()
            path = make_planner(reader)
        began = time.thread_time()
        plan = path.plan(item)
        spent.append((time.thread_time() - began) * 1000)
        if not case.cold:
            reader.settle()
    return Cost(
        what=case.what,
        dialect=dialect,
        bytes=len(plan.request.body),
        tokens=plan.features.context_tokens,
        decisions=decisions,
        median_ms=statistics.median(spent),
        p95_ms=statistics.quantiles(spent, n=20)[-1],
        bar_ms=case.bar_ms,
    )


def _measure_memory(conversations: int) -> Memory:
    template = body("agent", "anthropic_messages", "cold").template
    messages = len(json.loads(template)["messages"])
    reader = FeatureExtractor()
    reader.warm()
    path = make_planner(reader)
    requests = stamped_requests(template, "anthropic_messages", 0)
    path.plan(next(requests))
    before = _resident_mb()
    for item in islice(requests, conversations):
        path.plan(item)
    gc.collect()
    after = _resident_mb()
    stats = reader.stats()
    return Memory(
        conversations=conversations,
        messages=messages * conversations,
        entries=stats["entries"],
        most_entries=stats["most_entries"],
        held_mb=stats["bytes"] / 1e6,
        most_mb=stats["most_bytes"] / 1e6,
        grown_mb=None if before is None or after is None else after - before,
    )


def _resident_mb() -> float | None:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return None
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def missed(result: Result) -> list[str]:
    """Which bars fell, a sentence each."""
    slow = [
        f"{cost.dialect}, {cost.what}: {cost.median_ms:.2f} ms of CPU, the bar is {cost.bar_ms:g}"
        for cost in result.costs
        if cost.bar_ms is not None and cost.median_ms > cost.bar_ms
    ]
    memory = result.memory
    full = memory.entries > memory.most_entries or memory.held_mb > memory.most_mb
    return [*slow, "the reader holds more than its bounds"] if full else slow
