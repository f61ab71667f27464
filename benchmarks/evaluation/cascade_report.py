"""A policy's agent work handed over after N calls: `cascade` on the recorded issues, in words and tables."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.cascade import DRAWS, Row, evaluate, local_runs, tariff
from benchmarks.evaluation.cases import Suite
from benchmarks.evaluation.cost import Rates
from benchmarks.evaluation.route import starts_local
from benchmarks.evaluation.stats import Interval
from benchmarks.render import Sheet
from policies.policy import Policy

OWN = "max_turn_calls"
"""The number of a policy that hands a turn over, where `escalate` names `turn_too_long`."""


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
    rows: tuple[Row, ...]
    """From always the cloud to always local."""


def evaluate_handover(
    policy: Policy,
    suite: Suite,
    limits: Sequence[int],
    rates: Rates,
    *,
    local_context: int,
    draws: int = DRAWS,
    seed: int = 0,
) -> Handover:
    """Evaluate limits, the policy's own among them, on a suite of an agent's tasks.

    Raises:
        BenchmarkError: a price is not known, or no task has both outcomes.
    """
    runs = local_runs()
    own = round(policy.params[OWN]) if OWN in policy.params else None
    tried = sorted({*limits, *(() if own is None else (own,))})
    paired = [case for case in suite.cases if case.local is not None and case.cloud is not None]
    if not paired:
        raise BenchmarkError(f"no task of {suite.title} has both a local and a cloud outcome")
    rows = evaluate(
        paired,
        runs,
        [0, *tried, None],
        local=tariff(rates.local),
        cloud=tariff(rates.cloud),
        draws=draws,
        seed=seed,
    )
    return Handover(
        policy=policy.name,
        own=own,
        starts_local=float(starts_local(policy, suite, local_context=local_context).mean()),
        suite=suite.title,
        tasks=len(paired),
        local=suite.local.name,
        cloud=suite.cloud.name,
        price_model=rates.model,
        local_usd_per_mtok=rates.local_usd_per_mtok,
        runs=len(runs.passed) + len(runs.failed),
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


def paragraphs(result: Handover) -> Iterator[str]:
    """Say what was measured and how."""
    limit = "has no limit of its own" if result.own is None else f"hands a turn over after {result.own} calls"
    yield (
        f"{result.policy} {limit}, and starts {100 * result.starts_local:.1f}% of these tasks locally; the "
        "tables show all of them started locally."
    )
    yield (
        f"{result.tasks} tasks of {result.suite} with outcomes of {result.local} and {result.cloud}, "
        f"prices of {result.price_model}, ${result.local_usd_per_mtok:g} per million local tokens."
    )
    yield (
        f"How many calls a local run takes is modelled from {result.runs} recorded runs of another model, "
        "scaled to a published mean. The cloud gets the local conversation with every call. Begun anew: what "
        "were saved had it not, which no endpoint can do, for the conversation is the client's."
    )


def _sheet(
    result: Handover, title: str, columns: tuple[str, ...], cells: Callable[[Row], tuple[str, ...]]
) -> Sheet:
    rows = tuple((_named(row.limit, result), *cells(row)) for row in result.rows)
    return Sheet(title=title, columns=("N", *columns), rows=rows)


def _named(limit: int | None, result: Handover) -> str:
    if limit is None:
        return "never"
    if limit == 0:
        return "0"
    return f"{limit} ({result.policy})" if limit == result.own else str(limit)


def _percent(interval: Interval) -> str:
    return f"{100 * interval.point:.0f}% ({100 * interval.low:.0f} to {100 * interval.high:.0f})"
