"""Logins to the dashboard. A browser holds the session's token; the ledger stores only its digest.

Revoking a key ends its sessions, so callers must check that the key whose id `find` returns is in
force.
"""

import secrets
import time

import sqlalchemy as sa

from router.accounts.keys import digest
from router.ledger.tables import sessions

LASTS_S = 12 * 3600.0
"""A working day; then one logs in again."""


class Sessions:
    """Sessions begin with a login and end with a logout, or after `LASTS_S`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, key_id: str) -> str:
        """Begin a session and delete expired ones; returns its token, which is stored nowhere."""
        token, now = secrets.token_urlsafe(32), time.time()
        row = {"digest": digest(token), "key_id": key_id, "begun_at": now, "expires_at": now + LASTS_S}
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.expires_at <= now))
            connection.execute(sa.insert(sessions), row)
        return token

    def find(self, token: str) -> str | None:
        """Return the id of the key that began the session; None if it does not exist or has expired."""
        query = sa.select(sessions.c.key_id).where(
            sessions.c.digest == digest(token), sessions.c.expires_at > time.time()
        )
        with self._engine.connect() as connection:
            key_id: str | None = connection.execute(query).scalar()
        return key_id

    def end(self, token: str) -> None:
        """End the session with this token, if it exists."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.digest == digest(token)))
