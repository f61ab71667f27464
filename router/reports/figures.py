"""The numbers of a report, as the ledger has them: sums, histograms and rows, nothing worded yet.

Everything but the newest few requests and the two questions that only rows can answer comes from
the hourly roll-ups. What is told by day, team, track and rule is one list, `rows`, and the whole,
the days, the tracks and the rules are added up from it: they cannot disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import sqlalchemy as sa

from router.billing.break_even import Economics
from router.ledger import queries
from router.ledger.budgets import Balance
from router.ledger.queries import Dimension, Filter, Histogram, Row, Totals
from router.ledger.tables import Rare, feedback, requests
from router.ledger.turns import count_retries
from router.reports import totals
from router.reports.scope import Scope

EXAMPLES = 5
"""Requests named for each thing that deserves a look."""
BY: Mapping[str, Sequence[Dimension]] = {
    "user": ("team", "user", "track"),
    "client": ("client", "track"),
    "kind": ("kind", "track"),
    "model": ("model",),
    "policy": ("policy",),
    "escalated": ("escalated",),
    "degraded": ("degraded",),
}
"""What requests are grouped by, besides `rows`."""
LOOKED_AT: Sequence[Rare] = ("escalated", "degraded", "private", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a budget stands now."""

    team: str
    key: str
    """Whose of the team's keys; empty for the team's own budget."""
    per: str
    over: str
    """What happens once it is used up: `local` or `error`."""
    balance: Balance


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that a report says comes from here."""

    scope: Scope
    made_at: float
    rows: Sequence[Totals]
    """By day, and within it by team, track and rule."""
    before: Sequence[Totals]
    """By track, of the same stretch of time before: for the trend."""
    by: Mapping[str, Sequence[Totals]]
    """By the dimensions of `BY`."""
    first_byte: Mapping[str, Histogram]
    """By track."""
    seconds: Mapping[str, Histogram]
    overhead: Mapping[str, Histogram]
    asked_again: int
    """Local answers after which the user soon asked the same again."""
    verdicts: Mapping[tuple[str, str], int]
    """How often people said what of an answer, by track and verdict."""
    examples: Mapping[Rare, Sequence[Row]]
    """The newest few requests of each kind that deserves a look."""
    kept_since: float | None
    """From when on there are rows; None where there are none."""
    known_since: float | None
    """From when on anything is known at all."""
    budgets: Sequence[Standing] = ()
    economics: Economics | None = None

    @cached_property
    def whole(self) -> Totals:
        """All of it."""
        edges = self.scope.edges
        return totals.merge(self.rows).get((), totals.zero(edges[0], edges[-1]))

    @cached_property
    def tracks(self) -> Mapping[str, Totals]:
        """By the track that served; empty for what was refused."""
        return {key[0]: one for key, one in totals.by(self.rows, 1).items()}

    @cached_property
    def days(self) -> Sequence[Mapping[str, Totals]]:
        """Each day of the period by track; a day without requests is there, and empty."""
        of_day: dict[float, list[Totals]] = {}
        for one in self.rows:
            of_day.setdefault(one.since, []).append(one)
        return [
            {key[0]: one for key, one in totals.by(of_day.get(since, ()), 1).items()}
            for since in self.scope.edges[:-1]
        ]

    @property
    def local(self) -> float:
        """Requests that the own machine served."""
        return self.tracks["local"]["requests"] if "local" in self.tracks else 0


def gather(connection: sa.Connection, scope: Scope, now: float) -> Facts:
    """Ask the ledger everything that a report says, within one transaction.

    Args:
        connection: Of a ledger; posting may go on meanwhile.
        scope: Whose, and when.
        now: Seconds since the epoch.
    """
    edges, team = scope.edges, scope.team
    since, until = edges[0], edges[-1]
    here = Filter(team=team, since=since, until=until)
    rows_since, hours_since = queries.coverage(connection)
    return Facts(
        scope=scope,
        made_at=now,
        rows=queries.series(connection, edges, by=("team", "track", "rule"), team=team),
        before=queries.totals(connection, *scope.before(now), by=("track",), team=team),
        by={
            name: queries.totals(connection, since, until, by=dimensions, team=team)
            for name, dimensions in BY.items()
        },
        first_byte=_by_track(queries.latency(connection, since, until, measure="first_byte", team=team)),
        seconds=_by_track(queries.latency(connection, since, until, measure="total", team=team)),
        overhead=_by_track(queries.latency(connection, since, until, measure="overhead", team=team)),
        asked_again=count_retries(connection, since, until, team=team),
        verdicts=_verdicts(connection, here),
        examples={
            rare: queries.recent(connection, replace(here, rare=rare), limit=EXAMPLES).rows
            for rare in LOOKED_AT
        },
        kept_since=rows_since,
        known_since=min((at for at in (rows_since, hours_since) if at is not None), default=None),
    )


def _by_track(found: Mapping[tuple[str, ...], Histogram]) -> dict[str, Histogram]:
    return {track: histogram for (track,), histogram in found.items()}


def _verdicts(connection: sa.Connection, here: Filter) -> dict[tuple[str, str], int]:
    """Count what people said of the requests that began in the period."""
    said = (
        sa.select(requests.c.served_track, feedback.c.verdict, sa.func.count())
        .join_from(feedback, requests, feedback.c.request_id == requests.c.id)
        .where(*here.clauses())
        .group_by(requests.c.served_track, feedback.c.verdict)
    )
    return {(track or "", verdict): count for track, verdict, count in connection.execute(said)}
