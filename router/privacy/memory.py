"""What had to stay once stays: by session.

No text is kept, and nothing from which text could be had: a session is known by a digest under a
key, and what it touched by the policy's own glob or pattern.
"""

import hashlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import msgspec

from router.privacy.pieces import Piece
from router.types import Request

_SESSION_HEADER = re.compile(r"session|conversation|thread")
_NOT_A_SESSION = re.compile(r"token|key|auth|cookie")
_IN_BODY = re.compile(
    rb'(?:session|conversation|thread)_?id\\*"\s*:\s*\\*"([\w:.\-]{8,128})|_session_([\w\-]{8,64})'
    rb'|"(?:conversation|previous_response_id)"\s*:\s*"([\w:.\-]{8,128})"',
    re.IGNORECASE,
)
_FIELDS = frozenset({
    "metadata", "client_metadata", "session_id", "conversation_id", "thread_id", "conversation", "user",
    "previous_response_id",
})  # fmt: skip
_UNIQUE = re.compile(rb'"([0-9A-Fa-f\-_A-Za-z:]*[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}[\w\-:.]*)"')
"""A cache key that is one conversation's: it holds (the beginning of) a UUID."""
_SHORTEST = 8
_MOST = 50_000


class Row(msgspec.Struct, frozen=True):
    """One thing to remember, as it is stored."""

    digest: str
    team: str
    source: str
    at: float
    """Seconds since the epoch."""


class Memory:
    """Sessions that touched something that stays.

    Args:
        key: Of the digests; the one that stored digests were made with.
        most: How many are kept; the one not heard of for longest goes first.
    """

    def __init__(self, key: bytes = b"", *, most: int = _MOST) -> None:
        self._key = key or secrets.token_bytes(32)
        self._most = most
        self._sessions: OrderedDict[str, dict[str, Row]] = OrderedDict()
        self._fresh: list[Row] = []

    def of_sessions(self, team: str, ids: Iterable[str]) -> frozenset[str]:
        """Globs and patterns that these sessions of a team touched before."""
        if not self._sessions:
            return frozenset()
        digests = [self._digest(team, "session", name) for name in ids]
        return frozenset(source for digest in digests for source in self._sessions.get(digest, ()))

    def keep_sessions(self, team: str, ids: Iterable[str], sources: Iterable[str]) -> None:
        """Remember what these sessions touch."""
        now = time.time()
        for name in ids:
            digest = self._digest(team, "session", name)
            for source in sources:
                self._add(Row(digest, team, source, now), fresh=True)

    def load(self, rows: Iterable[Row]) -> None:
        """Take what was stored, by this process or another."""
        for row in rows:
            self._add(row, fresh=False)

    def fresh(self) -> list[Row]:
        """What is to be stored since the last call."""
        rows, self._fresh = self._fresh, []
        return rows

    def _add(self, row: Row, *, fresh: bool) -> None:
        known = self._sessions.setdefault(row.digest, {})
        if row.source not in known:
            known[row.source] = row
            if fresh:
                self._fresh.append(row)
        self._sessions.move_to_end(row.digest)
        while len(self._sessions) > self._most:
            self._sessions.popitem(last=False)

    def _digest(self, team: str, kind: str, text: str) -> str:
        data = f"{team}\0{kind}\0{text}".encode(errors="replace")
        return hashlib.blake2b(data, key=self._key, digest_size=16).hexdigest()


def session_ids(request: Request, pieces: Sequence[Piece]) -> list[str]:
    """Every id by which a request says which session it is of; sub-agents name their parent's."""
    ids = [
        value
        for name, value in request.headers
        if _SESSION_HEADER.search(name) and not _NOT_A_SESSION.search(name) and len(value) >= _SHORTEST
    ]
    for piece in pieces:
        if piece.name in _FIELDS:
            ids += [
                next(filter(None, match.groups())).decode()
                for match in _IN_BODY.finditer(b'"%s":%s' % (piece.name.encode(), piece.raw))
            ]
        elif piece.name == "prompt_cache_key" and (match := _UNIQUE.fullmatch(piece.raw.strip())):
            ids.append(match[1].decode())
    return list(dict.fromkeys(ids))
