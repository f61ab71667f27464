"""Who is logged in: a session's token is known to one browser, and only its digest is kept.

A session is its key's: whoever revokes the key ends it, so whoever asks must hold the key's id
that `find` returns against the keys in force.
"""

import secrets
import time

import sqlalchemy as sa

from router.accounts.keys import digest
from router.ledger.tables import sessions

LASTS_S = 12 * 3600.0
"""A working day; then one logs in again."""


class Sessions:
    """Begun by a login, ended by a logout, over after `LASTS_S` either way."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, key_id: str) -> str:
        """Make a session, and forget those that are over; returns its token, which is kept nowhere."""
        token, now = secrets.token_urlsafe(32), time.time()
        row = {"digest": digest(token), "key_id": key_id, "begun_at": now, "expires_at": now + LASTS_S}
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.expires_at <= now))
            connection.execute(sa.insert(sessions), row)
        return token

    def find(self, token: str) -> str | None:
        """Return the id of the key that a session was begun with; None where there is no such session."""
        query = sa.select(sessions.c.key_id).where(
            sessions.c.digest == digest(token), sessions.c.expires_at > time.time()
        )
        with self._engine.connect() as connection:
            key_id: str | None = connection.execute(query).scalar()
        return key_id

    def end(self, token: str) -> None:
        """End a session, if there is one."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.digest == digest(token)))
