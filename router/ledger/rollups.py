"""Hourly roll-ups: what a report needs of millions of requests, in thousands of rows.

Three rules hold here.

1. A roll-up is a sum of finished rows, and what a row adds to it is said once, in SQL:
   `DIMENSIONS` and `MEASURES` over the table of requests. Posting, the first filling, the ragged
   ends of a period and the tests all read the same expressions.
2. A row is added in the transaction that finishes it. Until then it is in no roll-up: what is
   under way, or was cut off by a crash, is counted from the rows themselves (`requests_unfinished`
   is its index). So a row that finishes a day late is simply added then, to the hour it began in.
3. Hours are UTC hours. A period that begins or ends within one takes that part from the rows.
"""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from router.ledger.tables import INSERT, hourly, latencies, requests
from router.types import USAGE_FIELDS

Select = sa.Select[*tuple[Any, ...]]

HOUR = 3600
GROWTH = 1.1
"""Each bucket of latencies reaches 1.1 times as far as the one before: its middle is at most 5% off."""
LEAST_S = 1e-5
"""What is quicker counts as this."""
STUCK = 3
"""The third identical call in a row: counted once for each time a turn gets stuck."""

_row = requests.c


def hour_of(begun_at: sa.ColumnElement[float]) -> sa.ColumnElement[int]:
    """The first second of the hour."""
    return sa.cast(sa.func.floor(begun_at / HOUR) * HOUR, sa.BigInteger)


