"""What the endpoint adds to a request, beside its peers, on the same work and in one run.

    with upstream, peers:  for each case:  direct, Turnout, peer, peer, ... and back, some rounds

Only ratios from one run mean anything: times differ between machines and from hour to hour.
Answers come from a fixed upstream, so nothing here says how good a model is. `measure` has the rules of
measuring, `peers` what each peer does meanwhile, `overhead_report` the tables.
"""

import contextlib
import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.installed import PeerName, interpreter, version
from benchmarks.machine import Machine, machine, program_version
from benchmarks.speed import upstream
from benchmarks.speed.bodies import BodyName, Dialect, Mode, body
from benchmarks.speed.drip import PACE_S
from benchmarks.speed.load import Generator, generator
from benchmarks.speed.measure import DIRECT, Case, Measure, Row, StreamCost, measure, stream_cost
from benchmarks.speed.peers import Target, started
from benchmarks.speed.process import resident_mb
from router.system.subprocesses import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure. The defaults take about nine minutes."""

    peers: tuple[PeerName, ...] = ("turnout", "switchyard", "litellm")
    dialects: tuple[Dialect, ...] = ("openai_chat", "anthropic_messages")
    bodies: tuple[BodyName, ...] = ("small", "agent", "long")
    modes: tuple[Mode, ...] = ("growing",)
    connections: tuple[int, ...] = (1, 16)
    rounds: int = 7
    seconds: float = 1.0
    """Load per target, case and round."""
    streams: bool = True
    crowd: int = 200
    """Streams opened at once."""
    events: int = 100
    """Content events of a long stream: two seconds at a provider's pace."""
    by: Generator | None = None
    """Which load generator; `wrk` where it is installed."""
    environment: Path = ROOT / ".venv-bench"
    """The virtual environment of the peers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFacts:
    """A peer, apart from latency. Megabytes are 10^6 bytes."""

    name: PeerName
    version: str | None
    """`None` where it is not installed, so not measured."""
    startup_s: float | None = None
    """Median time from start to the first healthy answer."""
    start_mb: float | None = None
    loaded_mb: float | None = None
    """Resident memory after the load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run of the overhead benchmark measured."""

    measured: str
    """Date, UTC."""
    machine: Machine
    upstream: str
    load: str
    rounds: int
    seconds: float
    peers: tuple[PeerFacts, ...]
    rows: tuple[Row, ...]
    streams: tuple[StreamCost, ...]


def run(options: Options, progress: Callable[[str], None] = lambda _: None) -> Result:
    """Measure; `progress` is called with each step.

    Raises:
        BenchmarkError: a peer did not start, or did not pass on the upstream's answers.
    """
    return _Run(options, progress).result()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Samples:
    """What is noted of a peer each time it was started."""

    startup_s: list[float] = field(default_factory=list)
    start_mb: list[float] = field(default_factory=list)
    loaded_mb: list[float] = field(default_factory=list)


class _Run:
    """One run: for each dialect a leg of whole answers, then one of streams; peers start afresh for each."""

    def __init__(self, options: Options, progress: Callable[[str], None]) -> None:
        self._options = options
        self._progress = progress
        self._by: Generator = options.by or generator()
        self._versions = {
            name: version(name, interpreter(name, options.environment)) for name in options.peers
        }
        self._samples: dict[str, _Samples] = {name: _Samples() for name in options.peers}

    def result(self) -> Result:
        options = self._options
        for name, installed in self._versions.items():
            if installed is None:
                self._progress(f"{name} is not installed in {options.environment.name}, so it is left out")
        rows: list[Row] = []
        streams: list[StreamCost] = []
        for dialect in options.dialects:
            with upstream.fixed() as port, self._started(dialect, port) as targets:
                rows += self._rows("answer", dialect, targets)
            if options.streams:
                with upstream.dripping() as port, self._started(dialect, port) as targets:
                    rows += self._rows("first token", dialect, targets)
                    streams += self._streams(dialect, targets)
        return Result(
            measured=datetime.now(UTC).date().isoformat(),
            machine=machine(),
            upstream=_upstream(),
            load=f"wrk {program_version('wrk', '-v')}" if self._by == "wrk" else "own",
            rounds=options.rounds,
            # `wrk` counts whole seconds only.
            seconds=max(1.0, round(options.seconds)) if self._by == "wrk" else options.seconds,
            peers=tuple(self._facts(name) for name in options.peers),
            rows=tuple(rows),
            streams=tuple(streams),
        )

    @contextlib.contextmanager
    def _started(self, dialect: Dialect, port: int) -> Iterator[list[Target]]:
        """Start the peers on an upstream, note their start and memory, and stop them."""
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="turnout-bench-")))
            peers = []
            for name in (name for name, installed in self._versions.items() if installed is not None):
                self._progress(f"{dialect}: starting {name}")
                python = interpreter(name, self._options.environment)
                at = f"http://127.0.0.1:{port}"
                starting = started(name, python=python, dialect=dialect, upstream=at, folder=folder / name)
                peers.append(stack.enter_context(starting))
                self._samples[name].startup_s.append(peers[-1].startup_s)
            for peer in peers:
                _record_memory(self._samples[peer.name].start_mb, peer)
            yield [Target(name=DIRECT, port=port), *peers]
            for peer in peers:
                _record_memory(self._samples[peer.name].loaded_mb, peer)

    def _rows(self, what: Measure, dialect: Dialect, targets: list[Target]) -> Iterator[Row]:
        options, token = self._options, what == "first token"
        # A first token is one connection's matter, and long bodies have told their tale as answers.
        connections = options.connections[:1] if token else options.connections
        modes = options.modes[:1] if token else options.modes
        bodies = [name for name in options.bodies if not token or name != "long"]
        for name, mode, many in itertools.product(bodies, modes, connections):
            self._progress(f"{dialect}, {what}: {name} body, {mode}, {many} connections")
            yield measure(
                Case(
                    measure=what,
                    body=body(name, dialect, mode, stream=token, max_tokens=1),
                    connections=many,
                    rounds=options.rounds,
                    seconds=options.seconds,
                    by=self._by,
                ),
                targets,
            )

    def _streams(self, dialect: Dialect, targets: list[Target]) -> Iterator[StreamCost]:
        for target in targets:
            self._progress(f"{dialect}, {self._options.crowd} streams at once: {target.name}")
            yield stream_cost(target, dialect, crowd=self._options.crowd, events=self._options.events)

    def _facts(self, name: PeerName) -> PeerFacts:
        samples = self._samples[name]
        return PeerFacts(
            name=name,
            version=self._versions[name],
            startup_s=statistics.median(samples.startup_s) if samples.startup_s else None,
            start_mb=statistics.median(samples.start_mb) if samples.start_mb else None,
            loaded_mb=max(samples.loaded_mb, default=None),
        )


def _record_memory(sizes: list[float], peer: Target) -> None:
    size = resident_mb(peer.session)
    if size is not None:
        sizes.append(size)


def _upstream() -> str:
    program = upstream.nginx()
    fixed = f"nginx {program_version(program, '-v')}" if program else "own, for nginx is not installed"
    return f"{fixed}; streams from own, {round(1 / PACE_S)} events a second"
