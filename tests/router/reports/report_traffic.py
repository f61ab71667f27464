"""Traffic for tests of reports, told in a few words and posted as the endpoint would."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decide import Decision
from policies.privacy import Clearance
from router.accounts.teams import Account
from router.billing.bill import Billing
from router.billing.local_cost import LocalCost
from router.billing.prices import Prices
from router.ledger.database import writing
from router.ledger.journal import Record
from router.ledger.rows import begun, finished
from router.ledger.store import LedgerStore
from router.ledger.tables import metadata
from router.ledger.writer import post
from router.types import Attempt, ModelRequest, Outcome, Plan, Usage

NOON = 1_793_534_400.0
"""1 November 2026, 12:00 UTC."""
DAY = 86_400
BILLING = Billing(Prices(), "claude-sonnet-5-5", LocalCost(energy=0.00008, wear=0.00002))


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSpec:
    """One request, as a test tells it."""

    at: float = NOON
    team: str = "core"
    user: str = "ada"
    client: str = "claude-code"
    track: str = "local"
    rule: str = "self-contained"
    policy: str = "balanced"
    requested_model: str = "claude-sonnet-5-5"
    model: str = "claude-sonnet-5-5"
    """Which the cloud served with."""
    why: str = "self-contained"
    input: int = 10_000
    output: int = 1_000
    seconds: float = 4.0
    moved: str = ""
    """Why the other track was tried first and could not."""
    private: str = ""
    leaked: bool = False
    ended: bool = True
    status: int = 200
    error: str = ""
    ask: str = ""
    conversation: str = "c"
    streak: int = 0
    kind: str = "agent"


def records(number: int, spec: RequestSpec) -> Iterator[Record]:
    """What the endpoint would write down."""
    request = ModelRequest(
        id=f"r{number}",
        account=Account(team=spec.team, user=spec.user),
        dialect="anthropic_messages",
        operation="generate",
        client=spec.client,
        model=spec.requested_model,
        stream=True,
        body=b"{}",
        headers=(),
    )
    plan = Plan(
        request=request,
        features=Features(
            client=spec.client,
            conversation=spec.conversation,
            kind=spec.kind,
            context_tokens=spec.input,
            ask=spec.ask,
            turns=1,
            repeat_streak=spec.streak,
        ),
        verdict=Verdict(p_local=0.8, kind="self-contained", why=""),
        decision=Decision(track=spec.track, rule=spec.rule, why=spec.why, p_local=0.8),
        clearance=Clearance(allowed=not spec.private, why=spec.private),
        policy=spec.policy,
        overhead_s=0.0006,
    )
    yield "begin", begun(plan, spec.at, b"secret")
    if not spec.ended:
        return
    model = spec.model if spec.track == "cloud" else "qwen"
    tries = [Attempt(track=spec.track, model=model, cause="", status=spec.status, seconds=spec.seconds)]
    other = "cloud" if spec.track == "local" else "local"
    if spec.moved:
        tries.insert(0, Attempt(track=other, model="m", cause=spec.moved, status=503, seconds=0.1))
    if spec.leaked:
        tries.insert(0, Attempt(track="cloud", model="m", cause="slow", status=504, seconds=0.1))
    outcome = Outcome(
        track=spec.track,
        model=model,
        status=spec.status,
        usage=Usage(input=spec.input, output=spec.output),
        first_byte_s=spec.seconds / 4,
        seconds=spec.seconds,
        attempts=tuple(tries),
        end={200: "complete", 499: "client_left"}.get(spec.status, "failed"),
        error=spec.error,
        engine_s=spec.seconds if spec.track == "local" else None,
    )
    yield "finish", finished(f"r{number}", outcome, spec.at + spec.seconds)


def post_requests(store: LedgerStore, specs: Sequence[RequestSpec], *, first: int = 0) -> None:
    """Post traffic; requests are named r0, r1, ... from `first` on."""
    entries = [record for n, spec in enumerate(specs, first) for record in records(n, spec)]
    with writing(store.engine) as connection:
        store.budgets.charge(connection, post(connection, entries, BILLING))


def empty(store: LedgerStore) -> None:
    """Forget everything."""
    with writing(store.engine) as connection:
        for table in metadata.sorted_tables:
            connection.execute(sa.delete(table))


def open_ledger(location: Path) -> LedgerStore:
    """For reading, and for `happen`."""
    return LedgerStore.open(location, prices=Prices(), cloud_model="claude-sonnet-5-5", write=False)
