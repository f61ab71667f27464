"""The ledger's rows as Parquet files, one folder for each month or day: what other tools read.

    DIR/month=2026-11/part-00000.parquet

Times stay seconds since the epoch, UTC, and a month or day is one in UTC. Rows are read a chunk at
a time, each in a short transaction of its own: memory is bounded, and neither writers nor SQLite's
checkpoints wait for an export. A file appears whole or not at all.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from router.errors import Misconfigured
from router.ledger.queries import Filter
from router.ledger.tables import requests
from router.system.files import make_folder, open_private

CHUNK = 50_000
"""Rows held in memory at once."""

Part = Literal["month", "day"]
_NAMES: dict[Part, str] = {"month": "%Y-%m", "day": "%Y-%m-%d"}


def export(
    engine: sa.Engine,
    to: Path,
    *,
    team: str | None = None,
    since: float | None = None,
    until: float | None = None,
    by: Part = "month",
    columns: tuple[str, ...] = (),
    chunk: int = CHUNK,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write rows, oldest first.

    Args:
        engine: Of a ledger.
        to: A folder that is not there yet, or is empty.
        team: Of one team only.
        since: Only what began at or after this.
        until: Only what began before this.
        by: What each folder holds.
        columns: Of the table of requests; all unless named.
        chunk: Rows held in memory at once.
        progress: Called with how many rows are written so far.

    Returns:
        How many rows were written.

    Raises:
        Misconfigured: the folder cannot be written, or something is in it.
    """
    try:
        make_folder(to)
        if any(to.iterdir()):
            raise Misconfigured(f"--to: {to} is not empty; name a new folder")
    except OSError as error:
        raise Misconfigured(f"--to: cannot write to {to} ({error.strerror}); name another folder") from error
    written = 0
    pages = chunks(engine, team=team, since=since, until=until, columns=columns, size=chunk)
    for number, rows in enumerate(pages):
        for name, group in groupby(rows, key=lambda row: _part(row, by)):
            folder = to / f"{by}={name}"
            make_folder(folder)
            written += _write(list(group), folder / f"part-{number:05}.parquet", columns)
        progress(written)
    return written


def chunks(
    engine: sa.Engine,
    *,
    team: str | None = None,
    since: float | None = None,
    until: float | None = None,
    columns: tuple[str, ...] = (),
    size: int = CHUNK,
) -> Iterator[list[sa.RowMapping]]:
    """Read rows, oldest first, a bounded number at a time; `begun_at` and `id` are always among them."""
    read = list(dict.fromkeys([*(columns or requests.c.keys()), "begun_at", "id"]))
    oldest = sa.select(*(requests.c[name] for name in read)).order_by(requests.c.begun_at, requests.c.id)
    oldest = oldest.where(*Filter(team=team, until=until).clauses())
    after, last = (float("-inf") if since is None else since), ""
    while True:
        then = sa.or_(requests.c.begun_at > after, requests.c.id > last)
        page = oldest.where(requests.c.begun_at >= after, then).limit(size)
        with engine.connect() as connection:
            rows = list(connection.execute(page).mappings())
        if rows:
            yield rows
        if len(rows) < size:
            return
        after, last = rows[-1]["begun_at"], rows[-1]["id"]


def count(engine: sa.Engine, *, team: str | None, since: float | None, until: float | None) -> int:
    """Count the rows that an export will have."""
    which = Filter(team=team, since=since, until=until)
    query = sa.select(sa.func.count()).select_from(requests).where(*which.clauses())
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def _part(row: sa.RowMapping, by: Part) -> str:
    return datetime.fromtimestamp(row["begun_at"], tz=UTC).strftime(_NAMES[by])


def _write(rows: list[sa.RowMapping], file: Path, columns: tuple[str, ...]) -> int:
    import polars as pl

    kinds: dict[type[Any], Any] = {
        sa.String: pl.String, sa.Text: pl.String, sa.Boolean: pl.Boolean,
        sa.Integer: pl.Int64, sa.Float: pl.Float64,
    }  # fmt: skip
    names = columns or tuple(requests.c.keys())
    schema = {name: kinds[type(requests.c[name].type)] for name in names}
    values = [tuple(row[name] for name in names) for row in rows]
    unfinished = file.with_suffix(".unfinished")
    with os.fdopen(open_private(unfinished, os.O_WRONLY | os.O_TRUNC), "wb") as file_object:
        pl.DataFrame(values, schema=schema, orient="row").write_parquet(file_object)
    unfinished.replace(file)
    return len(rows)
