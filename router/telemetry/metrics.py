"""What `/metrics` answers: numbers since the start of this process, for Prometheus. Three rules hold here.

1. A request pays for two look-ups and a few additions in plain dictionaries. The client
   library is imported, and its families are made, when somebody scrapes.
2. Every label has few values, none of them a client's: teams come from keys, rules from
   policies, models are no label at all.
3. There is no prompt, answer, path, user or key in it.

Dollars come from the ledger's bills, a moment after the request; all else when it ends.
Each process counts its own.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from router.billing.bill import Bill, BilledRequest
from router.types import USAGE_FIELDS, Outcome, Plan, Usage

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

LATENCY_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
OVERHEAD_S = (0.0001, 0.0002, 0.0004, 0.0008, 0.0016, 0.0032, 0.0064, 0.0128, 0.0256, 0.1, 1)
TRACKS = ("local", "cloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """The values of gauges at the moment of a scrape."""

    local_up: bool
    cloud_up: bool
    engine_running: int = 0
    engine_queue: int = 0
    engine_wait_s: float = 0.0
    engine_prefill_tps: float = 0.0
    engine_decode_tps: float = 0.0
    engine_restarts: int = 0
    engine_busy_s: float = 0.0
    ledger_lost: int = 0


@dataclass(slots=True)
class Histogram:
    """Counts by upper bound; the last count is of what is above all of them."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (upper bound, how many are at or below it), as Prometheus writes it."""
        counts, below, rows = list(self.counts), 0, []
        for bound, count in zip((*(str(float(bound)) for bound in self.bounds), "+Inf"), counts, strict=True):
            below += count
            rows.append((bound, float(below)))
        return rows


@dataclass(slots=True)
class Dollars:
    """Sums over one team's requests on one track. `saved` may be negative."""

    cost: float = 0.0
    local: float = 0.0
    wasted: float = 0.0
    baseline: float = 0.0
    saved: float = 0.0
    unpriced: int = 0

    def add(self, bill: Bill) -> None:
        """Add one bill; what is unknown is counted, and saves nothing."""
        self.cost += bill.cost_usd or 0.0
        self.local += bill.local_usd or 0.0
        self.wasted += bill.wasted_usd or 0.0
        self.baseline += bill.baseline_usd or 0.0
        if bill.cost_usd is None or bill.baseline_usd is None:
            self.unpriced += 1
        else:
            self.saved += bill.baseline_usd - bill.cost_usd


