"""What people say of answers, digests that show when something is asked again, and how a turn is going."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "ask_digest": sa.String(32),
    "repeat_streak": sa.Integer(),
    "error_streak": sa.Integer(),
    "tests_failed": sa.Integer(),
    "tests_passed": sa.Integer(),
    "tests_fixed": sa.Boolean(),
}


def upgrade() -> None:
    """Make the table and the columns; of rows from before they are not known."""
    for name, kind in COLUMNS.items():
        op.add_column("requests", sa.Column(name, kind))
    op.create_table(
        "feedback",
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("team", sa.String(200), nullable=False),
        sa.Column("user", sa.String(200), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("feedback_team_at", "feedback", ["team", "at"])
