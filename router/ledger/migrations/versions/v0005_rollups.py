"""Hourly roll-ups, and indexes of what is seldom so.

The roll-ups of rows from before are added by `router.ledger.database`, once all migrations have run.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

NAMES = {
    "team": 200, "user": 200, "client": 200, "kind": 32, "policy": 200, "rule": 200,
    "track": 16, "model": 200, "escalated": 32, "degraded": 32,
}  # fmt: skip
COUNTS = (
    "requests", "unfinished", "held", "would_local", "private", "private_left", "failed", "hung_up",
    "estimated", "stuck", "input", "output", "cache_read", "cache_write_5m", "cache_write_1h",
    "cost_known", "baseline_known", "compared",
)  # fmt: skip
SUMS = (
    "cost_usd", "local_usd", "wasted_usd", "baseline_usd", "baseline_cold_usd",
    "compared_cost_usd", "compared_baseline_usd", "compared_cold_usd", "engine_s",
)  # fmt: skip
RARE = {
    "unfinished": "finished_at IS NULL",
    "escalated": "escalated != ''",
    "degraded": "degraded != ''",
    "private": "private_why != ''",
    "failed": "status >= 400",
}


def upgrade() -> None:
    """Make the roll-ups, empty, and the indexes of rare rows."""
    op.create_table(
        "requests_hourly",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.String(length), primary_key=True) for name, length in NAMES.items()),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS),
        *(sa.Column(name, sa.Float, nullable=False) for name in SUMS),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "latencies_hourly",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("team", sa.String(200), primary_key=True),
        sa.Column("track", sa.String(16), primary_key=True),
        sa.Column("measure", sa.String(16), primary_key=True),
        sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    for name, rare in RARE.items():
        where = sa.text(rare)
        op.create_index(
            f"requests_{name}", "requests", ["begun_at"], sqlite_where=where, postgresql_where=where
        )
