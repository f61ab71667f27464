"""How a run of `benchmarks.speed.reading` reads: in a terminal and as Markdown, and which bars fell."""

from collections.abc import Iterator

from rich.console import Console

from benchmarks.render import Sheet, bars, report, table, where
from benchmarks.speed.asks import AskCost, Stall
from benchmarks.speed.conversations import Cost
from benchmarks.speed.reading import Memory, Result, missed
from benchmarks.speed.startup import Startup


def render(result: Result, console: Console) -> None:
    """Print the tables, and which bars fell."""
    report(console, _sheets(result), _notes(result), missed(result))


def markdown(result: Result) -> str:
    """Return the tables as a page."""
    parts = ["# What a decision costs", "\n\n".join(_notes(result)), *map(table, _sheets(result))]
    return "\n\n".join([*parts, bars(missed(result))]) + "\n"


def _sheets(result: Result) -> Iterator[Sheet]:
    yield Sheet(
        title="CPU of one decision on a long conversation",
        columns=("dialect", "what", "kB", "tokens", "decisions", "median ms", "95th ms", "bar ms", ""),
        rows=tuple(map(_cost, result.costs)),
    )
    yield Sheet(
        title="Memory of the reader",
        columns=(
            "conversations",
            "messages",
            "entries kept",
            "at most",
            "MB held",
            "at most",
            "process grew MB",
        ),
        rows=(_memory(result.memory),),
    )
    yield Sheet(
        title="CPU of one decision, by classifier",
        columns=("classifier", "what", "decisions", "median ms", "95th ms"),
        rows=tuple(map(_ask, result.asks)),
    )
    yield Sheet(
        title="How late a ticker of 1 ms runs on the event loop beside new asks",
        columns=("classifier", "tokens of an ask", "asks", "99th ms", "longest ms"),
        rows=tuple(map(_stall, result.stalls)),
    )
    yield Sheet(
        title="A start of the endpoint",
        columns=("classifier", "starts", "healthy after s", "first ask decided in s", "MB resident after it"),
        rows=tuple(map(_startup, result.startups)),
    )


def _cost(cost: Cost) -> tuple[str, ...]:
    bar, verdict = "", ""
    if cost.bar_ms is not None:
        bar, verdict = f"{cost.bar_ms:g}", "met" if cost.median_ms <= cost.bar_ms else "missed"
    sizes = (f"{cost.bytes / 1000:.0f}", str(cost.tokens), str(cost.decisions))
    return (cost.dialect, cost.what, *sizes, f"{cost.median_ms:.2f}", f"{cost.p95_ms:.2f}", bar, verdict)


def _memory(memory: Memory) -> tuple[str, ...]:
    sizes = (str(memory.entries), str(memory.most_entries), f"{memory.held_mb:.1f}", f"{memory.most_mb:.0f}")
    grown = "" if memory.grown_mb is None else f"{memory.grown_mb:.1f}"
    return (str(memory.conversations), str(memory.messages), *sizes, grown)


def _ask(cost: AskCost) -> tuple[str, ...]:
    figures = (f"{cost.median_ms:.2f}", f"{cost.p95_ms:.2f}")
    return (cost.classifier, cost.what, str(cost.decisions), *figures)


def _stall(stall: Stall) -> tuple[str, ...]:
    figures = (f"{stall.p99_ms:.1f}", f"{stall.longest_ms:.1f}")
    if not stall.classifier:
        return ("beside nothing", "", "", *figures)
    return (stall.classifier, f"{stall.tokens:,}", str(stall.asks), *figures)


def _startup(startup: Startup) -> tuple[str, ...]:
    size = "" if startup.resident_mb is None else f"{startup.resident_mb:.0f}"
    seconds = (f"{startup.ready_s:.2f}", f"{startup.first_ask_s:.2f}")
    return (startup.classifier, str(startup.starts), *seconds, size)


def _notes(result: Result) -> Iterator[str]:
    yield (
        f"Measured {result.measured} on {where(result.machine)}; CPU of the thread that decides, from a "
        "request's bytes to the decision of the policy. Times differ between machines, and with "
        "what else runs there."
    )
    if result.load is not None:
        yield f"Load average when it began: {result.load:.1f}; it lengthens waits and starts more than CPU."
    yield (
        "Warm: the conversation is known. Cold: nothing is, and each decision has a reader of its own. "
        "Tokens of what is new and long are counted after the decision, so they are not in these figures."
    )
    yield (
        "MB held is the reader's own account, what the process grew by is the system's. Texts that wait to "
        "be counted are not kept longer than until the next count, once a second."
    )
    yield (
        "By classifier: a new ask was never read, a known one was, as an agent sends it again with every "
        "call. `learned` reads a new ask in a thread beside the event loop; its CPU is counted all the same. "
        "The ticker wants to run every millisecond on that loop, as another client's stream would."
    )