def _word(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return sa.func.coalesce(column, "")


def _if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.case((condition, 1), else_=0)


_counting = _row.operation == "count"
_both = _row.cost_usd.is_not(None) & _row.baseline_usd.is_not(None)
_went_out = (_row.served_track == "cloud") | _row.attempts.contains('"track":"cloud"')

DIMENSIONS: dict[str, sa.ColumnElement[str]] = {
    "team": _row.team,
    "user": _word(_row.user),
    "client": _word(_row.client),
    "kind": sa.case((_counting, "count"), else_=_word(_row.kind)),
    "policy": _word(_row.policy),
    "rule": _word(_row.rule),
    "track": sa.func.coalesce(_row.served_track, _row.track, ""),
    "model": _word(_row.served_model),
    "escalated": _word(_row.escalated),
    "degraded": _word(_row.degraded),
}
"""What is counted apart. Of a row that is not finished: the track it was decided for, and no model."""

COUNTS: dict[str, sa.ColumnElement[int]] = {
    "requests": sa.literal_column("1"),
    "unfinished": _if(_row.finished_at.is_(None)),
    "held": _if(_row.held.is_(True)),
    "would_local": _if(_row.would == "local"),
    "private": _if(_row.cleared.is_(False)),
    "private_left": _if(_row.cleared.is_(False) & _went_out),
    "failed": _if(_row.end == "failed"),
    "hung_up": _if(_row.end == "client_left"),
    "estimated": _if(_row.usage_estimated.is_(True) | _row.attempts.contains('"estimated":true')),
    "stuck": _if((_row.repeat_streak == STUCK) & (_row.served_track == "local")),
    **{name: _row[name] for name in USAGE_FIELDS},
    "cost_known": _if(_row.cost_usd.is_not(None)),
    "baseline_known": _if(_row.baseline_usd.is_not(None)),
    "compared": _if(_both),
}
SUMS: dict[str, sa.ColumnElement[float]] = {
    "cost_usd": _row.cost_usd,
    "local_usd": _row.local_usd,
    "wasted_usd": _row.wasted_usd,
    "baseline_usd": _row.baseline_usd,
    "baseline_cold_usd": _row.baseline_cold_usd,
    "compared_cost_usd": sa.case((_both, _row.cost_usd)),
    "compared_baseline_usd": sa.case((_both, _row.baseline_usd)),
    "compared_cold_usd": sa.case((_both, sa.func.coalesce(_row.baseline_cold_usd, _row.baseline_usd))),
    "engine_s": _row.engine_s,
}
MEASURES = {**COUNTS, **SUMS}
"""What each row adds; null adds nothing."""

COMPLETION = "autocomplete"
"""The kind of what an editor asks for while one types: so many, and so short, that they are counted apart."""
_completes = _word(_row.kind) == COMPLETION
LATENCIES: dict[str, sa.ColumnElement[float]] = {
    "first_byte": sa.case((_completes, None), else_=_row.first_byte_s),
    "total": sa.case((_completes, None), else_=_row.seconds),
    "typed_first": sa.case((_completes, _row.first_byte_s)),
    "typed_total": sa.case((_completes & (_row.end == "complete"), _row.seconds)),
    "overhead": _row.overhead_s,
}
"""What has a histogram, by hour, team and track; `typed_*` of completions, those given up left out."""


def sum_of(name: str) -> sa.ColumnElement[float]:
    """The sum of one measure over rows; 0 over none."""
    total = sa.func.coalesce(sa.func.sum(MEASURES[name]), 0)
    return sa.cast(total, hourly.c[name].type).label(name)


def bucket_of(seconds: sa.ColumnElement[float]) -> sa.ColumnElement[int]:
    """Which bucket of the histogram a time falls into: floor(log(seconds) / log(GROWTH))."""
    least = sa.case((seconds < LEAST_S, LEAST_S), else_=seconds)
    steps = sa.func.ln(least) / sa.literal_column(f"ln({GROWTH})")
    return sa.cast(sa.func.floor(steps), sa.Integer)


def bucket_middle(bucket: int) -> float:
    """The seconds that a bucket stands for: the geometric middle of what it holds."""
    return float(GROWTH ** (bucket + 0.5))


def positions(key: Sequence[object]) -> list[sa.ColumnElement[int]]:
    """Name the first columns of a SELECT by their number, to group and to order by."""
    return [sa.literal_column(str(number + 1)) for number in range(len(key))]


def add(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Add rows that were just finished, by id; the caller commits both together."""
    parameters = (json.dumps(ids),) if connection.dialect.name == "sqlite" else (list(ids),)
    for statement in _add_statements(connection.dialect):
        connection.exec_driver_sql(statement, parameters)


def add_all(connection: sa.Connection) -> None:
    """Fill the roll-ups, which must be empty, from all finished rows."""
    add_where(connection, _row.finished_at.is_not(None))


def add_unfinished(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Add rows that never finished and are about to be removed; they took no time that is known."""
    which = _row.id.in_(ids) & _row.finished_at.is_(None)
    connection.execute(_upsert_sums(connection.dialect, hourly, _hours(which), tuple(MEASURES)))


def add_where(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Add the rows that `which` holds for, each of which must be in no roll-up yet."""
    for statement in _statements(connection.dialect, which):
        connection.execute(statement)


@lru_cache(maxsize=4)
def _add_statements(dialect: sa.Dialect) -> tuple[str, ...]:
    """The statements of `add` as text: SQLAlchemy would write them anew each time, which takes 10 ms."""
    ids = "(SELECT value FROM json_each(?))" if dialect.name == "sqlite" else "(SELECT unnest(%s::text[]))"
    statements = _statements(dialect, sa.literal_column("_WHICH_"))
    texts = (
        str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        for statement in statements
    )
    return tuple(text.replace("_WHICH_", f"requests.id IN {ids}") for text in texts)


def _statements(dialect: sa.Dialect, which: sa.ColumnElement[bool]) -> Iterator[Any]:
    yield _upsert_sums(dialect, hourly, _hours(which), tuple(MEASURES))
    for measure in LATENCIES:
        yield _upsert_sums(dialect, latencies, _buckets(measure, which), ("requests",))


def _upsert_sums(dialect: sa.Dialect, table: sa.Table, rows: Select, measures: Sequence[str]) -> Any:
    more = INSERT[dialect.name](table).from_select([*table.c.keys()], rows)
    return more.on_conflict_do_update(
        index_elements=[*table.primary_key],
        set_={name: table.c[name] + more.excluded[name] for name in measures},
    )


def _hours(which: sa.ColumnElement[bool]) -> Select:
    """What rows add; in the order of the key, so that two writers never wait for each other."""
    key: list[Any] = [
        hour_of(_row.begun_at).label("hour"),
        *(expression.label(name) for name, expression in DIMENSIONS.items()),
    ]
    position = positions(key)
    return sa.select(*key, *map(sum_of, MEASURES)).where(which).group_by(*position).order_by(*position)


def _buckets(measure: str, which: sa.ColumnElement[bool]) -> Select:
    seconds = LATENCIES[measure]
    key: list[Any] = [
        hour_of(_row.begun_at).label("hour"),
        _row.team,
        DIMENSIONS["track"].label("track"),
        sa.literal_column(f"'{measure}'").label("measure"),
        bucket_of(seconds).label("bucket"),
    ]
    position = positions(key)
    query = sa.select(*key, sa.func.count().label("requests")).where(which, seconds.is_not(None))
    return query.group_by(*position).order_by(*position)
