"""How a request ended, as a column of its own; and an index of those that failed by it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ENDS = """
    UPDATE requests SET "end" = CASE
        WHEN status = 499 OR error = 'the client hung up' THEN 'client_left'
        WHEN status >= 400 OR (status = 200 AND error <> '' AND operation <> 'count') THEN 'failed'
        ELSE 'complete'
    END WHERE finished_at IS NOT NULL
"""
"""Until now it was read from the status and the error's words; the roll-ups counted it this way."""


def upgrade() -> None:
    """Make the column, fill it from what rows have, and make the index anew."""
    op.add_column("requests", sa.Column("end", sa.String(16)))
    op.execute(ENDS)
    op.drop_index("requests_failed", "requests")
    where = sa.text("\"end\" = 'failed'")
    op.create_index("requests_failed", "requests", ["begun_at"], sqlite_where=where, postgresql_where=where)
