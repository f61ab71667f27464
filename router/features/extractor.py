"""`Reader`: one request in, `Features` out, parsing only what it has not seen before.

An agent sends its whole conversation again with every call. So the body is cut into raw
messages, each is looked up by its hash, and only new ones are parsed and counted. A body's
beginning that is known is not even cut. The fold over a conversation's messages is kept, too,
and taken up where it stopped.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import xxhash

from classifiers.features import Features
from router.features import message_facts
from router.features.clients import Client, Clients
from router.features.conversation import Fold
from router.features.features import features
from router.features.message_facts import MessageFacts, SystemFacts, ToolFacts
from router.features.parsed_request import Asked
from router.features.prefix_cache import Begun, Starts
from router.features.tokens import Corrections, Counter, Size, total
from router.system.lru import Cache
from router.system.time_slices import Pace, Turns, apart_if_large, finish
from router.types import DialectName, ModelRequest

Piece = MessageFacts | SystemFacts | ToolFacts
_WAITING = 32 << 20
"""Most bytes of text that wait to be counted; what comes beyond that stays estimated."""
_TAIL = 4
"""Newest messages that the next request may bring in another form."""
_LOOKED_BACK = 64
"""How many messages may be new for a fold to be taken up: each is a hash over all before it."""
_EMPTY_SIZE = 600
"""About what the facts of an empty message take, in bytes."""


class Reader:
    """Reads requests of every dialect. One per process, used from one thread.

    Args:
        entries: most messages whose facts are kept.
        cache_bytes: about how much memory these may take, folds included.
        count_bytes: up to how many bytes of unseen text are counted at once (about 10 MB/s);
            above it the tokens are estimated, and `settle` counts them later.
        clients: the clients it tells apart; all that are known, unless given.
    """

    def __init__(
        self,
        *,
        entries: int = 20_000,
        cache_bytes: int = 64 << 20,
        count_bytes: int = 4 << 10,
        clients: Clients | None = None,
    ) -> None:
        """Hold nothing yet."""
        self._clients = clients or Clients()
        self._pieces: Cache[Piece] = Cache(entries=entries, size=cache_bytes * 11 // 16)
        self._folds: Cache[Fold] = Cache(entries=max(entries // 40, 8), size=cache_bytes // 4)
        self._starts = Starts(entries=max(entries // 40, 8), size=cache_bytes // 16, newest=_TAIL)
        self._counter = Counter()
        self._corrections = Corrections()
        self._count_bytes = count_bytes
        self._uncounted: deque[tuple[Piece, str]] = deque()
        # Two sums, as `settle` runs in another thread: each is written by one thread only.
        self._put_off = self._settled = 0

    def warm(self) -> bool:
        """Load the token encoding now; True where counts will be exact. Safe in another thread."""
        return self._counter.warm()

    def correct(self, team: str, model: str, estimated: int, actual: int) -> None:
        """Learn how `model` counts what `team` sends.

        Args:
            team: the one in `ModelRequest.team`.
            model: the name in `ModelRequest.model`.
            estimated: `Features.context_tokens` of a request whose `tokens_exact` was true.
            actual: the prompt's tokens as its usage reported them.
        """
        self._corrections.learn(team, model, estimated, actual)

    def stats(self) -> dict[str, int]:
        """How full the caches are, and how full they may get: entries, and approximate bytes."""
        caches: tuple[Cache[Any], ...] = (self._pieces, self._folds, self._starts.kept)
        return {
            "entries": sum(map(len, caches)),
            "most_entries": sum(one.entries for one in caches),
            "bytes": sum(one.size for one in caches),
            "most_bytes": sum(one.limit for one in caches),
        }

    def read(self, request: ModelRequest) -> Features:
        """Read one request at once; see `reading`."""
        return finish(self.reading(request))

    def reading(self, request: ModelRequest) -> Turns[Features]:
        """Read one request in turns; others may be read between them.

        Raises:
            BadRequest: the body is no JSON object, or `messages` is no list.
        """
        pace = Pace()
        asked, begun, known = yield from self._asked(request, pace)
        envelope = asked.envelope
        fresh: list[tuple[Piece, str | None]] = []
        system, _ = yield from self._found(
            asked, "system", (envelope.system,) if envelope.system else (), fresh, pace
        )
        tools, _ = yield from self._found(
            asked, "tools", (envelope.tools,) if envelope.tools else (), fresh, pace
        )
        messages, places = yield from self._found(asked, "message", envelope.messages, fresh, pace)
        yield from self._starts.keep(begun, asked.seed, envelope.messages, places, pace)
        messages[1:1] = known
        yield from pace.pause()
        yield from self._count_or_put_off(fresh, pace)
        yield from pace.pause()
        whole = total((yield from pace.each(_total, [*system, *tools, *messages])))
        fold = yield from self._fold(asked, messages, pace)
        return features(
            asked,
            fold,
            system=system[0] if system else None,
            tools=tools[0] if tools else None,
            tokens=round(whole.tokens * self._corrections.ratio(request.team, request.model)),
            exact=whole.exact,
        )

    def _asked(self, request: ModelRequest, pace: Pace) -> Turns[tuple[Asked, Begun, list[Any]]]:
        """The request, parsed without its known beginning, and the facts of that, if all are still there."""
        begun = self._starts.find(request.body)
        if begun.start:
            asked = Asked(request, self._clients, begun.start)
            known: list[Any] = [None]
            if asked.seed == begun.start.seed:
                known = yield from pace.each(self._pieces.get_all, begun.start.places())
            if asked.envelope.messages and all(known):
                return asked, begun, known
        whole = Asked(request, self._clients)
        yield from pace.pause()
        return whole, replace(begun, start=None), []

    def settle(self) -> None:
        """Count what was only estimated so far. Safe in another thread.

        It changes numbers in place and no cache, so the next `read` finds exact ones.
        """
        while self._uncounted:
            piece, text = self._uncounted.popleft()
            self._count(piece, text)
            self._settled += piece.length + _EMPTY_SIZE

    def _count_or_put_off(self, fresh: list[tuple[Piece, str | None]], pace: Pace) -> Turns[None]:
        if sum((yield from pace.each(_length, fresh))) <= self._count_bytes:
            for piece, text in fresh:
                self._count(piece, text or "")
            return
        long: list[tuple[Piece, str]] = yield from pace.each(_with_text, fresh)
        size = sum((yield from pace.each(_length, long))) + _EMPTY_SIZE * len(long)
        if self._put_off - self._settled + size <= _WAITING:
            self._put_off += size
            self._uncounted.extend(long)

    def _count(self, piece: Piece, text: str) -> None:
        fixed = message_facts.fixed_tokens(piece.images) if isinstance(piece, MessageFacts) else 0
        if self._counter.warm():
            piece.size.settle(fixed + self._counter.count(text))

    def _found(
        self,
        asked: Asked,
        job: str,
        raws: Sequence[msgspec.Raw],
        fresh: list[tuple[Piece, str | None]],
        pace: Pace,
    ) -> Turns[tuple[list[Any], list[bytes]]]:
        """The facts of raw pieces and their names, in order; those gathered now are added to `fresh`."""
        places = yield from pace.each(lambda some: asked.digests(job, some), raws)
        found: list[Any] = yield from pace.each(self._pieces.get_all, places)
        for at, piece in enumerate(found):
            if piece is None:
                found[at] = yield from self._piece(asked, job, raws[at], places[at], fresh)
                yield from pace.pause()
        return found, places

    def _piece(
        self, asked: Asked, job: str, raw: msgspec.Raw, place: bytes, fresh: list[tuple[Piece, str | None]]
    ) -> Turns[Piece]:
        """The facts of one raw piece: just gathered, or known under another spelling, or gathered now."""
        known = self._pieces.get(place)
        if known is not None:
            return known
        data = bytes(raw)
        piece, text = yield from apart_if_large(
            len(data), _GATHER[job], asked.request.dialect, asked.client, data
        )
        same = xxhash.xxh3_128_digest(piece.key, asked.seed)
        twin = self._pieces.get(same)
        if twin is not None and type(twin) is type(piece):
            self._pieces.put(place, twin, len(place))
            return twin
        self._pieces.put(place, piece, _weight(piece))
        self._pieces.put(same, piece, len(same))
        fresh.append((piece, text))
        return piece

    def _fold(self, asked: Asked, messages: list[MessageFacts], pace: Pace) -> Turns[Fold]:
        """The fold over `messages`, taken up from the longest of the last beginnings that is still known.

        What is kept stops short of the newest messages: a client may spell those anew in its
        next request (a cache mark that moves on), or try the same turn again.
        """
        keys = b"".join([one.key for one in messages])
        width = len(messages[0].key) if messages else 1
        settled = max(len(messages) - _TAIL, 0)
        kept, done = Fold(), 0
        for known in range(settled, max(settled - _LOOKED_BACK, 0), -1):
            yield from pace.pause()
            earlier = self._folds.take(xxhash.xxh3_128_digest(keys[: known * width], asked.seed))
            if earlier is not None:
                kept, done = earlier, known
                break
        for one in messages[done:settled]:
            yield from kept.adding(one, pace)
            yield from pace.pause()
        fold = kept
        if settled:
            self._folds.put(xxhash.xxh3_128_digest(keys[: settled * width], asked.seed), kept, kept.cost())
            fold = kept.copy()
            yield from pace.pause()
        for one in messages[settled:]:
            yield from fold.adding(one, pace)
        return fold


_GATHER: dict[str, Callable[[DialectName, Client, bytes], tuple[Piece, str | None]]] = {
    "message": message_facts.gather,
    "system": message_facts.gather_system,
    "tools": message_facts.gather_tools,
}


def _total(pieces: list[Piece]) -> tuple[Size]:
    return (total([piece.size for piece in pieces]),)


def _length(pieces: Sequence[tuple[Piece, str | None]]) -> tuple[int]:
    return (sum(piece.length for piece, _ in pieces),)


def _with_text(pieces: list[tuple[Piece, str | None]]) -> list[tuple[Piece, str]]:
    return [(piece, text) for piece, text in pieces if text is not None]


def _weight(piece: Piece) -> int:
    """About how many bytes a piece's facts take."""
    if not isinstance(piece, MessageFacts):
        return _EMPTY_SIZE
    touched = len(piece.touches) + sum(len(use.touches) + 1 for use in (*piece.uses, *piece.text_uses))
    return _EMPTY_SIZE + len(piece.ask) + 200 * touched
