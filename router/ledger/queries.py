"""What reports and the dashboard read from the ledger, from roll-ups where there are any.

Every answer is exact: whole UTC hours come from the roll-ups, what is under way or was cut off
comes from the rows, and so do the ends of a period that begins or ends within an hour (as a day
does in India). Only where retention has already removed the rows of such an hour does the whole
hour count to the period in which it began.

Times are seconds since the epoch, UTC; a period holds what began in `since <= begun_at < until`.
Nothing here computes a rate or a percentage: `Totals` has the counts, and `Totals.sums` adds up.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import sqlalchemy as sa

from router.ledger.rollups import (
    DIMENSIONS,
    HOUR,
    LATENCIES,
    MEASURES,
    bucket_middle,
    bucket_of,
    positions,
    sum_of,
)
from router.ledger.tables import RARE, Rare, hourly, latencies, requests

Dimension = Literal[
    "team", "user", "client", "kind", "policy", "rule", "track", "model", "escalated", "degraded"
]
"""What totals may be taken by. `escalated` and `degraded` are causes, empty where nothing moved."""
Measure = Literal["first_byte", "total", "overhead", "typed_first", "typed_total"]
Row = sa.RowMapping
Select = sa.Select[*tuple[Any, ...]]

_row = requests.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the requests of one group add up to.

    `sums` has a number for every name in `rollups.MEASURES`: `requests` (all that began, also the
    `unfinished`), of those `held`, `private`, `private_left`, `failed`, `hung_up`, `estimated`,
    `stuck`, `would_local`; tokens by column; dollars where they are known, with `cost_known` and
    `baseline_known` telling of how many requests. A saving is `compared_baseline_usd -
    compared_cost_usd`, of the `compared` requests that have both; its high end is
    `compared_cold_usd - compared_cost_usd`.
    """

    key: tuple[str, ...]
    """Values of the dimensions that were asked for, in their order; empty for the whole."""
    since: float
    until: float
    sums: Mapping[str, float]

    def __getitem__(self, measure: str) -> float:
        """Return one sum by its name."""
        return self.sums[measure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How long something took, in buckets that grow by a tenth; see `rollups.GROWTH`."""

    buckets: Mapping[int, int]
    """How many requests fell into each bucket."""

    @property
    def count(self) -> int:
        """How many requests it is of."""
        return sum(self.buckets.values())

    def quantile(self, share: float) -> float | None:
        """The time, in seconds, within which `share` (0..1) of them were; 5% off at most, None of none."""
        target, count = share * self.count, 0
        for bucket in sorted(self.buckets):
            count += self.buckets[bucket]
            if count >= target:
                return bucket_middle(bucket)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Selects rows; a field that is None selects all."""

    team: str | None = None
    user: str | None = None
    client: str | None = None
    track: str | None = None
    """The track that served; while a request is under way, the one decided on."""
    rule: str | None = None
    policy: str | None = None
    kind: str | None = None
    conversation: str | None = None
    rare: Rare | None = None
    since: float | None = None
    until: float | None = None

    def clauses(self) -> Iterator[sa.ColumnElement[bool]]:
        """Yield the conditions of a WHERE clause."""
        for name in ("team", "user", "client", "rule", "policy", "kind", "conversation"):
            if (value := getattr(self, name)) is not None:
                yield _row[name] == value
        if self.track is not None:
            yield DIMENSIONS["track"] == self.track
        if self.rare is not None:
            yield RARE[self.rare]
        if self.since is not None:
            yield _row.begun_at >= self.since
        if self.until is not None:
            yield _row.begun_at < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows, newest first, and where the next page begins."""

    rows: Sequence[Row]
    after: str
    """What `recent` takes for the next page; empty after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodPart:
    """A part of a period, and where it is read from."""

    since: float
    until: float
    from_rows: bool


@dataclass(slots=True)
class _Sums:
    """Adds up rows of measures by group."""

    by_key: dict[tuple[Any, ...], dict[str, float]] = field(default_factory=dict)

    def take(self, rows: Iterable[sa.RowMapping], key: Sequence[str], *before: Any) -> None:
        for row in rows:
            sums = self.by_key.setdefault((*before, *(row[name] for name in key)), dict.fromkeys(MEASURES, 0))
            for name in MEASURES:
                sums[name] += row[name]


def totals(
    connection: sa.Connection,
    since: float,
    until: float,
    *,
    by: Sequence[Dimension] = (),
    team: str | None = None,
    user: str | None = None,
) -> list[Totals]:
    """Add up a period.

    Args:
        connection: Of a ledger.
        since: Its beginning.
        until: Its end, itself left out.
        by: Groups; several for each combination, e.g. `("team", "track")`.
        team: Of one team only.
        user: Of one user only.

    Returns:
        A group each, the one with most requests first; without `by` exactly one.
    """
    return series(connection, (since, until), by=by, team=team, user=user)


def series(
    connection: sa.Connection,
    edges: Sequence[float],
    *,
    by: Sequence[Dimension] = (),
    team: str | None = None,
    user: str | None = None,
) -> list[Totals]:
    """Add up each period between two neighbouring `edges`, e.g. the days of a month in a team's zone.

    Returns:
        By period, oldest first, and within it the group with most requests first. Without `by`
        there is one for every period, an empty one too.
    """
    sums = _Sums()
    if not by:
        for since in edges[:-1]:
            sums.by_key[since,] = dict.fromkeys(MEASURES, 0)
    owner = {"team": team, "user": user}
    for part in _parts(connection, edges):
        start = edges[bisect_right(edges, part.since) - 1]
        if part.from_rows:
            sums.take(_of_rows(connection, _within(part), by, owner), by, start)
        elif len(edges) == 2:  # noqa: PLR2004 - one period
            sums.take(_of_hours(connection, part, by, owner), by, start)
        else:
            for row in _of_hours(connection, part, by, owner, hour=True):
                sums.take([row], by, edges[bisect_right(edges, row["hour"]) - 1])
    for row in _of_rows(connection, _under_way(edges), by, owner, hour=True):
        sums.take([row], by, edges[bisect_right(edges, row["begun_at"]) - 1])
    ends = dict(pairwise(edges))
    groups = [
        Totals(key=key[1:], since=key[0], until=ends[key[0]], sums=added)
        for key, added in sums.by_key.items()
    ]
    return sorted(groups, key=lambda group: (group.since, -group["requests"], group.key))


def latency(
    connection: sa.Connection,
    since: float,
    until: float,
    *,
    measure: Measure = "total",
    by: Sequence[Literal["team", "track"]] = ("track",),
    team: str | None = None,
) -> dict[tuple[str, ...], Histogram]:
    """Count finished requests by how long they took: to the first byte, in total, or what routing added."""
    buckets: dict[tuple[str, ...], dict[int, int]] = {}
    for part in _parts(connection, (since, until)):
        for *key, bucket, count in connection.execute(_latency(part, measure, by, team)):
            histogram = buckets.setdefault(tuple(key), {})
            histogram[bucket] = histogram.get(bucket, 0) + count
    return {key: Histogram(buckets=histogram) for key, histogram in sorted(buckets.items())}


def recent(
    connection: sa.Connection, which: Filter | None = None, *, limit: int = 50, after: str = ""
) -> Page:
    """Read rows, newest first, a page at a time.

    Args:
        connection: Of a ledger.
        which: Only these.
        limit: The most rows to return.
        after: `Page.after` of the page before; a page stays in its place while new rows come.

    Raises:
        ValueError: `after` is not from a page.
    """
    query = sa.select(requests).where(*(which or Filter()).clauses())
    if after:
        begun_at, _, last = after.partition("~")
        then = float(begun_at)
        query = query.where(_row.begun_at <= then, (_row.begun_at < then) | (_row.id > last))
    rows = list(connection.execute(query.order_by(_row.begun_at.desc(), _row.id).limit(limit + 1)).mappings())
    return page_of(rows, limit)


def page_of(rows: Sequence[Row], limit: int) -> Page:
    """Cut a page from `rows`, newest first, of which there is one more than `limit` if a page follows."""
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(rows=rows[:limit], after=f"{last['begun_at']!r}~{last['id']}" if last else "")


def request(connection: sa.Connection, request_id: str) -> Row | None:
    """Read a row by the request's id; None if it does not exist."""
    return connection.execute(sa.select(requests).where(_row.id == request_id)).mappings().first()


def names(connection: sa.Connection, dimension: Dimension, since: float, until: float) -> list[str]:
    """List the values that a dimension had in a period, in alphabetical order."""
    column = hourly.c[dimension]
    query = sa.select(column).where(hourly.c.hour >= since - since % HOUR, hourly.c.hour < until)
    return sorted(value for (value,) in connection.execute(query.distinct()) if value)


def coverage(connection: sa.Connection) -> tuple[float | None, float | None]:
    """Return when the oldest row and the oldest roll-up began; None without any."""
    first = connection.execute(sa.select(sa.func.min(_row.begun_at))).scalar()
    return first, connection.execute(sa.select(sa.func.min(hourly.c.hour))).scalar()


def _parts(connection: sa.Connection, edges: Sequence[float]) -> Iterator[PeriodPart]:
    """Cut a period into whole hours, from the roll-ups, and what is left at each edge, from the rows."""
    oldest = connection.execute(sa.select(sa.func.min(_row.begun_at))).scalar()
    oldest = float("inf") if oldest is None else oldest - oldest % HOUR
    ragged = [edge for edge in edges if edge % HOUR and edge - edge % HOUR >= oldest]
    hours = sorted({edge - edge % HOUR for edge in ragged})
    at = edges[0] if edges[0] in ragged else -(-edges[0] // HOUR) * HOUR
    for hour in hours:
        if at < hour:
            yield PeriodPart(since=at, until=hour, from_rows=False)
        cuts = [max(hour, edges[0]), *(edge for edge in ragged if hour < edge < hour + HOUR)]
        cuts.append(min(hour + HOUR, edges[-1]))
        for since, until in pairwise(cuts):
            if since < until:
                yield PeriodPart(since=since, until=until, from_rows=True)
        at = hour + HOUR
    if at < edges[-1]:
        yield PeriodPart(since=at, until=edges[-1], from_rows=False)


def _within(part: PeriodPart) -> list[sa.ColumnElement[bool]]:
    return [_row.begun_at >= part.since, _row.begun_at < part.until, _row.finished_at.is_not(None)]


def _under_way(edges: Sequence[float]) -> list[sa.ColumnElement[bool]]:
    return [_row.begun_at >= edges[0], _row.begun_at < edges[-1], _row.finished_at.is_(None)]


def _of_rows(
    connection: sa.Connection,
    which: Sequence[sa.ColumnElement[bool]],
    by: Sequence[str],
    owner: Mapping[str, str | None],
    *,
    hour: bool = False,
) -> Iterator[sa.RowMapping]:
    key: list[Any] = [DIMENSIONS[name].label(name) for name in by]
    if hour:
        key.append(_row.begun_at.label("begun_at"))
    clauses = [DIMENSIONS[name] == value for name, value in owner.items() if value is not None]
    query = sa.select(*key, *map(sum_of, MEASURES)).where(*which, *clauses)
    query = query.group_by(*positions(key)) if key else query
    yield from connection.execute(query).mappings()


def _of_hours(
    connection: sa.Connection,
    part: PeriodPart,
    by: Sequence[str],
    owner: Mapping[str, str | None],
    *,
    hour: bool = False,
) -> Iterator[sa.RowMapping]:
    key: list[Any] = [hourly.c[name] for name in (("hour", *by) if hour else by)]
    clauses = [hourly.c[name] == value for name, value in owner.items() if value is not None]
    sums = [
        sa.cast(sa.func.coalesce(sa.func.sum(hourly.c[name]), 0), hourly.c[name].type).label(name)
        for name in MEASURES
    ]
    query = sa.select(*key, *sums).where(hourly.c.hour >= part.since, hourly.c.hour < part.until, *clauses)
    query = query.group_by(*positions(key)) if key else query
    yield from connection.execute(query).mappings()


def _latency(part: PeriodPart, measure: Measure, by: Sequence[str], team: str | None) -> Select:
    key: list[Any]
    query: Select
    if part.from_rows:
        seconds = LATENCIES[measure]
        key = [*(DIMENSIONS[name].label(name) for name in by), bucket_of(seconds).label("bucket")]
        query = sa.select(*key, sa.func.count()).where(*_within(part), seconds.is_not(None))
        column = _row.team
    else:
        here = latencies.c
        key = [*(here[name] for name in by), here.bucket]
        query = sa.select(*key, sa.cast(sa.func.sum(here.requests), sa.BigInteger)).where(
            here.hour >= part.since, here.hour < part.until, here.measure == measure
        )
        column = here.team
    if team is not None:
        query = query.where(column == team)
    return query.group_by(*positions(key))
