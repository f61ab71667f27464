"""The first tables: requests and keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of requests and of keys."""
    op.create_table(
        "requests",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("begun_at", sa.Float, nullable=False),
        sa.Column("finished_at", sa.Float),
        sa.Column("team", sa.String(200), nullable=False),
        sa.Column("user", sa.String(200)),
        sa.Column("client", sa.String(200)),
        sa.Column("conversation", sa.String(200)),
        sa.Column("dialect", sa.String(32)),
        sa.Column("operation", sa.String(16)),
        sa.Column("kind", sa.String(32)),
        sa.Column("asked_model", sa.String(200)),
        sa.Column("stream", sa.Boolean),
        sa.Column("policy", sa.String(200)),
        sa.Column("rule", sa.String(200)),
        sa.Column("why", sa.Text),
        sa.Column("held", sa.Boolean),
        sa.Column("would", sa.String(16)),
        sa.Column("p_local", sa.Float),
        sa.Column("work", sa.String(64)),
        sa.Column("track", sa.String(16)),
        sa.Column("cleared", sa.Boolean),
        sa.Column("private_why", sa.Text),
        sa.Column("notes", sa.Text),
        sa.Column("context_tokens", sa.Integer),
        sa.Column("tokens_exact", sa.Boolean),
        sa.Column("output_limit", sa.Integer),
        sa.Column("files", sa.Integer),
        sa.Column("files_edited", sa.Integer),
        sa.Column("directories", sa.Integer),
        sa.Column("files_named", sa.Integer),
        sa.Column("tools_offered", sa.Integer),
        sa.Column("tools_used", sa.Integer),
        sa.Column("tool_calls", sa.Integer),
        sa.Column("tool_errors", sa.Integer),
        sa.Column("repeats", sa.Integer),
        sa.Column("turns", sa.Integer),
        sa.Column("turn_calls", sa.Integer),
        sa.Column("follow_up", sa.Boolean),
        sa.Column("phase", sa.String(16)),
        sa.Column("images", sa.Integer),
        sa.Column("thinking", sa.Boolean),
        sa.Column("server_tools", sa.Boolean),
        sa.Column("json_schema", sa.Boolean),
        sa.Column("body_bytes", sa.Integer),
        sa.Column("served_track", sa.String(16)),
        sa.Column("served_model", sa.String(200)),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text),
        sa.Column("escalated", sa.String(32)),
        sa.Column("degraded", sa.String(32)),
        sa.Column("attempts", sa.Text),
        sa.Column("overhead_s", sa.Float),
        sa.Column("first_byte_s", sa.Float),
        sa.Column("seconds", sa.Float),
        sa.Column("input", sa.Integer),
        sa.Column("output", sa.Integer),
        sa.Column("cache_read", sa.Integer),
        sa.Column("cache_write_5m", sa.Integer),
        sa.Column("cache_write_1h", sa.Integer),
        sa.Column("usage_estimated", sa.Boolean),
        sa.Column("cost_usd", sa.Float),
        sa.Column("baseline_model", sa.String(200)),
        sa.Column("baseline_usd", sa.Float),
    )
    op.create_index("requests_begun_at", "requests", ["begun_at"])
    op.create_index("requests_team_begun_at", "requests", ["team", "begun_at"])
    op.create_index("requests_conversation", "requests", ["conversation", "begun_at"])
    op.create_table(
        "keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("team", sa.String(200), nullable=False),
        sa.Column("user", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
    )
