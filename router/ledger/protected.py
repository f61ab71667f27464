"""What had to stay under a policy's `never_cloud`, stored so that it stays after a restart.

Digests only. Their key is in the same database, so someone who has the ledger can test a guessed
line, but cannot read one out of it.
"""

import hashlib
import secrets
from collections.abc import Sequence

import sqlalchemy as sa

from router.ledger.database import writing
from router.ledger.tables import protected, protected_key
from router.types import Protected

_BATCH = 500
_NAME = "digests"
_AGAIN_S = 5.0
"""How far back rows are read again: another process may have written some meanwhile."""


class ProtectedStore:
    """Reads and writes the rows of one ledger. May block."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._newest = 0.0

    def key(self) -> bytes:
        """Return the key of the digests; the first process to ask makes it."""
        query = sa.select(protected_key.c.key).where(protected_key.c.name == _NAME)
        try:
            with writing(self._engine) as connection:
                key = connection.execute(query).scalar()
                if key is None:
                    key = secrets.token_hex(32)
                    connection.execute(sa.insert(protected_key), {"name": _NAME, "key": key})
        except sa.exc.IntegrityError:  # another process was first
            with self._engine.connect() as connection:
                key = connection.execute(query).scalar_one()
        return bytes.fromhex(key)

    def load(self) -> list[Protected]:
        """Return what was written since the last call, by any process; all of it the first time."""
        query = sa.select(protected).where(protected.c.at >= self._newest - _AGAIN_S).order_by(protected.c.at)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        if rows:
            self._newest = rows[-1].at
        return [Protected(row.kind, row.digest, row.team, row.source, row.at) for row in rows]

    def keep(self, rows: Sequence[Protected]) -> None:
        """Write rows; those that are there already stay as they are."""
        by_id = {_id(row): row for row in rows}
        names = list(by_id)
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            with writing(self._engine) as connection:
                query = sa.select(protected.c.id).where(protected.c.id.in_(batch))
                there = set(connection.execute(query).scalars())
                fresh = [{"id": name, **by_id[name]._asdict()} for name in batch if name not in there]
                if fresh:
                    connection.execute(sa.insert(protected), fresh)

    def prune(self, before: float) -> None:
        """Delete what was written before `before`."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(protected).where(protected.c.at < before))


def _id(row: Protected) -> str:
    text = f"{row.kind}\0{row.digest}\0{row.team}\0{row.source}"
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
