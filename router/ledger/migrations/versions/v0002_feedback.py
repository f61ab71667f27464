"""What people say of answers, and digests that show when something is asked again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table and the column; rows from before have no digest."""
    op.add_column("requests", sa.Column("ask_digest", sa.String(32)))
    op.create_table(
        "feedback",
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("team", sa.String(200), nullable=False),
        sa.Column("user", sa.String(200), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("feedback_team_at", "feedback", ["team", "at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("feedback")
    op.drop_column("requests", "ask_digest")
