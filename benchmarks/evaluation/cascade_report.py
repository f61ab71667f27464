"""A policy's agent work handed over after N calls: `cascade` on the recorded issues, in words and tables."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cascade import Row, evaluate
from benchmarks.evaluation.cases import Suite
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.route import handover_limit, starts_local
from benchmarks.evaluation.runs import local_runs
from benchmarks.evaluation.stats import RESAMPLES, Interval
from benchmarks.evaluation.whole_task import WholeTasks
from benchmarks.render import Sheet
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Quality and cost of each limit on calls."""

    policy: str
    own: int | None
    """The policy's own limit; None where it has none."""
    starts_local: float
    """Share of the tasks that the policy starts locally at all."""
    suite: str
    tasks: int
    """With both outcomes known."""
    local: str
    cloud: str
    price_model: str
    local_usd_per_mtok: float
    runs: int
    """Recorded runs behind the number of calls."""
    modelled: int
    """Tasks whose local calls are taken from those runs; the others' were measured."""
    notes: tuple[str, ...]
    """What the suite's numbers do not show."""
    rows: tuple[Row, ...]
    """From always the cloud to always local."""


def evaluate_handover(
    policy: Policy,
    suite: Suite,
    limits: Sequence[int],
    rates: Rates,
    *,
    local_context: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Handover:
    """Evaluate limits, the policy's own among them, on a suite of an agent's tasks.

    Raises:
        BenchmarkError: a price is not known, or no task has both outcomes.
    """
    runs, limit = local_runs(), handover_limit(policy)
    own = None if limit is None else round(limit)
    tried = sorted({*limits, *(() if own is None else (own,))})
    tasks = WholeTasks(suite=suite, rates=rates, runs=runs, seed=seed, resamples=resamples)
    if not tasks.paired.any():
        raise BenchmarkError(f"no task of {suite.title} has both a local and a cloud outcome")
    if not tasks.agents.any():
        raise BenchmarkError(
            f"every task of {suite.title} takes one call, so there is nothing to hand over; name an agent's "
            "tasks, with their calls in --outcomes"
        )
    rows = evaluate(tasks, [0, *tried, None])
    return Handover(
        policy=policy.name,
        own=own,
        starts_local=float(starts_local(policy, suite, local_context=local_context).mean()),
        suite=suite.title,
        tasks=int(tasks.paired.sum()),
        local=suite.local.name,
        cloud=suite.cloud.name,
        price_model=rates.model,
        local_usd_per_mtok=rates.local_usd_per_mtok,
        runs=len(runs.passed) + len(runs.failed),
        modelled=int(tasks.modelled.sum()),
        notes=suite.notes,
        rows=tuple(rows),
    )


def sheets(result: Handover) -> Iterator[Sheet]:
    """What comes out, and where the calls and the dollars go; two tables, so that each fits 80 columns."""
    yield _sheet(
        result,
        "Cloud after N calls: what is resolved (95% intervals)",
        ("resolved", "quality kept", "handed over"),
        lambda row: (_percent(row.quality), _percent(row.kept), _percent(row.moved)),
    )
    yield _sheet(
        result,
        "Cloud after N calls: what a task costs",
        ("local calls", "wasted", "cloud calls", "US$", "saving", "begun anew"),
        lambda row: (
            f"{row.local_calls.point:.0f}",
            f"{row.wasted_calls.point:.0f}",
            f"{row.cloud_calls.point:.0f}",
            f"{row.usd.point:.2f}",
            _percent(row.saved),
            _percent(row.saved_anew),
        ),
    )


def verdict(result: Handover) -> Iterator[str]:
    """Say what comes out, in three sentences."""
    own = next((row for row in result.rows if row.limit == result.own), None) if result.own else None
    if own is None:
        yield (
            f"{result.policy} never hands a local turn over, and starts {result.starts_local:.1%} of these "
            "tasks locally."
        )
    else:
        yield (
            f"{result.policy} hands a local turn over after {result.own} calls. Had every task started "
            f"locally, that keeps {_percent(own.kept)} of the cloud's quality and {_cost(own)}; the policy "
            f"starts {result.starts_local:.1%} of these tasks locally."
        )
    tried = [row for row in result.rows if row.limit]
    saves = next((row for row in tried if row.saved.point > 0), None)
    if saves is None:
        yield "No limit that was tried saves anything: local work that is handed over is paid twice."
    else:
        yield (
            f"The smallest limit tried that saves anything is {saves.limit} calls: it {_cost(saves)} and "
            f"keeps {_percent(saves.kept)} of the quality."
        )
    local = result.rows[-1]
    yield f"Never handed over, local work keeps {_percent(local.kept)} and {_cost(local)}."


def paragraphs(result: Handover) -> Iterator[str]:
    """Say what was measured and how."""
    yield (
        f"{result.tasks} tasks of {result.suite} with outcomes of {result.local} and {result.cloud}, "
        f"prices of {result.price_model}, ${result.local_usd_per_mtok:g} per million local tokens. The "
        "tables show every task started locally; 95% intervals."
    )
    if result.modelled:
        yield (
            f"How many calls a local run takes is modelled for {result.modelled} tasks from {result.runs} "
            "recorded runs of another model, scaled to a published mean."
        )
    yield (
        "The cloud gets the local conversation with every call. Begun anew: what were saved had it not, "
        "which no endpoint can do, for the conversation is the client's."
    )


def _cost(row: Row) -> str:
    if round(row.saved.point, 3) == 0:
        return "costs as much as the cloud alone"
    if row.saved.point > 0:
        return f"saves {_percent(row.saved)} of the cloud's cost"
    more = Interval(point=-row.saved.point, low=-row.saved.high, high=-row.saved.low)
    return f"costs {_percent(more)} more than the cloud alone"


def _sheet(
    result: Handover, title: str, columns: tuple[str, ...], cells: Callable[[Row], tuple[str, ...]]
) -> Sheet:
    rows = tuple((_named(row.limit, result), *cells(row)) for row in result.rows)
    return Sheet(title=title, columns=("N", *columns), rows=rows)


def _named(limit: int | None, result: Handover) -> str:
    if limit is None:
        return "all local"
    if limit == 0:
        return "all cloud"
    return f"{limit} (own)" if limit == result.own else str(limit)


def _percent(interval: Interval) -> str:
    # Adding 0 makes 0 of a -0.
    point, low, high = (round(100 * value) + 0 for value in (interval.point, interval.low, interval.high))
    return f"{point}% ({low} to {high})"
