"""The ledger's tables. No prompt, no answer, no path: only numbers, names, reasons and verdicts.

`REVISION` and `migrations/` change together with what stands here; a test holds them equal.
Times are seconds since the epoch, UTC. A column that is null was not known.
"""

from collections.abc import Mapping
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from router.types import USAGE_FIELDS

REVISION = "0010"
"""The newest migration: what this version of Turnout reads and writes."""

metadata = sa.MetaData()

INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""By dialect: an insert that takes `on_conflict_...`."""

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("begun_at", sa.Float, nullable=False),
    sa.Column("finished_at", sa.Float),  # null: under way, or cut off by a crash
    # Who asked, and for what
    sa.Column("team", sa.String(200), nullable=False),
    sa.Column("user", sa.String(200)),
    sa.Column("key_id", sa.String(32)),
    sa.Column("client", sa.String(200)),
    sa.Column("conversation", sa.String(200)),
    sa.Column("dialect", sa.String(32)),
    sa.Column("operation", sa.String(16)),
    sa.Column("kind", sa.String(32)),
    sa.Column("asked_model", sa.String(200)),
    sa.Column("stream", sa.Boolean),
    # What was decided, and why
    sa.Column("policy", sa.String(200)),
    sa.Column("rule", sa.String(200)),
    sa.Column("why", sa.Text),
    sa.Column("held", sa.Boolean),
    sa.Column("would", sa.String(16)),  # where the rules would have sent it, while a policy only observes
    sa.Column("classifier", sa.String(64)),  # which judged
    sa.Column("p_local", sa.Float),
    sa.Column("work", sa.String(64)),  # the classifier's word for the class of work
    sa.Column("move_usd", sa.Float),  # the price of moving a turn up here; null: not moved, or not known
    sa.Column("track", sa.String(16)),
    sa.Column("cleared", sa.Boolean),  # it may leave the machine
    sa.Column("private_why", sa.Text),
    sa.Column("notes", sa.Text),
    # What was read
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
    sa.Column("repeat_streak", sa.Integer),
    sa.Column("error_streak", sa.Integer),
    sa.Column("same_call_failed", sa.Integer),
    sa.Column("same_test_failed", sa.Integer),
    sa.Column("edits_rejected", sa.Integer),
    sa.Column("turn_edits", sa.Integer),
    sa.Column("mid_step", sa.Boolean),
    sa.Column("tests_failed", sa.Integer),
    sa.Column("tests_passed", sa.Integer),
    sa.Column("tests_fixed", sa.Boolean),
    sa.Column("turns", sa.Integer),
    sa.Column("turn_calls", sa.Integer),
    sa.Column("self_contained", sa.Float),  # null: nobody judged the ask
    sa.Column("follow_up", sa.Boolean),
    sa.Column("ask_digest", sa.String(32)),  # of what opens a turn; see `rows.ask_digest`
    sa.Column("phase", sa.String(16)),
    sa.Column("images", sa.Integer),
    sa.Column("thinking", sa.Boolean),
    sa.Column("server_tools", sa.Boolean),
    sa.Column("json_schema", sa.Boolean),
    sa.Column("body_bytes", sa.Integer),
    # How it ended
    sa.Column("served_track", sa.String(16)),
    sa.Column("served_model", sa.String(200)),
    sa.Column("status", sa.Integer),
    sa.Column("end", sa.String(16)),  # complete, client_left, failed; null: under way, or cut off by a crash
    sa.Column("error", sa.Text),
    sa.Column("escalated", sa.String(32)),  # why local work went on to the cloud
    sa.Column("degraded", sa.String(32)),  # why cloud work was served locally
    sa.Column("attempts", sa.Text),  # JSON: track, model, cause, status, seconds of each
    # Time, in seconds
    sa.Column("overhead_s", sa.Float),
    sa.Column("first_byte_s", sa.Float),
    sa.Column("seconds", sa.Float),
    sa.Column("engine_s", sa.Float),  # of the local engine's working time, its share
    # Money
    sa.Column("input", sa.Integer),
    sa.Column("output", sa.Integer),
    sa.Column("cache_read", sa.Integer),
    sa.Column("cache_write_5m", sa.Integer),
    sa.Column("cache_write_1h", sa.Integer),
    sa.Column("usage_estimated", sa.Boolean),
    sa.Column("terms", sa.String(64)),  # what else a price depends on: `batch`, `flex`, `fast`, ...
    sa.Column("cost_usd", sa.Float),  # all of it: what follows is part of it
    sa.Column("local_usd", sa.Float),  # energy and the card's wear; null: not configured, and no part of it
    sa.Column("wasted_usd", sa.Float),  # what failed or abandoned attempts cost
    sa.Column("baseline_model", sa.String(200)),
    sa.Column("baseline_usd", sa.Float),  # with a warm cache: the low end
    sa.Column("baseline_cold_usd", sa.Float),  # with nothing cached: the high end
    sa.Column("baseline_how", sa.String(64)),  # the counterfactual's assumptions, by name
    sa.Index("requests_begun_at", "begun_at"),
    sa.Index("requests_team_begun_at", "team", "begun_at"),
    sa.Index("requests_conversation", "conversation", "begun_at"),
)

Rare = Literal["unfinished", "escalated", "degraded", "private", "failed"]
RARE: Mapping[Rare, sa.ColumnElement[bool]] = {
    "unfinished": requests.c.finished_at.is_(None),
    "escalated": requests.c.escalated != "",
    "degraded": requests.c.degraded != "",
    "private": requests.c.private_why != "",
    "failed": requests.c.end == "failed",
}
"""What few rows are and many queries look for: each has an index of its own."""
for _name, _rare in RARE.items():
    sa.Index(f"requests_{_name}", requests.c.begun_at, sqlite_where=_rare, postgresql_where=_rare)

BILLED = (
    "cost_usd", "local_usd", "wasted_usd", "baseline_model", "baseline_usd", "baseline_cold_usd",
    "baseline_how",
)  # fmt: skip
FINISHED = (
    "finished_at", "served_track", "served_model", "status", "end", "error", "escalated", "degraded",
    "attempts",
    "first_byte_s", "seconds", "engine_s", *USAGE_FIELDS, "usage_estimated", "terms",
)  # fmt: skip
BEGUN = tuple(column.name for column in requests.c if column.name not in {*FINISHED, *BILLED})
"""Columns known before anything is sent; then those known at the end; then those computed when posted."""


def _terms() -> tuple[sa.Column[Any], ...]:
    """What a team or a key may do; null is no limit. As `router.accounts.teams.Terms`."""
    return (
        sa.Column("policy", sa.String(400)),
        sa.Column("budget_usd", sa.Float),
        sa.Column("budget_per", sa.String(8)),
        sa.Column("budget_over", sa.String(8)),
        sa.Column("requests_per_minute", sa.Integer),
        sa.Column("tokens_per_minute", sa.Integer),
        sa.Column("models", sa.Text),  # patterns, one a line
    )


keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("team", sa.String(200), nullable=False),
    sa.Column("user", sa.String(200), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("revoked_at", sa.Float),
    sa.Column("expires_at", sa.Float),
    sa.Column("admin", sa.Boolean),
    *_terms(),
)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("request_id", sa.String(64), primary_key=True),  # one verdict a request: the last one given
    sa.Column("team", sa.String(200), nullable=False),
    sa.Column("user", sa.String(200), nullable=False),  # who judged
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Index("feedback_team_at", "team", "at"),
)

teams = sa.Table(
    "teams",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("zone", sa.String(64)),  # IANA name; null is UTC
    *_terms(),
)

spending = sa.Table(
    "spending",
    metadata,
    sa.Column("scope", sa.String(240), primary_key=True),  # team:NAME or key:ID
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),  # begin of a quarter of an hour
    sa.Column("usd", sa.Float, nullable=False),  # what providers billed for requests begun in it
)

reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("holder", sa.String(32), primary_key=True),  # a process that lives
    sa.Column("cap", sa.String(260), primary_key=True),  # scope/period
    sa.Column("since", sa.Float, primary_key=True),  # when that period began
    sa.Column("usd", sa.Float, nullable=False),  # set aside, not yet in `spending`
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Index("reservations_cap", "cap", "since"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),  # of the token that a browser holds
    sa.Column("key_id", sa.String(32), nullable=False),
    sa.Column("begun_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)

protected = sa.Table(
    "protected",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # of all that follows but the time
    sa.Column("kind", sa.String(16), nullable=False),  # session, line
    sa.Column("digest", sa.String(64), nullable=False),  # under the key in `protected_key`
    sa.Column("team", sa.String(200), nullable=False),
    sa.Column("source", sa.Text, nullable=False),  # the policy's own glob or pattern
    sa.Column("at", sa.Float, nullable=False),
    sa.Index("protected_at", "at"),
)

protected_key = sa.Table(
    "protected_key",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
)

hourly = sa.Table(
    "requests_hourly",
    metadata,
    # What is counted apart; see `rollups.DIMENSIONS`
    sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),  # its first second, UTC
    *(
        sa.Column(name, sa.String(length), primary_key=True)
        for name, length in {
            "team": 200, "user": 200, "client": 200, "kind": 32, "policy": 200, "rule": 200,
            "track": 16, "model": 200, "escalated": 32, "degraded": 32,
        }.items()
    ),
    # How many requests, and of those how many ...; see `rollups.COUNTS`
    *(
        sa.Column(name, sa.BigInteger, nullable=False)
        for name in (
            "requests", "unfinished", "held", "would_local", "private", "private_left", "failed", "hung_up",
            "estimated", "stuck", *USAGE_FIELDS, "cost_known", "baseline_known", "compared",
        )
    ),
    # Sums of what is known; `compared_*` of rows that have both sides, so that they may be subtracted
    *(
        sa.Column(name, sa.Float, nullable=False)
        for name in (
            "cost_usd", "local_usd", "wasted_usd", "baseline_usd", "baseline_cold_usd",
            "compared_cost_usd", "compared_baseline_usd", "compared_cold_usd", "engine_s",
        )
    ),
    sqlite_with_rowid=False,
)  # fmt: skip

latencies = sa.Table(
    "latencies_hourly",
    metadata,
    sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("team", sa.String(200), primary_key=True),
    sa.Column("track", sa.String(16), primary_key=True),
    sa.Column("measure", sa.String(16), primary_key=True),  # see `rollups.LATENCIES`
    sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),  # see `rollups.GROWTH`
    sa.Column("requests", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
