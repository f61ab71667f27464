"""One measurement: the same load on every target in turn, over and over, and the figures from that.

Rules that hold in this file:

- Rounds are interleaved (direct, Turnout, its peers, then back again), so that a machine that gets slower
  or busier does so for all of them.
- Added latency is the median through a peer less the median straight to the upstream *of that
  round*. What is told is the median over rounds, with the least and the greatest.
- One answer that is not 2xx, or one broken connection, ends the run: such a figure would be of an error page.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from benchmarks.errors import BenchmarkError
from benchmarks.speed.bodies import Body, BodyName, Dialect, Mode, body
from benchmarks.speed.drip import WORD
from benchmarks.speed.load import Generator, Sample, load, request, stream
from benchmarks.speed.peers import Target, verify
from benchmarks.speed.process import cpu_s

DIRECT = "direct"
Measure = Literal["answer", "first token"]
_DOUBLINGS = 4
_WARM_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured on every target."""

    measure: Measure
    body: Body
    connections: int
    rounds: int
    seconds: float
    by: Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One target's latency. Milliseconds; `low` and `high` are the extremes over rounds."""

    target: str
    median_ms: float
    added_ms: float
    """Less the direct call; 0 for the direct call itself."""
    added_low_ms: float
    added_high_ms: float
    ratio: float | None
    """Turnout's added latency / this peer's; `None` where there is nothing to divide by."""
    ratio_low: float | None
    ratio_high: float | None
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The latencies of one case, by target."""

    measure: Measure
    dialect: Dialect
    body: BodyName
    bytes: int
    mode: Mode
    connections: int
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCost:
    """What streams cost one target."""

    target: str
    dialect: Dialect
    cpu_us_per_event: float | None
    """CPU time for each event beyond the first; `None` where the system does not tell."""
    crowd: int
    """Streams opened at once."""
    crowd_complete: int
    """Of these, how many arrived with every event."""
    crowd_first_ms: float | None


def measure(case: Case, targets: Sequence[Target]) -> Row:
    """Measure a case on every target (the upstream itself, named `DIRECT`, among them).

    Raises:
        BenchmarkError: a target answered with anything but the upstream's answer.
    """
    raws = {target.name: request(case.body, target.port, target.key) for target in targets}
    for target in targets:
        verify(target, case.body)
        _send_until_answered(target, case, _WARM_S, partial(_warm, case, raws[target.name], target.port))
    medians: dict[str, list[float]] = {target.name: [] for target in targets}
    requests = dict.fromkeys(medians, 0)
    for number in range(case.rounds):
        for target in targets if number % 2 == 0 else reversed(targets):
            sample = _send_until_answered(
                target, case, case.seconds, partial(_send, case, raws[target.name], target.port)
            )
            time = sample.median_ms if case.measure == "answer" else sample.first_ms
            medians[target.name].append(_require_time(time, target.name, case))
            requests[target.name] += sample.requests
    return Row(
        measure=case.measure,
        dialect=case.body.dialect,
        body=case.body.name,
        bytes=len(case.body.template),
        mode=case.body.mode,
        connections=case.connections,
        figures=tuple(_figure(name, medians, requests[name]) for name in medians),
    )


def _warm(case: Case, raw: bytes, port: int, seconds: float) -> Sample:
    return stream(raw, port, connections=case.connections, seconds=seconds, until=b"")


def _send(case: Case, raw: bytes, port: int, seconds: float) -> Sample:
    if case.measure == "answer":
        return load(raw, port, by=case.by, connections=case.connections, seconds=seconds)
    return stream(raw, port, connections=case.connections, seconds=seconds, until=WORD.encode())


def _send_until_answered(
    target: Target, case: Case, seconds: float, send: Callable[[float], Sample]
) -> Sample:
    """Load for `seconds`, or longer where that is too short for a single answer."""
    sample = send(seconds)
    for _ in range(_DOUBLINGS):
        if sample.requests or sample.errors:
            break
        seconds *= 2
        sample = send(seconds)
    return _checked(sample, target.name, case)


def _checked(sample: Sample, name: str, case: Case) -> Sample:
    if sample.errors or not sample.requests:
        raise BenchmarkError(
            f"{name}: {sample.errors} of {sample.requests} answers were not the upstream's "
            f"({case.body.dialect}, {case.body.name} body, {case.connections} connections)."
        )
    return sample


def _require_time(time: float | None, name: str, case: Case) -> float:
    if time is None:
        raise BenchmarkError(f"{name}: no answer within {case.seconds} s ({case.body.name} body).")
    return time


def _figure(name: str, medians: Mapping[str, list[float]], requests: int) -> Figure:
    added = _added_latency(name, medians)
    ratios = _ratios(name, medians)
    return Figure(
        target=name,
        median_ms=statistics.median(medians[name]),
        added_ms=statistics.median(added),
        added_low_ms=min(added),
        added_high_ms=max(added),
        ratio=statistics.median(ratios) if ratios else None,
        ratio_low=min(ratios) if ratios else None,
        ratio_high=max(ratios) if ratios else None,
        requests=requests,
    )


def _added_latency(name: str, medians: Mapping[str, list[float]]) -> list[float]:
    return [through - direct for through, direct in zip(medians[name], medians[DIRECT], strict=True)]


def _ratios(name: str, medians: Mapping[str, list[float]]) -> list[float]:
    """Turnout's added latency / this peer's, a round at a time."""
    if name in {DIRECT, "turnout"} or "turnout" not in medians:
        return []
    pairs = zip(_added_latency("turnout", medians), _added_latency(name, medians), strict=True)
    return [ours / theirs for ours, theirs in pairs if theirs > 0]


def stream_cost(target: Target, dialect: Dialect, *, crowd: int, events: int) -> StreamCost:
    """Measure what each of a stream's `events` costs, and how many streams can run at once."""

    def run(words: int, *, connections: int, each: int) -> tuple[Sample, float | None]:
        content = body("small", dialect, "growing", stream=True, max_tokens=words)
        raw = request(content, target.port, target.key)
        before = cpu_s(target.session)
        sample = stream(raw, target.port, connections=connections, each=each, until=WORD.encode())
        after = cpu_s(target.session)
        return sample, None if before is None or after is None else (after - before) / sample.requests

    run(1, connections=16, each=2)
    _, short = run(1, connections=16, each=4)
    _, long = run(events, connections=16, each=2)
    many, _ = run(events, connections=crowd, each=1)
    return StreamCost(
        target=target.name,
        dialect=dialect,
        cpu_us_per_event=None if short is None or long is None else 1e6 * (long - short) / (events - 1),
        crowd=crowd,
        crowd_complete=many.events // events,
        crowd_first_ms=many.first_ms,
    )
