"""Who is logged in to the dashboard."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table of sessions, by digest."""
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("begun_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
