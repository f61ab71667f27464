"""How likely everything that an ask refers to stands in the message."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the column; of requests until now nobody judged it."""
    op.add_column("requests", sa.Column("self_contained", sa.Float))