class Metrics:
    """Counts. Implements `router.telemetry.observers.Observer`; `billed` is for any thread."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, str, int, str, str]] = Counter()
        self._tokens: dict[tuple[str, str], Counter[str]] = {}
        self._first = {track: Histogram(LATENCY_S) for track in TRACKS}
        self._seconds = {track: Histogram(LATENCY_S) for track in TRACKS}
        self._overhead = Histogram(OVERHEAD_S)
        self._moved: Counter[tuple[str, str]] = Counter()
        self._dollars: dict[tuple[str, str], Dollars] = {}
        self._running = {"true": 0, "false": 0}
        self._registry: CollectorRegistry | None = None
        self._state = EndpointState(local_up=False, cloud_up=False)

    def began(self, plan: Plan) -> None:
        """See `router.telemetry.observers.Observer`."""
        self._running["true" if plan.request.stream else "false"] += 1

    def finished(self, plan: Plan, outcome: Outcome) -> None:
        """See `router.telemetry.observers.Observer`."""
        request = plan.request
        self._running["true" if request.stream else "false"] -= 1
        self._requests[
            request.account.team,
            outcome.track,
            plan.decision.rule,
            outcome.status,
            outcome.end,
            request.operation,
        ] += 1
        self._overhead.observe(plan.overhead_s)
        if request.operation == "count":
            return
        self._seconds[outcome.track].observe(outcome.seconds)
        if outcome.first_byte_s is not None:
            self._first[outcome.track].observe(outcome.first_byte_s)
        first = outcome.attempts[0] if outcome.attempts else None
        if first is not None and first.cause and first.track != outcome.track:
            self._moved[first.track, first.cause] += 1
        elif outcome.moved:
            self._moved["local" if outcome.track == "cloud" else "cloud", outcome.moved] += 1
        self._count(request.account.team, outcome.track, outcome.usage)

    def _count(self, team: str, track: str, usage: Usage) -> None:
        tokens = self._tokens.get((team, track))
        if tokens is None:
            tokens = self._tokens[team, track] = Counter(dict.fromkeys(USAGE_FIELDS, 0))
        tokens["input"] += usage.input
        tokens["output"] += usage.output
        tokens["cache_read"] += usage.cache_read
        tokens["cache_write_5m"] += usage.cache_write_5m
        tokens["cache_write_1h"] += usage.cache_write_1h

    def billed(self, bills: Sequence[BilledRequest]) -> None:
        """Add the ledger's bills."""
        for request in bills:
            if request.bill is None:
                continue
            sums = self._dollars.get((request.team, request.track))
            if sums is None:
                sums = self._dollars[request.team, request.track] = Dollars()
            sums.add(request.bill)

    def render(self, state: EndpointState, accept: str = "") -> tuple[bytes, str]:
        """Write all metrics. May take 50 ms the first time, so call it off the event loop.

        Args:
            state: The gauges.
            accept: The scraper's `accept` field, which chooses the format.

        Returns:
            The body and its content type.
        """
        from prometheus_client import CollectorRegistry, ProcessCollector
        from prometheus_client.exposition import choose_encoder

        self._state = state
        if self._registry is None:
            registry = CollectorRegistry(auto_describe=False)
            registry.register(self)
            ProcessCollector(registry=registry)
            self._registry = registry
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def collect(self) -> "Iterator[Metric]":
        """Make the families; called by the client library."""
        yield from self._counted()
        yield from self._timed()
        yield from self._paid()
        yield from self._present()

    def _counted(self) -> "Iterator[Metric]":
        rows = dict(self._requests)
        yield _counter(
            "turnout_requests",
            "Requests that ended, by who served them and the rule that decided.",
            ("team", "track", "rule", "status", "end", "operation"),
            ((tuple(map(str, key)), count) for key, count in rows.items()),
        )
        yield _counter(
            "turnout_tokens",
            "Tokens as billed, or as estimated where a stream was cut.",
            ("team", "track", "kind"),
            (
                ((*key, kind), count)
                for key, kinds in dict(self._tokens).items()
                for kind, count in kinds.items()
            ),
        )
        moved = dict(self._moved)
        for name, description, source in (
            ("turnout_escalations", "Local work that went on to the cloud.", "local"),
            ("turnout_degradations", "Cloud work that was served locally.", "cloud"),
        ):
            causes = (((cause,), count) for (track, cause), count in moved.items() if track == source)
            yield _counter(name, f"{description} By what had failed.", ("cause",), causes)

    def _timed(self) -> "Iterator[Metric]":
        first, total = "turnout_first_token_seconds", "turnout_request_seconds"
        yield _histogram(first, "From the decision to the first useful unit.", self._first)
        yield _histogram(total, "From the decision to the last byte.", self._seconds)
        yield _histogram("turnout_overhead_seconds", "Reading and deciding.", {"": self._overhead})

    def _paid(self) -> "Iterator[Metric]":
        rows = dict(self._dollars)
        for name, description in (
            ("cost", "Dollars spent: what providers bill, and the own machine's part where configured."),
            ("local", "The part of it that the own machine took; 0 where that is not configured."),
            ("wasted", "The part of it that failed or abandoned attempts took."),
            ("baseline", "Dollars that what was asked for would have cost, with a warm cache."),
        ):
            sums = (((team, track), getattr(row, name)) for (team, track), row in rows.items())
            yield _counter(f"turnout_{name}_usd", description, ("team", "track"), sums)
        yield _counter(
            "turnout_unpriced_requests",
            "Requests with a cost or a baseline that is unknown.",
            ("team", "track"),
            ((key, row.unpriced) for key, row in rows.items()),
        )
        yield _gauge(
            "turnout_saved_usd",
            "Baseline minus cost since the start, of what both are known of; may fall, and be negative.",
            ("team", "track"),
            ((key, row.saved) for key, row in rows.items()),
        )

    def _present(self) -> "Iterator[Metric]":
        state = self._state
        running = (((key,), count) for key, count in self._running.items())
        yield _gauge("turnout_running", "Requests under way.", ("stream",), running)
        up = ((("local",), float(state.local_up)), (("cloud",), float(state.cloud_up)))
        yield _gauge("turnout_track_up", "Whether a track can answer.", ("track",), up)
        for name, description, value in (
            ("running", "Answers being computed.", state.engine_running),
            ("queue", "Requests that wait for it.", state.engine_queue),
            ("wait_seconds", "Until a request sent now would begin to be computed.", state.engine_wait_s),
            ("prefill_tokens_per_second", "How fast it reads.", state.engine_prefill_tps),
            ("decode_tokens_per_second", "How fast it writes, per answer.", state.engine_decode_tps),
        ):
            yield _gauge(f"turnout_engine_{name}", description, (), (((), value),))
        for name, description, value in (
            ("turnout_engine_restarts", "Times the engine was started again.", state.engine_restarts),
            ("turnout_engine_busy_seconds", "Time in which anything was asked of it.", state.engine_busy_s),
            ("turnout_ledger_lost", "Records that could not be written.", state.ledger_lost),
        ):
            yield _counter(name, description, (), (((), value),))
        build = (((version("turnout"),), 1.0),)
        yield _gauge("turnout_build_info", "Which version runs.", ("version",), build)


Samples = Iterable[tuple[tuple[str, ...], float]]
"""(label values, value)."""


def _counter(name: str, description: str, labels: Sequence[str], samples: Samples) -> "Metric":
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, description, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _gauge(name: str, description: str, labels: Sequence[str], samples: Samples) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, description, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _histogram(name: str, description: str, by_track: Mapping[str, Histogram]) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(name, description, labels=("track",) if all(by_track) else ())
    for track, histogram in by_track.items():
        family.add_metric((track,) if track else (), histogram.cumulative(), histogram.total)
    return family
