"""Teams, what they and their keys may do, and what they spent."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TERMS: dict[str, sa.types.TypeEngine[Any]] = {
    "policy": sa.String(400),
    "budget_usd": sa.Float(),
    "budget_per": sa.String(8),
    "budget_over": sa.String(8),
    "requests_per_minute": sa.Integer(),
    "tokens_per_minute": sa.Integer(),
    "models": sa.Text(),
}
OF_KEYS: dict[str, sa.types.TypeEngine[Any]] = {"expires_at": sa.Float(), "admin": sa.Boolean(), **TERMS}

SPENT = """
    INSERT INTO spending (scope, at, usd)
    SELECT 'team:' || team, CAST(begun_at / 900 AS BIGINT) * 900, SUM(cost_usd - COALESCE(local_usd, 0))
    FROM requests WHERE cost_usd <> 0 GROUP BY 1, 2
"""
"""Budgets count from the start, also what was spent before there were any."""
SPENT_POSTGRESQL = SPENT.replace("CAST(begun_at / 900 AS BIGINT)", "CAST(FLOOR(begun_at / 900) AS BIGINT)")
"""SQLite cuts what comes after the point off, PostgreSQL rounds."""


def upgrade() -> None:
    """Make the tables and the keys' new columns, and sum up what was spent."""
    op.create_table(
        "teams",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("zone", sa.String(64)),
        *(sa.Column(name, kind) for name, kind in TERMS.items()),
    )
    for name, kind in OF_KEYS.items():
        op.add_column("keys", sa.Column(name, kind))
    op.create_table(
        "spending",
        sa.Column("scope", sa.String(240), primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("usd", sa.Float, nullable=False),
    )
    op.create_table(
        "reservations",
        sa.Column("holder", sa.String(32), primary_key=True),
        sa.Column("cap", sa.String(260), primary_key=True),
        sa.Column("since", sa.Float, primary_key=True),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_index("reservations_cap", "reservations", ["cap", "since"])
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    op.execute(SPENT_POSTGRESQL if on_postgresql else SPENT)
    op.execute("INSERT INTO teams (name, created_at) SELECT team, MIN(created_at) FROM keys GROUP BY team")
