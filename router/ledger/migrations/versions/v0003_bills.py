"""Which key asked, which classifier judged, and what makes up a bill."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "key_id": sa.String(32),
    "classifier": sa.String(64),
    "engine_s": sa.Float(),
    "terms": sa.String(64),
    "local_usd": sa.Float(),
    "wasted_usd": sa.Float(),
    "baseline_cold_usd": sa.Float(),
    "baseline_how": sa.String(64),
}


def upgrade() -> None:
    """Make the columns; of rows from before they are not known."""
    for name, kind in COLUMNS.items():
        op.add_column("requests", sa.Column(name, kind))
