"""What had to stay once stays: by session, and by content for the whole team.

No text is kept, and nothing from which text could be had: sessions and lines are known by digests
under a key, and what they touched by the policy's own glob or pattern.
"""

import hashlib
import re
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import re2

from router.features.outline import Piece
from router.privacy import quotes
from router.types import ModelRequest, Protected

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
_UNIQUE = re2.compile(rb'"([0-9A-Fa-f\-_A-Za-z:]*[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}[\w\-:.]*)"')
"""A cache key that is one conversation's: it holds (the beginning of) a UUID."""
_LONGEST = 64 << 10
"""Bytes of a field in which an id is looked for."""
_SHORTEST = 8
_MOST = 50_000
_MOST_UNSTORED = 200_000
EVERYBODYS = 3
"""Conversations in which a line left before it is taken to be everybody's."""
_NO_NAMES: frozenset[str] = frozenset()
_NO_MARKS: frozenset[int] = frozenset()
_KEYED = "k"
"""The digest of a key or password begins with it; see `quotes.digest`."""


class Memory:
    """Sessions that touched protected content, and digests of its lines.

    Args:
        key: Of the digests; the one that stored digests were made with.
        most: How many sessions are kept, and how many lines a team; the oldest go first.
    """

    def __init__(self, key: bytes = b"", *, most: int = _MOST) -> None:
        self._key = key or secrets.token_bytes(32)
        self._most = most
        self._sessions: OrderedDict[str, set[str]] = OrderedDict()
        self._lines: dict[str, OrderedDict[str, str]] = {}
        self._marks: dict[str, set[int]] = {}
        """Of each team's lines; see `quotes.mark`."""
        self._versions: Counter[str] = Counter()
        """How many lines each team has added."""
        self._open: dict[str, OrderedDict[str, frozenset[str]]] = {}
        """Lines that each team sent out, by their digests, and in which conversations; not stored."""
        self._unstored: list[Protected] = []

    def session_sources(self, team: str, ids: Iterable[str]) -> frozenset[str]:
        """Return the globs and patterns that these sessions of a team touched before."""
        if not self._sessions:
            return frozenset()
        names = [self._session_digest(team, name) for name in ids]
        return frozenset(source for name in names for source in self._sessions.get(name, ()))

    def add_sessions(self, team: str, ids: Iterable[str], sources: Iterable[str]) -> None:
        """Remember what these sessions touch."""
        now = time.time()
        self._take(
            [
                Protected("session", self._session_digest(team, name), team, source, now)
                for name in ids
                for source in sources
            ]
        )

    def has_lines(self, team: str) -> bool:
        """Whether there are lines of a team's protected content."""
        return team in self._lines

    def key_of(self, team: str) -> bytes:
        """The key of a team's lines."""
        return hashlib.blake2b(team.encode(errors="replace"), key=self._key, digest_size=32).digest()

    def version(self, team: str) -> int:
        """Return a number that changes with every line that a team adds."""
        return self._versions[team]

    def may_match(self, team: str, marks: Iterable[int]) -> bool:
        """Whether one of these marks is that of a team's protected line, or may be."""
        return not self._marks.get(team, _NO_MARKS).isdisjoint(marks)

    def match_lines(self, team: str, names: Iterable[str]) -> frozenset[tuple[str, str]]:
        """Those of these digests that are of protected lines, each with its source."""
        lines = self._lines.get(team) or OrderedDict[str, str]()
        return frozenset((lines[name], name) for name in names if name in lines)

    def quoted_sources(self, team: str, lines: frozenset[tuple[str, str]]) -> frozenset[str]:
        """Return the sources with a key or `quotes.ENOUGH` lines among these: one line may stand anywhere."""
        if team not in self._lines:
            return frozenset()
        counts = Counter(source for source, _ in lines)
        keys = {source for source, name in lines if name.startswith(_KEYED)}
        return frozenset(
            source for source, count in counts.items() if count >= quotes.ENOUGH or source in keys
        )

    def add_lines(self, team: str, source: str, names: Iterable[str]) -> None:
        """Remember lines of protected content, by their digests."""
        now = time.time()
        self._take([Protected("line", name, team, source, now) for name in names])

    def note_open(self, team: str, names: Iterable[str], conversation: str) -> None:
        """Note lines, by their digests, of a conversation that nothing keeps here."""
        lines = self._open.setdefault(team, OrderedDict())
        for name in names:
            held_in = lines.get(name, _NO_NAMES)
            lines[name] = held_in | {conversation} if len(held_in) < EVERYBODYS else held_in
            lines.move_to_end(name)
        _bound(lines, self._most)

    def without_everybodys(self, team: str, names: set[str]) -> set[str]:
        """Return these digests of protected content without lines that stood in other files before.

        Such a line left in several conversations before it was first seen in protected content. Where that
        is half of all lines, it was a copy that left. What looks like a key is never left out.
        """
        lines = [name for name in names if not name.startswith(_KEYED)]
        team_lines = self._lines.get(team, ())
        left = self._open.get(team) or OrderedDict[str, frozenset[str]]()
        everybodys = {
            name for name in lines if name not in team_lines and len(left.get(name, _NO_NAMES)) >= EVERYBODYS
        }
        return names - everybodys if 2 * len(everybodys) < len(lines) else names

    def load(self, rows: Iterable[Protected]) -> None:
        """Add rows that were stored, by this process or another."""
        for row in rows:
            self._add(row)

    def take_unstored(self) -> list[Protected]:
        """Return what was added since the last call, to be stored."""
        rows, self._unstored = self._unstored, []
        return rows

    def put_back(self, rows: list[Protected]) -> None:
        """Return rows that could not be stored, for the next `take_unstored`."""
        self._unstored = [*rows, *self._unstored][-_MOST_UNSTORED:]

    def _take(self, rows: Iterable[Protected]) -> None:
        self._unstored += [row for row in rows if self._add(row)]

    def _add(self, row: Protected) -> bool:
        """Add a row; False where it is there already."""
        if row.kind == "line":
            lines = self._lines.setdefault(row.team, OrderedDict())
            added = row.digest not in lines
            lines[row.digest] = row.source
            _bound(lines, self._most)
            if added:
                self._versions[row.team] += 1
                self._marks.setdefault(row.team, set()).add(quotes.mark(row.digest))
                if len(self._marks[row.team]) > 2 * self._most:  # of lines that went long ago
                    self._marks[row.team] = set(map(quotes.mark, lines))
            return added
        sources = self._sessions.setdefault(row.digest, set())
        added = row.source not in sources
        sources.add(row.source)
        self._sessions.move_to_end(row.digest)
        _bound(self._sessions, self._most)
        return added

    def _session_digest(self, team: str, name: str) -> str:
        return quotes.digest(self.key_of(team), "session", name)


def _bound(entries: OrderedDict[str, Any], most: int) -> None:
    while len(entries) > most:
        entries.popitem(last=False)


def session_ids(request: ModelRequest, pieces: Sequence[Piece]) -> list[str]:
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
                for match in _IN_BODY.finditer(b'"%s":%s' % (piece.name.encode(), piece.raw[:_LONGEST]))
            ]
        elif piece.name == "prompt_cache_key" and (match := _UNIQUE.fullmatch(piece.raw[:_LONGEST].strip())):
            ids.append(match[1].decode())
    return list(dict.fromkeys(ids))
