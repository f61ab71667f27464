"""How a run of `benchmarks.speed.overhead` reads: in a terminal, as Markdown, and against the bars.

Neither form holds a host's name or a path, so both can be kept in `benchmarks/results/`.
"""

from collections.abc import Iterator
from types import MappingProxyType

from rich.console import Console

from benchmarks.render import Sheet, bars, report, table, where
from benchmarks.speed.bodies import BodyName
from benchmarks.speed.measure import DIRECT, Figure, Row, StreamCost
from benchmarks.speed.overhead import PeerFacts, Result

BARS: MappingProxyType[BodyName, float] = MappingProxyType({"small": 1.5, "agent": 0.25, "long": 0.2})
"""The most that Turnout may add, as a share of what Switchyard adds."""
BAR_FIRST_TOKEN_MS = 1.0
BAR_CPU_US_PER_EVENT = 50.0
BAR_START_MB = 120.0
BAR_STARTUP_S = 1.5


_NAMES = MappingProxyType(
    {DIRECT: "direct", "turnout": "Turnout", "switchyard": "NeMo Switchyard", "litellm": "LiteLLM proxy"}
)
_MODES = MappingProxyType(
    {
        "growing": "every request brings one new exchange, as an agent's does",
        "same": "every request is identical, which flatters a cache",
        "cold": "no two messages are alike, so no cache helps",
    }
)


def render(result: Result, console: Console) -> None:
    """Print the tables, and which bars fell."""
    report(console, _sheets(result), _notes(result), missed(result))


def markdown(result: Result) -> str:
    """Return the tables as a page."""
    parts = ["# What the endpoint adds", "\n".join(_notes(result)), *map(table, _sheets(result))]
    return "\n\n".join([*parts, bars(missed(result))]) + "\n"


def _notes(result: Result) -> Iterator[str]:
    yield (
        f"Measured {result.measured} on {where(result.machine)}. Upstream: {result.upstream}. Load: "
        f"{result.load}; {result.rounds} interleaved rounds of {result.seconds:g} s per target."
    )
    for mode in sorted({row.mode for row in result.rows}):
        yield f"{mode}: {_MODES[mode]}."
    yield (
        "Added is the median through a peer less the median straight to the upstream, of the same round; "
        "ratio is Turnout's added latency / that peer's. In brackets: least and greatest over rounds."
    )
    for peer in result.peers:
        if peer.version is None:
            yield f"{_NAMES[peer.name]} is not installed, so it was not measured; `make bench` installs it."


def _sheets(result: Result) -> Iterator[Sheet]:
    columns = ("dialect", "body", "mode", "connections", "through", "median ms", "added ms", "ratio")
    titles = {"answer": "Whole answers", "first token": "First token of a stream"}
    for measure, title in titles.items():
        rows = [
            _latency(row, figure) for row in result.rows if row.measure == measure for figure in row.figures
        ]
        if rows:
            yield Sheet(title=title, columns=columns, rows=tuple(rows))
    if result.streams:
        yield Sheet(
            title="Streams",
            columns=("dialect", "through", "CPU us per event", "at once", "complete", "first token ms"),
            rows=tuple(_stream(cost) for cost in result.streams),
        )
    yield Sheet(
        title="Peers",
        columns=("peer", "version", "ready after s", "MB after start", "MB after load"),
        rows=tuple(_peer(peer) for peer in result.peers),
    )


def _latency(row: Row, figure: Figure) -> tuple[str, ...]:
    size = f"{row.body} ({row.bytes / 1000:.3g} kB)"
    added = f"{figure.added_ms:.2f} ({figure.added_low_ms:.2f} to {figure.added_high_ms:.2f})"
    ratio = (
        ""
        if figure.ratio is None
        else f"{figure.ratio:.2f} ({figure.ratio_low:.2f} to {figure.ratio_high:.2f})"
    )
    opening = (row.dialect, size, row.mode, str(row.connections))
    return (
        *opening,
        _NAMES[figure.target],
        f"{figure.median_ms:.2f}",
        "" if figure.target == DIRECT else added,
        ratio,
    )


def _stream(cost: StreamCost) -> tuple[str, ...]:
    return (
        cost.dialect,
        _NAMES[cost.target],
        _figure(cost.cpu_us_per_event, 0),
        str(cost.crowd),
        str(cost.crowd_complete),
        _figure(cost.crowd_first_ms, 1),
    )


def _peer(peer: PeerFacts) -> tuple[str, ...]:
    figures = (_figure(peer.startup_s, 2), _figure(peer.start_mb, 0), _figure(peer.loaded_mb, 0))
    return (_NAMES[peer.name], peer.version or "not installed", *figures)


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def missed(result: Result) -> list[str]:
    """Which bars fell, a sentence each; a bar that could not be measured is not named."""
    rows = [
        f"{row.dialect}, {row.body} body, {row.connections} connections: Turnout adds {figure.ratio:.2f} of "
        f"what Switchyard adds, the bar is {BARS[row.body]}"
        for row in result.rows
        if row.measure == "answer" and row.mode == "growing"
        for figure in row.figures
        if figure.target == "switchyard" and figure.ratio is not None and figure.ratio > BARS[row.body]
    ]
    firsts = [
        f"{row.dialect}, {row.body} body: a stream's first token comes {figure.added_ms:.2f} ms later, "
        f"the bar is {BAR_FIRST_TOKEN_MS}"
        for row in result.rows
        if row.measure == "first token" and row.body == "small" and row.connections == 1
        for figure in row.figures
        if figure.target == "turnout" and figure.added_ms > BAR_FIRST_TOKEN_MS
    ]
    streams = [
        f"{cost.dialect}: {fault}"
        for cost in result.streams
        if cost.target == "turnout"
        for fault in _stream_faults(cost)
    ]
    return rows + firsts + streams + [fault for peer in result.peers for fault in _peer_faults(peer)]


def _stream_faults(cost: StreamCost) -> Iterator[str]:
    if cost.crowd_complete < cost.crowd:
        yield f"of {cost.crowd} streams at once, {cost.crowd_complete} arrived complete"
    if cost.cpu_us_per_event is not None and cost.cpu_us_per_event > BAR_CPU_US_PER_EVENT:
        yield f"{cost.cpu_us_per_event:.0f} us of CPU per event, the bar is {BAR_CPU_US_PER_EVENT:.0f}"


def _peer_faults(peer: PeerFacts) -> Iterator[str]:
    if peer.name != "turnout":
        return
    if peer.start_mb is not None and peer.start_mb > BAR_START_MB:
        yield f"{peer.start_mb:.0f} MB resident after start, the bar is {BAR_START_MB:.0f}"
    if peer.startup_s is not None and peer.startup_s > BAR_STARTUP_S:
        yield f"ready after {peer.startup_s:.1f} s, the bar is {BAR_STARTUP_S}"
