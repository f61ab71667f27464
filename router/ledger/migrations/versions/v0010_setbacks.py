"""What went wrong again in a turn, and the price of moving it up."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

COLUMNS = {
    "same_call_failed": sa.Integer,
    "same_test_failed": sa.Integer,
    "edits_rejected": sa.Integer,
    "turn_edits": sa.Integer,
    "mid_step": sa.Boolean,
    "move_usd": sa.Float,
}


def upgrade() -> None:
    """Make the columns; of requests until now none of it was read."""
    for name, kind in COLUMNS.items():
        op.add_column("requests", sa.Column(name, kind()))
