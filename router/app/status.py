"""`GET /v1/status`: where a session's last request went and why, and what was saved today; for status lines.

It is asked after every answer, so it is two look-ups: one row by its conversation, and a day's roll-ups.
"""

import asyncio
import time
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request

from router.accounts.keys import Keyring
from router.accounts.periods import span
from router.accounts.teams import Account
from router.app.authentication import authenticate
from router.errors import BadRequest
from router.features.features import session_conversation
from router.ledger import queries
from router.ledger.queries import Filter
from router.reports import totals
from router.types import NAME_LENGTH

Json = dict[str, Any]
CLIENT = "claude-code"
"""Whose session ids are asked for."""


def build_status(engine: sa.Engine, keyring: Keyring) -> APIRouter:
    """Build the route; `engine` is the ledger's."""
    router = APIRouter()

    @router.get("/v1/status")
    async def status(request: Request, session: str = "") -> Json:
        """The last request of a Claude Code session and today's totals, of the caller's own requests."""
        account, _ = authenticate(request.scope, keyring)
        if len(session) > NAME_LENGTH:
            raise BadRequest(f"session: give the session's id, at most {NAME_LENGTH} characters")
        return await asyncio.to_thread(_read, engine, account, session)

    return router


def _read(engine: sa.Engine, account: Account, session: str) -> Json:
    user = account.user or None
    with engine.connect() as connection:
        last = None
        if session:
            which = Filter(team=account.team, conversation=session_conversation(account, CLIENT, session))
            last = next(iter(queries.recent(connection, which, limit=1).rows), None)
        since, until = span("day", account.zone, time.time())
        (today,) = queries.totals(connection, since, until, team=account.team, user=user)
    return {
        "last": {
            "track": last["served_track"] or last["track"],
            "model": last["served_model"] or "",
            "rule": last["rule"],
            "why": last["why"],
            "finished": last["finished_at"] is not None,
        }
        if last
        else None,
        "today": {
            "requests": int(today["requests"]),
            "cost_usd": totals.known_cost_usd(today),
            "saved_usd": totals.saved_usd(today),
        },
    }
