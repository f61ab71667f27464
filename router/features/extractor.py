"""`FeatureExtractor`: one request in, `Features` out, parsing only what it has not seen before.

An agent sends its whole conversation again with every call. So the body is cut into raw
messages, each is looked up by its hash, and only new ones are parsed and counted. A body's
beginning that is known is not even cut. The fold over a conversation's messages is kept, too,
and taken up where it stopped.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import xxhash

from classifiers.features import Features
from router.features import message_facts
from router.features.clients import Client, Clients
from router.features.conversation import ConversationState
from router.features.features import features
from router.features.message_facts import MessageFacts, SystemFacts, ToolFacts
from router.features.outline import Outline, Piece, decode
from router.features.parsed_request import ParsedRequest
from router.features.prefix_cache import Prefix, PrefixCache
from router.features.split import Envelope, envelope, scan
from router.features.tokens import Corrections, Counter, Size, total
from router.system.lru import Cache
from router.system.time_slices import Pace, Turns, apart_if_large, finish
from router.types import DialectName, ModelRequest

Facts = MessageFacts | SystemFacts | ToolFacts
_WAITING = 32 << 20
"""Most bytes of text that wait to be counted; what comes beyond that stays estimated."""
_TAIL = 4
"""Newest messages that the next request may bring in another form."""
_LOOKED_BACK = 64
"""How many messages may be new for a fold to be taken up: each is a hash over all before it."""
_EMPTY_SIZE = 600
"""About what the facts of an empty message take, in bytes."""


class FeatureExtractor:
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
        self._pieces: Cache[Facts] = Cache(entries=entries, size=cache_bytes * 11 // 16)
        self._folds: Cache[ConversationState] = Cache(entries=max(entries // 40, 8), size=cache_bytes // 4)
        self._starts = PrefixCache(entries=max(entries // 40, 8), size=cache_bytes // 16, newest=_TAIL)
        self._counter = Counter()
        self._corrections = Corrections()
        self._count_bytes = count_bytes
        self._uncounted: deque[tuple[Facts, str]] = deque()
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
            "most_entries": sum(cache.entries for cache in caches),
            "bytes": sum(cache.size for cache in caches),
            "most_bytes": sum(cache.limit for cache in caches),
        }

    def read(self, request: ModelRequest) -> Features:
        """Read one request at once; see `reading`."""
        return finish(self.reading(request))

    def reading(self, request: ModelRequest, outline: Outline | None = None) -> Turns[Features]:
        """Read one request in turns; others may be read between them.

        Args:
            request: As it came.
            outline: Of its body, where somebody has it.

        Raises:
            BadRequest: the body is no JSON object, or `messages` is no list.
        """
        pace, outline = Pace(), outline or Outline(request.body)
        asked, start, known = yield from self._cut(request, outline, pace)
        fields = asked.envelope
        fresh: list[tuple[Facts, str | None]] = []
        system, _ = yield from self._facts(
            asked, "system", (fields.system,) if fields.system.raw else (), fresh, pace
        )
        tools, _ = yield from self._facts(
            asked, "tools", (fields.tools,) if fields.tools.raw else (), fresh, pace
        )
        messages, names = yield from self._facts(asked, "message", fields.messages, fresh, pace)
        self._starts.keep(outline, start, asked.seed, fields.messages, names)
        messages[1:1] = known
        yield from pace.pause()
        yield from self._count_or_put_off(fresh, pace)
        yield from pace.pause()
        size = total((yield from pace.each(_total, [*system, *tools, *messages])))
        fold = yield from self._fold(asked, messages, pace)
        return features(
            asked,
            fold,
            system=system[0] if system else None,
            tools=tools[0] if tools else None,
            tokens=round(size.tokens * self._corrections.ratio(request.account.team, request.model)),
            exact=size.exact,
        )

    def _cut(
        self, request: ModelRequest, outline: Outline, pace: Pace
    ) -> Turns[tuple[ParsedRequest, Prefix | None, list[Any]]]:
        """The request, cut without its known beginning, and the facts of that, if all are still there."""
        start = self._starts.find(outline)
        if start:
            pieces = yield from outline.cut(start.first, start.upto, pace)
            asked = ParsedRequest(request, self._clients, envelope(pieces)) if pieces else None
            if asked and asked.seed == start.seed and asked.envelope.messages:
                known = yield from pace.each(self._pieces.get_all, start.places())
                if all(known):
                    return asked, start, known
        pieces = yield from outline.cut(0, 0, pace)
        fields: Envelope = envelope(pieces) if pieces is not None else scan(request.body)
        yield from pace.pause()
        return ParsedRequest(request, self._clients, fields), None, []

    def settle(self) -> None:
        """Count what was only estimated so far. Safe in another thread.

        It changes numbers in place and no cache, so the next `read` finds exact ones.
        """
        while self._uncounted:
            piece, text = self._uncounted.popleft()
            self._count(piece, text)
            self._settled += piece.length + _EMPTY_SIZE

    def _count_or_put_off(self, fresh: list[tuple[Facts, str | None]], pace: Pace) -> Turns[None]:
        if sum((yield from pace.each(_length, fresh))) <= self._count_bytes:
            for item, text in fresh:
                self._count(item, text or "")
            return
        long: list[tuple[Facts, str]] = yield from pace.each(_with_text, fresh)
        size = sum((yield from pace.each(_length, long))) + _EMPTY_SIZE * len(long)
        if self._put_off - self._settled + size <= _WAITING:
            self._put_off += size
            self._uncounted.extend(long)

    def _count(self, item: Facts, text: str) -> None:
        fixed = message_facts.fixed_tokens(item.images) if isinstance(item, MessageFacts) else 0
        if self._counter.warm():
            item.size.settle(fixed + self._counter.count(text))

    def _facts(
        self,
        asked: ParsedRequest,
        job: str,
        pieces: Sequence[Piece],
        fresh: list[tuple[Facts, str | None]],
        pace: Pace,
    ) -> Turns[tuple[list[Any], list[bytes]]]:
        """The facts of pieces and their names, in order; those gathered now are added to `fresh`."""
        names = yield from pace.each(lambda some: asked.names(job, some), pieces)
        items: list[Any] = yield from pace.each(self._pieces.get_all, names)
        new = [at for at, item in enumerate(items) if item is None]
        yield from pace.pause()
        yield from decode((pieces[at] for at in new), pace)
        for at in new:
            items[at] = yield from self._gather(asked, job, pieces[at], names[at], fresh)
            yield from pace.pause()
        return items, names

    def _gather(
        self, asked: ParsedRequest, job: str, piece: Piece, name: bytes, fresh: list[tuple[Facts, str | None]]
    ) -> Turns[Facts]:
        """The facts of one piece: just gathered, or known under another spelling, or gathered now."""
        earlier = self._pieces.get(name)
        if earlier is not None:
            return earlier
        item, text = yield from apart_if_large(
            len(piece.raw), _GATHER[job], asked.request.dialect, asked.client, piece
        )
        same = xxhash.xxh3_128_digest(item.key, asked.seed)
        twin = self._pieces.get(same)
        if twin is not None and type(twin) is type(item):
            self._pieces.put(name, twin, len(name))
            return twin
        self._pieces.put(name, item, _weight(item))
        self._pieces.put(same, item, len(same))
        fresh.append((item, text))
        return item

    def _fold(
        self, asked: ParsedRequest, messages: list[MessageFacts], pace: Pace
    ) -> Turns[ConversationState]:
        """The fold over `messages`, taken up from the longest of the last beginnings that is still known.

        What is kept stops short of the newest messages: a client may spell those anew in its
        next request (a cache mark that moves on), or try the same turn again.
        """
        keys = b"".join((yield from pace.each(_keys, messages)))
        width = len(messages[0].key) if messages else 1
        settled = max(len(messages) - _TAIL, 0)
        kept, done = ConversationState(), 0
        for known in range(settled, max(settled - _LOOKED_BACK, 0), -1):
            yield from pace.pause()
            earlier = self._folds.take(xxhash.xxh3_128_digest(keys[: known * width], asked.seed))
            if earlier is not None:
                kept, done = earlier, known
                break
        for message in messages[done:settled]:
            yield from kept.adding(message, pace)
            yield from pace.pause()
        fold = kept
        if settled:
            self._folds.put(xxhash.xxh3_128_digest(keys[: settled * width], asked.seed), kept, kept.cost())
            fold = kept.copy()
            yield from pace.pause()
        for message in messages[settled:]:
            yield from fold.adding(message, pace)
        return fold


_GATHER: dict[str, Callable[[DialectName, Client, Piece], tuple[Facts, str | None]]] = {
    "message": message_facts.gather,
    "system": message_facts.gather_system,
    "tools": message_facts.gather_tools,
}


def _keys(messages: list[MessageFacts]) -> list[bytes]:
    return [message.key for message in messages]


def _total(items: list[Facts]) -> tuple[Size]:
    return (total([item.size for item in items]),)


def _length(items: Sequence[tuple[Facts, str | None]]) -> tuple[int]:
    return (sum(item.length for item, _ in items),)


def _with_text(items: list[tuple[Facts, str | None]]) -> list[tuple[Facts, str]]:
    return [(item, text) for item, text in items if text is not None]


def _weight(item: Facts) -> int:
    """About how many bytes a piece's facts take."""
    if not isinstance(item, MessageFacts):
        return _EMPTY_SIZE
    touched = len(item.touches) + sum(len(use.touches) + 1 for use in (*item.uses, *item.text_uses))
    return _EMPTY_SIZE + len(item.ask) + 200 * touched
