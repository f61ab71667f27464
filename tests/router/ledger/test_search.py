"""What the roll-ups help to find is what a look through all rows finds, in the same order, page by page."""

from collections.abc import Callable
from itertools import product

import pytest
import sqlalchemy as sa

from router.ledger import LedgerStore
from router.ledger.queries import Filter, recent
from router.ledger.rollups import add_where
from router.ledger.search import find
from router.ledger.tables import requests

Opened = Callable[..., LedgerStore]
NOON = 1_793_534_400.0
ROWS = 150


@pytest.fixture
def filled(opened: Opened) -> sa.Engine:
    """Rows of two days: every user and rule in some hours only, some under way, some at the same moment."""
    engine = opened().engine
    rows = [
        {
            "id": f"r{n:03}",
            "begun_at": NOON + n // 2 * 1131.0,
            "finished_at": None if n % 23 == 0 else NOON + n // 2 * 1131.0 + 5,
            "team": ("web", "data")[n % 2],
            "user": ("ana", "bo", None)[n * n % 3] if n % 40 else "rare",
            "client": "codex",
            "rule": ("busy", "large")[n // 50 % 2],
            "track": "cloud",
            "served_track": ("local", "cloud", None)[n % 3],
        }
        for n in range(ROWS)
    ]
    with engine.begin() as connection:
        connection.execute(sa.insert(requests), rows)
        add_where(connection, requests.c.finished_at.is_not(None))
    return engine


USERS = ("ana", "rare", "nobody")
FILTERS = [
    Filter(user=user, rule=rule, track=track, team=team, since=since, until=until)
    for user, rule, track, team, (since, until) in product(
        USERS, (None, "busy"), (None, "local"), (None, "web"),
        ((None, None), (NOON + 3000, NOON + 50_000), (NOON + 1e6, None)),
    )
]  # fmt: skip


def test_the_same_rows_in_the_same_order(filled: sa.Engine) -> None:
    compared = 0
    with filled.connect() as connection:
        for which in FILTERS:
            expected = [row["id"] for row in recent(connection, which, limit=ROWS).rows]
            got: list[str] = []
            after = ""
            while True:
                page = find(connection, which, limit=20, after=after)
                got += [row["id"] for row in page.rows]
                after = page.after
                if not after:
                    break
            assert got == expected, which
            compared += len(got)
    assert compared > ROWS  # filters overlap


def test_a_place_that_is_none_is_refused(filled: sa.Engine) -> None:
    with filled.connect() as connection, pytest.raises(ValueError, match="could not convert"):
        find(connection, Filter(user="ana"), after="nonsense")
