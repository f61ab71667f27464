"""The numbers of a report as the ledger has them: sums, histograms and rows.

Almost everything comes from the hourly roll-ups; only examples, verdicts and repeated requests
need single rows. Totals, days, tracks and rules are all added up from the same list, `Facts.rows`,
so they cannot disagree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import sqlalchemy as sa

from router.billing.break_even import Economics
from router.ledger import queries
from router.ledger.budget_status import BudgetStatus
from router.ledger.queries import Dimension, Filter, Histogram, Measure, Row, Totals
from router.ledger.rollups import COMPLETION
from router.ledger.tables import Rare, feedback, requests
from router.ledger.turns import count_retries
from router.reports import totals
from router.reports.scope import Scope

EXAMPLES_PER_KIND = 5
"""Number of example requests per kind."""
DIMENSIONS: Mapping[str, Sequence[Dimension]] = {
    "user": ("team", "user", "track"),
    "client": ("client", "track"),
    "kind": ("kind", "track"),  # of all requests; the others leave completions out
    "model": ("model",),
    "policy": ("policy",),
    "escalated": ("escalated",),
    "degraded": ("degraded",),
}
"""Groupings besides `Facts.rows`, by name."""
EXAMPLE_KINDS: Sequence[Rare] = ("escalated", "degraded", "private", "failed")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All data of a report."""

    scope: Scope
    created_at: float
    rows: Sequence[Totals]
    """By day, team, track and rule; without completions, as all that follows from it."""
    previous: Sequence[Totals]
    """By track, over the preceding period of equal length: for the trend."""
    groups: Mapping[str, Sequence[Totals]]
    """By the dimensions of `BY`."""
    first_byte: Mapping[str, Histogram]
    """By track."""
    seconds: Mapping[str, Histogram]
    completions: Mapping[str, Totals]
    """Completions that editors asked for while somebody typed, by track."""
    typed_first: Mapping[str, Histogram]
    """How long completions took to their first token, by track."""
    typed_total: Mapping[str, Histogram]
    overhead: Mapping[str, Histogram]
    asked_again: int
    """Local answers after which the user soon repeated the request."""
    verdicts: Mapping[tuple[str, str], int]
    """Number of verdicts by track and verdict."""
    examples: Mapping[Rare, Sequence[Row]]
    """The newest requests of each kind in `EXAMPLE_KINDS`."""
    rows_since: float | None
    """Time of the first row; None without rows."""
    data_since: float | None
    """Time of the first row or roll-up; None for an empty ledger."""
    budgets: Sequence[BudgetStatus] = ()
    economics: Economics | None = None

    @cached_property
    def total(self) -> Totals:
        """Sums over the whole period."""
        edges = self.scope.edges
        return totals.merge(self.rows).get((), totals.empty(edges[0], edges[-1]))

    @cached_property
    def tracks(self) -> Mapping[str, Totals]:
        """Sums by the track that served; the key is empty for refused requests."""
        return {key[0]: group for key, group in totals.group_by(self.rows, 1).items()}

    @cached_property
    def days(self) -> Sequence[Mapping[str, Totals]]:
        """Sums by track for each day of the period; a day without requests is empty."""
        groups_by_day: dict[float, list[Totals]] = {}
        for group in self.rows:
            groups_by_day.setdefault(group.since, []).append(group)
        return [
            {key[0]: group for key, group in totals.group_by(groups_by_day.get(since, ()), 1).items()}
            for since in self.scope.edges[:-1]
        ]

    @property
    def local(self) -> float:
        """Number of requests that the local track served."""
        return self.tracks["local"]["requests"] if "local" in self.tracks else 0


def query_facts(connection: sa.Connection, scope: Scope, now: float) -> Facts:
    """Query everything a report needs, in one transaction.

    Args:
        connection: To a ledger that others may be writing to.
        scope: Team and period.
        now: Seconds since the epoch.
    """
    edges, team = scope.edges, scope.team
    since, until = edges[0], edges[-1]
    period = Filter(team=team, since=since, until=until)
    rows_since, hours_since = queries.coverage(connection)

    def by(*dimensions: Dimension) -> list[Totals]:
        every = queries.totals(connection, since, until, by=(*dimensions, "kind"), team=team)
        return _without_completions(every)

    def latency(measure: Measure) -> dict[str, Histogram]:
        return _by_track(queries.latency(connection, since, until, measure=measure, team=team))

    before = queries.totals(connection, *scope.previous_period(now), by=("track", "kind"), team=team)
    kinds = queries.totals(connection, since, until, by=DIMENSIONS["kind"], team=team)
    return Facts(
        scope=scope,
        created_at=now,
        rows=_without_completions(
            queries.series(connection, edges, by=("team", "track", "rule", "kind"), team=team)
        ),
        previous=_without_completions(before),
        groups={
            name: kinds if name == "kind" else by(*dimensions) for name, dimensions in DIMENSIONS.items()
        },
        completions={group.key[1]: group for group in kinds if group.key[0] == COMPLETION},
        first_byte=latency("first_byte"),
        seconds=latency("total"),
        typed_first=latency("typed_first"),
        typed_total=latency("typed_total"),
        overhead=latency("overhead"),
        asked_again=count_retries(connection, since, until, team=team),
        verdicts=_verdicts(connection, period),
        examples={
            rare: queries.recent(connection, replace(period, rare=rare), limit=EXAMPLES_PER_KIND).rows
            for rare in EXAMPLE_KINDS
        },
        rows_since=rows_since,
        data_since=min((at for at in (rows_since, hours_since) if at is not None), default=None),
    )


def _without_completions(groups: Iterable[Totals]) -> list[Totals]:
    """Leave out completions, and the kind, which is the last part of each key; in the order that was."""
    chats = [group for group in groups if group.key[-1] != COMPLETION]
    periods = dict.fromkeys((group.since, group.until) for group in chats)
    return [
        merged
        for period in periods
        for merged in totals.merge(
            (group for group in chats if (group.since, group.until) == period), lambda group: group.key[:-1]
        ).values()
    ]


def _by_track(histograms: Mapping[tuple[str, ...], Histogram]) -> dict[str, Histogram]:
    return {track: histogram for (track,), histogram in histograms.items()}


def _verdicts(connection: sa.Connection, period: Filter) -> dict[tuple[str, str], int]:
    """Count the verdicts on requests that began in the period."""
    query = (
        sa.select(requests.c.served_track, feedback.c.verdict, sa.func.count())
        .join_from(feedback, requests, feedback.c.request_id == requests.c.id)
        .where(*period.clauses())
        .group_by(requests.c.served_track, feedback.c.verdict)
    )
    return {(track or "", verdict): count for track, verdict, count in connection.execute(query)}
