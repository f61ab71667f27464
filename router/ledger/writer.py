"""From the journal into the database. Records may come twice; the second time changes nothing.

Everything begun goes in first, then everything finished, then the bills, then the roll-ups: a
finish finds its row, a bill sees all of the conversation that came before it, and what is added
up is whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa

from router.billing.bill import Bill, BilledRequest, Billing
from router.ledger.journal import Record, Values
from router.ledger.rollups import add
from router.ledger.rows import storable
from router.ledger.tables import BEGUN, BILLED, FINISHED, INSERT, feedback, requests
from router.types import USAGE_FIELDS, End

_inserts = {dialect: insert(requests).on_conflict_do_nothing() for dialect, insert in INSERT.items()}
_upserts = {
    dialect: (row := insert(feedback)).on_conflict_do_update(
        index_elements=["request_id"],
        set_={column: row.excluded[column] for column in ("team", "user", "verdict", "at")},
    )
    for dialect, insert in INSERT.items()
}

MANY = 500
"""Ids in one statement: databases limit how many values it may carry."""

_id = requests.c.id
_open = (
    sa.select(
        _id,
        *(
            requests.c[name]
            for name in (
                "operation",
                "asked_model",
                "rule",
                "track",
                "team",
                "key_id",
                "conversation",
                "begun_at",
                "context_tokens",
            )
        ),
    )
    .where(requests.c.finished_at.is_(None))
    .with_for_update()
)
_ending = (
    sa.update(requests)
    .where(_id == sa.bindparam("of"), requests.c.finished_at.is_(None))
    .values({name: sa.bindparam(f"new_{name}") for name in FINISHED})
)
_billing = (
    sa.update(requests)
    .where(_id == sa.bindparam("of"))
    .values({name: sa.bindparam(f"new_{name}") for name in BILLED})
)
_prompt = requests.c.input + requests.c.cache_read + requests.c.cache_write_5m + requests.c.cache_write_1h
_earlier_prompt = sa.select(sa.func.max(_prompt)).where(
    requests.c.team == sa.bindparam("team"),
    requests.c.conversation == sa.bindparam("conversation"),
    requests.c.begun_at < sa.bindparam("begun_at"),
    _prompt <= sa.bindparam("prompt"),
)
"""A conversation only grows, so the largest earlier prompt that fits into this one is its beginning."""


def post(connection: sa.Connection, records: Sequence[Record], billing: Billing) -> list[BilledRequest]:
    """Write `records` in the connection's transaction; the caller commits.

    Returns:
        What was spent by the rows that were finished now, and not before.
    """
    begun = [
        storable({name: values.get(name) for name in BEGUN}) for what, values in records if what == "begin"
    ]
    if begun:
        connection.execute(_inserts[connection.dialect.name], begun)
    ended: dict[str, Values] = {}
    for what, values in records:
        if what == "finish":
            ended.setdefault(values["id"], storable({"end": _end(values)} | values))
    return _finish(connection, ended, billing) if ended else []


def upsert_verdict(connection: sa.Connection, row: Values) -> None:
    """Write one verdict in the place of an earlier one on the same request; the caller commits."""
    connection.execute(_upserts[connection.dialect.name], row)


def _finish(connection: sa.Connection, ends: dict[str, Values], billing: Billing) -> list[BilledRequest]:
    rows = {row["id"]: row for row in _unfinished(connection, list(ends))}
    if not rows:
        return []
    for request_id, row in rows.items():
        if ends[request_id].get("cut_off"):
            ends[request_id] |= _cut_off(dict(row), ends[request_id], billing)
    connection.execute(_ending, [_bind(ends[request_id], FINISHED) for request_id in rows])
    bills, billed = [], []
    for request_id, row in rows.items():
        finished = {**row, **ends[request_id]}
        cached = _largest_earlier_prompt(connection, finished) if finished["served_track"] == "local" else 0
        bill = billing.bill(finished, cached)
        bills.append({"of": request_id, **{f"new_{name}": getattr(bill, name) for name in BILLED}})
        billed.append(_billed_request(finished, bill))
    connection.execute(_billing, bills)
    for batch in _batches(list(rows)):
        add(connection, batch)
    return billed


def _cut_off(row: Mapping[str, Any], end: Values, billing: Billing) -> Values:
    """What the row of a request that was cut off tells of its end: the cloud was reading its prompt."""
    if end["served_track"] == "local" or row["operation"] == "count":
        return {"served_track": row["track"], "usage_estimated": False}
    return {"served_model": billing.usual_model(row), "input": row["context_tokens"]}


def _end(values: Values) -> End:
    """How a request ended, by a record that an earlier version left: its status and error tell."""
    status, error = values.get("status") or 0, values.get("error") or ""
    if status == HTTPStatus.OK and (not error or error.startswith("estimated (")):
        return "complete"
    return "client_left" if error == "the client hung up" else "failed"


def _billed_request(row: Mapping[str, Any], bill: Bill) -> BilledRequest:
    return BilledRequest(
        id=row["id"],
        team=row["team"],
        key_id=row["key_id"] or "",
        begun_at=row["begun_at"],
        usd=bill.budget_usd,
        track=row["served_track"],
        bill=bill,
    )


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + MANY] for start in range(0, len(ids), MANY))


def _unfinished(connection: sa.Connection, ids: Sequence[str]) -> Iterator[sa.RowMapping]:
    for batch in _batches(ids):
        yield from connection.execute(_open.where(_id.in_(batch))).mappings()


def _largest_earlier_prompt(connection: sa.Connection, row: Mapping[str, Any]) -> int:
    if not row["conversation"]:
        return 0
    prompt = sum(row[column] or 0 for column in USAGE_FIELDS if column != "output")
    return connection.execute(_earlier_prompt, {**row, "prompt": prompt}).scalar() or 0


def _bind(values: Mapping[str, Any], names: Sequence[str]) -> Values:
    return {"of": values["id"], **{f"new_{name}": values.get(name) for name in names}}
