"""Rows that are old enough go; what they added to the roll-ups stays.

They go in small batches with a pause between, so that requests are posted meanwhile, and in whole
hours, so that a period is never read half from rows that are still there. A verdict goes
with its request.
"""

import time
from collections.abc import Callable

import sqlalchemy as sa

from router.ledger.database import writing
from router.ledger.rollups import HOUR, add_unfinished
from router.ledger.tables import feedback, requests

DAY = 24 * HOUR
BATCH = 500
"""Rows that go in one transaction: a few milliseconds in which nobody else can write."""
PAUSE_S = 0.02


def cutoff(keep_days: int, now: float) -> float:
    """Return the time before which rows are old: the beginning of a UTC hour."""
    before = now - keep_days * DAY
    return before - before % HOUR


def count_old(engine: sa.Engine, before: float) -> int:
    """Count the rows that began before `before`."""
    with engine.connect() as connection:
        old = sa.select(sa.func.count()).where(requests.c.begun_at < before)
        return connection.execute(old).scalar_one()


def prune(
    engine: sa.Engine,
    before: float,
    *,
    batch: int = BATCH,
    pause: Callable[[float], object] = time.sleep,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Remove all rows that began before `before`, oldest first.

    Args:
        engine: Of a ledger.
        before: See `cutoff`.
        batch: Rows that go in one transaction.
        pause: Waits that many seconds between two batches; a true answer ends it early.
        progress: Called with how many are gone so far.

    Returns:
        How many rows went.
    """
    gone = 0
    while removed := _batch(engine, before, batch):
        gone += removed
        progress(gone)
        if removed < batch or pause(PAUSE_S):
            break
    return gone


def _batch(engine: sa.Engine, before: float, size: int) -> int:
    oldest = sa.select(requests.c.id).where(requests.c.begun_at < before).order_by(requests.c.begun_at)
    with writing(engine) as connection:
        mine = oldest.limit(size).with_for_update(skip_locked=True)  # another process may prune, too
        ids = list(connection.execute(mine).scalars())
        if ids:
            add_unfinished(connection, ids)
            connection.execute(sa.delete(feedback).where(feedback.c.request_id.in_(ids)))
            connection.execute(sa.delete(requests).where(requests.c.id.in_(ids)))
    return len(ids)
