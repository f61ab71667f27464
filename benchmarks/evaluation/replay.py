"""The requests of a ledger, decided again: where would each have gone under another policy?

The decision is made by the same `decide` that serves, from what the ledger keeps: the features as
they were read then and the verdict as it was given then. A turn keeps its opening decision, since
each policy remembers its own decisions, as a running endpoint does. What no ledger keeps:

- the state of that moment is taken at its mildest: both tracks up and idle, the budget untouched, and a
  move to the cloud for a setback costs nothing;
- texts and paths: a `never_cloud` by content holds where it held then, and nowhere else;
- what would have come of it: the conversation goes on as it did, whoever had answered.

Requests that only count tokens are left out: they cost nothing and answer nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from classifiers.features import Features
from classifiers.verdict import Verdict
from policies.decide import decide
from policies.decision import Decision, Move, State
from policies.policy import Policy
from policies.privacy import Clearance, Exposure, clear
from policies.routing_input import RoutingInput
from router.errors import Misconfigured
from router.ledger.stored_features import STORED, read_features
from router.routing.sticky_sessions import StickySessions

if TYPE_CHECKING:
    import sqlalchemy as sa

Row = Mapping[str, Any]

CHUNK = 20_000
"""Rows held in memory at once."""
CONVERSATIONS = 100_000
"""Whose last decision is remembered; of one not heard of for longer, the next request is decided anew."""
UNREAD = "reading failed"

COLUMNS = (
    "id", "begun_at", "finished_at", "team", "user", "operation", "asked_model", "p_local", "work", "cleared",
    "private_why", "notes", "served_track", "cost_usd", "local_usd", "wasted_usd", "baseline_usd", *STORED,
)  # fmt: skip
"""What a replay reads of each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedRequest:
    """One request under two policies."""

    row: Row
    before: Decision
    after: Decision


class PolicyReplay:
    """One policy, with what it remembers of each conversation."""

    def __init__(self, policy: Policy, *, local_context: int) -> None:
        self._policy = policy
        self._local_context = local_context
        self._now = 0.0
        self._holds = StickySessions(CONVERSATIONS, clock=lambda: self._now)

    def decide(self, row: Row, features: Features | None, verdict: Verdict) -> Decision:
        """Decide a request, the conversation's earlier ones having been decided before."""
        team, self._now = row["team"], row["begun_at"]
        last = self._holds.last(team, features) if features else None
        decision = decide(
            RoutingInput(
                policy=self._policy,
                features=features,
                verdict=verdict if features else None,
                state=State(
                    local_context=self._local_context,
                    last=last,
                    move=Move(tokens=features.context_tokens, usd=0.0) if features else None,
                ),
                requested_model=row["asked_model"] or "",
                clearance=self._clearance(row, features),
                team=team,
                user=row["user"] or "",
            )
        )
        if features:
            self._holds.keep(team, features, verdict, decision)
        return decision

    def _clearance(self, row: Row, features: Features | None) -> Clearance:
        if row["cleared"] is False and self._policy.never_cloud.watches_content:
            return Clearance(allowed=False, why=row["private_why"] or "")
        return clear(self._policy, Exposure() if features else None, row["team"])


def replay(
    before: Policy, after: Policy, rows: Iterable[Row], *, local_context: int
) -> Iterator[ReplayedRequest]:
    """Decide each row under both policies; rows must come oldest first."""
    first, second = (PolicyReplay(policy, local_context=local_context) for policy in (before, after))
    for row in rows:
        if row["operation"] == "count":
            continue
        features = _features(row)
        verdict = Verdict(p_local=row["p_local"] or 0.0, kind=row["work"] or "", why="")
        yield ReplayedRequest(
            row=row,
            before=first.decide(row, features, verdict),
            after=second.decide(row, features, verdict),
        )


def _features(row: Row) -> Features | None:
    """What was read then; None where it could not be."""
    if (row["notes"] or "").startswith(UNREAD):
        return None
    return read_features(row)


def from_ledger(
    engine: "sa.Engine", *, team: str | None = None, since: float | None = None, until: float | None = None
) -> Iterator[Row]:
    """Read what is replayed from a ledger, oldest first, in chunks."""
    from router.ledger.export import chunks

    for rows in chunks(engine, team=team, since=since, until=until, columns=COLUMNS, size=CHUNK):
        for row in rows:
            yield cast("Row", row)


def from_parquet(
    folder: Path, *, team: str | None = None, since: float | None = None, until: float | None = None
) -> Iterator[Row]:
    """Read the same from what `turnout ledger export` wrote, a file at a time.

    Raises:
        Misconfigured: it is no export, or was made with fewer columns.
    """
    import polars as pl

    for file in _exported(folder):
        frame = pl.scan_parquet(file, hive_partitioning=False)
        missing = sorted(set(COLUMNS) - set(frame.collect_schema().names()))
        if missing:
            raise Misconfigured(f"--ledger: {file} has no column {missing[0]!r}; export it with all columns")
        frame = frame.select(COLUMNS)
        if team is not None:
            frame = frame.filter(pl.col("team") == team)
        if since is not None:
            frame = frame.filter(pl.col("begun_at") >= since)
        if until is not None:
            frame = frame.filter(pl.col("begun_at") < until)
        yield from frame.collect().iter_rows(named=True)


@contextmanager
def opened(
    location: str | None, *, team: str | None = None, since: float | None = None, until: float | None = None
) -> Iterator[tuple[Iterator[Row], int, str]]:
    """Open a ledger, or an export of one: its rows, about how many there are, and what to call it.

    Raises:
        Misconfigured: it is neither; before any row is read.
    """
    if location and Path(location).is_dir():
        yield (
            from_parquet(Path(location), team=team, since=since, until=until),
            _in_parquet(Path(location)),
            f"the export in {location}",
        )
        return
    # Opening a ledger makes one where there is none: a mistyped name would be an empty ledger.
    if location and "://" not in location and not Path(location).expanduser().exists():
        raise Misconfigured(f"--ledger: there is no file or folder {location}")
    from router.ledger.export import count
    from router.ledger.store import LedgerStore
    from router.settings import load_settings

    settings = load_settings(ledger=location)
    store = LedgerStore.of(settings, write=False)
    try:
        rows = from_ledger(store.engine, team=team, since=since, until=until)
        total = count(store.engine, team=team, since=since, until=until)
        yield rows, total, "the ledger's requests" if team is None else f"the requests of {team}"
    finally:
        store.close()


def _in_parquet(folder: Path) -> int:
    import polars as pl

    rows = pl.scan_parquet(_exported(folder), hive_partitioning=False).select(pl.len()).collect()
    return int(rows.item())


def _exported(folder: Path) -> list[Path]:
    """The files of an export, in the order of their rows.

    Raises:
        Misconfigured: there are none.
    """
    files = sorted(folder.glob("*/part-*.parquet"), key=lambda file: (file.name, file.parent.name))
    if not files:
        raise Misconfigured(f"--ledger: {folder} has no files that `turnout ledger export` wrote")
    return files
