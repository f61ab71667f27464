"""`FeatureExtractor`: one request in, `Features` out, parsing only what it has not seen before.

An agent sends its whole conversation again with every call. So the body is cut into raw
messages, each is looked up by its hash, and only new ones are parsed and counted. A body's
beginning that was read before is not even cut. What a conversation's messages add up to is cached,
too, and added to.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import xxhash

from classifiers.features import Features
from router.features import message_facts
from router.features.ask_reader import AskReader
from router.features.clients import Client, Clients
from router.features.conversation import ConversationState
from router.features.features import make_features
from router.features.message_facts import MessageFacts, SystemFacts, ToolFacts
from router.features.outline import BLOCK, MESSAGES, WIDE, Outline, Piece, decode
from router.features.parsed_request import ParsedRequest, fields_of, scan
from router.features.prefix_cache import Prefix, PrefixCache
from router.features.tokens import Corrections, Counter
from router.system.lru import Cache
from router.system.time_slices import MANY, Pauses, Turns, apart_if_large, finish
from router.types import DialectName, ModelRequest, PromptParts

Facts = MessageFacts | SystemFacts | ToolFacts
_WAITING = 32 << 20
"""Most bytes of text that wait to be counted; what comes beyond that stays estimated."""
_TAIL = 4
"""Newest messages that the next request may bring in another form."""
_LOOKED_BACK = 64
"""How many messages may be new for a state to be added to: each is a hash over all before it."""
_EMPTY_SIZE = 600
"""About what the facts of an empty message take, in bytes."""


class FeatureExtractor:
    """Reads requests of every dialect. One per process, used from one thread.

    Args:
        entries: most messages whose facts are kept.
        cache_bytes: about how much memory these may take, conversations included.
        count_bytes: up to how many bytes of unseen text are counted at once (about 10 MB/s);
            above it the tokens are estimated, and `settle` counts them later.
        clients: the clients it tells apart; all that are known, unless given.
        asks: judges what an ask needs; without it nobody does.
    """

    def __init__(
        self,
        *,
        entries: int = 20_000,
        cache_bytes: int = 64 << 20,
        count_bytes: int = 4 << 10,
        clients: Clients | None = None,
        asks: AskReader | None = None,
    ) -> None:
        self._clients = clients or Clients()
        self._asks = asks
        self._pieces: Cache[Facts] = Cache(entries=entries, size=cache_bytes * 11 // 16)
        self._conversations: Cache[ConversationState] = Cache(
            entries=max(entries // 40, 8), size=cache_bytes // 4
        )
        self._prefixes = PrefixCache(entries=max(entries // 40, 8), size=cache_bytes // 16, newest=_TAIL)
        self._counter = Counter()
        self._corrections = Corrections()
        self._count_bytes = count_bytes
        self._uncounted: deque[tuple[Facts, str]] = deque()
        # Two sums, as `settle` runs in another thread: each is written by one thread only.
        self._put_off = self._settled = 0

    def warm(self) -> bool:
        """Load what reading needs now; True where token counts will be exact. Safe in another thread."""
        if self._asks:
            self._asks.warm()
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
        caches: tuple[Cache[Any], ...] = (self._pieces, self._conversations, self._prefixes.cache)
        return {
            "entries": sum(map(len, caches)),
            "most_entries": sum(cache.entries for cache in caches),
            "bytes": sum(cache.size for cache in caches),
            "most_bytes": sum(cache.limit for cache in caches),
        }

    def settle(self) -> None:
        """Count what was only estimated so far. Safe in another thread.

        It changes numbers in place and no cache, so the next `read` finds exact ones.
        """
        while self._uncounted:
            piece, text = self._uncounted.popleft()
            self._count(piece, text)
            self._settled += piece.length + _EMPTY_SIZE

    def read(self, request: ModelRequest) -> Features:
        """Read one request at once; see `reading`."""
        return finish(self.reading(request))[0]

    def reading(
        self, request: ModelRequest, outline: Outline | None = None, pauses: Pauses = ()
    ) -> Turns[tuple[Features, PromptParts]]:
        """Read one request, and what its prompt is made of, in turns; others may be read between them.

        Args:
            request: As it came.
            outline: Of its body, where somebody has it.
            pauses: Between two steps.

        Raises:
            BadRequest: the body is no JSON object, or `messages` is no list.
        """
        outline = outline or Outline(request.body, request.dialect)
        parsed, prefix, earlier = yield from self._parse(request, outline, pauses)
        beside = [piece for piece in (parsed.system, parsed.tools) if piece]
        names, items = yield from self._facts(parsed, [*beside, *parsed.messages], pauses)
        system = items.pop(0) if parsed.system else None
        tools = items.pop(0) if parsed.tools else None
        if len(request.body) >= BLOCK:
            self._prefixes.keep(outline, prefix, parsed.seed, parsed.messages, names[len(beside) :])
        messages: list[MessageFacts] = [*items[:1], *earlier, *items[1:]]
        if messages and not (tools and tools.names):
            _read_without_tools(messages)
        yield from pauses
        tokens, exact = 0, True
        gathered = [item for item in (system, tools, *messages) if item]
        for at in range(0, len(gathered), MANY):
            for item in gathered[at : at + MANY]:
                tokens += item.size.tokens
                exact = exact and item.size.exact
            yield from pauses
        state = yield from self._conversation(parsed, messages, pauses)
        features = make_features(
            parsed,
            state,
            system=system,
            tools=tools,
            tokens=round(tokens * self._corrections.ratio(request.account.team, request.model)),
            exact=exact,
        )
        yield from pauses
        if self._asks:
            features = yield from self._asks.reading(features)
        return features, _prompt_parts(tools, system, messages)

    def _parse(
        self, request: ModelRequest, outline: Outline, pauses: Pauses
    ) -> Turns[tuple[ParsedRequest, Prefix | None, list[Any]]]:
        """The request, cut without its cached beginning, and the facts of that, if all are still there."""
        yield from outline.digest_beginnings(pauses)
        prefix = self._prefixes.find(outline) if len(request.body) >= BLOCK else None
        if prefix:
            pieces = yield from outline.cut(prefix.first, prefix.upto, pauses)
            parsed = ParsedRequest(request, self._clients, fields_of(pieces)) if pieces else None
            if parsed and parsed.seed == prefix.seed and parsed.messages:
                earlier = yield from self._cached(prefix.places(), pauses)
                if all(earlier):
                    return parsed, prefix, earlier
        pieces = yield from outline.cut(0, 0, pauses)
        fields = scan(request.body, request.dialect) if pieces is None else fields_of(pieces)
        yield from pauses
        return ParsedRequest(request, self._clients, fields), None, []

    def _facts(
        self, parsed: ParsedRequest, pieces: list[Piece], pauses: Pauses
    ) -> Turns[tuple[list[bytes], list[Any]]]:
        """The names of pieces in the cache, and their facts, in order; what is not there is gathered now."""
        names: list[bytes] = []
        for at in range(0, len(pieces), MANY):
            names += _names(parsed.seed, pieces[at : at + MANY])
            yield from pauses
        items = yield from self._cached(names, pauses)
        missing = [at for at, item in enumerate(items) if item is None]
        if missing:
            yield from pauses
            yield from decode([pieces[at] for at in missing], pauses)
            gathered: list[tuple[Facts, str | None]] = []
            for at in missing:
                items[at] = yield from self._gather(parsed, pieces[at], names[at], gathered)
                yield from pauses
            yield from self._count_or_put_off(gathered, pauses)
        return names, items

    def _cached(self, names: list[bytes], pauses: Pauses) -> Turns[list[Any]]:
        """The facts under these names; None for those that are not cached."""
        items: list[Any] = []
        for at in range(0, len(names), MANY):
            items += self._pieces.get_all(names[at : at + MANY])
            yield from pauses
        return items

    def _gather(
        self,
        parsed: ParsedRequest,
        piece: Piece,
        name: bytes,
        gathered: list[tuple[Facts, str | None]],
    ) -> Turns[Facts]:
        """The facts of one piece: just gathered, or cached under another spelling, or gathered now."""
        earlier = self._pieces.get(name)
        if earlier is not None:
            return earlier
        item, text = yield from apart_if_large(
            len(piece.raw), _GATHER[piece.name], parsed.request.dialect, parsed.client, piece
        )
        same = xxhash.xxh3_128_digest(item.key, parsed.seed)
        twin = self._pieces.get(same)
        if twin is not None and type(twin) is type(item):
            self._pieces.put(name, twin, len(name))
            return twin
        self._pieces.put(name, item, _weight(item))
        self._pieces.put(same, item, len(same))
        gathered.append((item, text))
        return item

    def _count_or_put_off(self, gathered: list[tuple[Facts, str | None]], pauses: Pauses) -> Turns[None]:
        countable: list[tuple[Facts, str]] = []
        length = size = 0
        for number, (item, text) in enumerate(gathered):
            if number % MANY == 0:
                yield from pauses
            length += item.length
            if text is not None:
                countable.append((item, text))
                size += item.length + _EMPTY_SIZE
        if length <= self._count_bytes:
            for item, text in countable:
                self._count(item, text)
        elif self._put_off - self._settled + size <= _WAITING:
            self._put_off += size
            self._uncounted.extend(countable)

    def _count(self, item: Facts, text: str) -> None:
        fixed = message_facts.fixed_tokens(item.images) if isinstance(item, MessageFacts) else 0
        if self._counter.warm():
            item.size.settle(fixed + self._counter.count(text))

    def _conversation(
        self, parsed: ParsedRequest, messages: list[MessageFacts], pauses: Pauses
    ) -> Turns[ConversationState]:
        """What `messages` add up to, from the longest of the last beginnings that is cached.

        What is cached stops short of the newest messages: a client may spell those anew in its
        next request (a cache mark that moves on), or try the same turn again.
        """
        settled = max(len(messages) - _TAIL, 0)
        if not settled:
            return (yield from ConversationState().adding(messages, pauses))
        keys = bytearray()
        for at in range(0, settled, MANY):
            keys += b"".join([message.key for message in messages[at : min(at + MANY, settled)]])
            yield from pauses
        width = len(messages[0].key)
        state, done = ConversationState(), 0
        for upto in range(settled, max(settled - _LOOKED_BACK, 0), -1):
            yield from pauses
            cached = self._conversations.take(xxhash.xxh3_128_digest(keys[: upto * width], parsed.seed))
            if cached is not None:
                state, done = cached, upto
                break
        yield from state.adding(messages[done:settled], pauses)
        self._conversations.put(xxhash.xxh3_128_digest(keys, parsed.seed), state, state.cost())
        return (yield from state.copy().adding(messages[settled:], pauses))


def _read_without_tools(messages: list[MessageFacts]) -> None:
    """Read the newest message that is no system's as one of a request that offers no tools, in place."""
    newest = next((at for at in reversed(range(len(messages))) if messages[at].role != "system"), None)
    if newest is not None:
        messages[newest] = message_facts.without_tools(messages[newest])


_SALTS = {MESSAGES: 0, "system": 1, "tools": 2}
"""So that the same bytes in two fields are two pieces."""
_GATHER: dict[str, Callable[[DialectName, Client, Piece], tuple[Facts, str | None]]] = {
    MESSAGES: message_facts.gather,
    "system": message_facts.gather_system,
    "tools": message_facts.gather_tools,
}


def _prompt_parts(
    tools: ToolFacts | None, system: SystemFacts | None, messages: list[MessageFacts]
) -> PromptParts:
    """What the prompt is made of, in the order of most chat templates."""
    beside = [part for part in (tools, system) if part]
    return PromptParts(
        keys=(*[part.key for part in beside], *[message.key for message in messages]),
        tokens=(*[part.size.tokens for part in beside], *[message.size.tokens for message in messages]),
        roles=(*["" for _ in beside], *[message.role for message in messages]),
    )


def _names(seed: int, pieces: list[Piece]) -> list[bytes]:
    """The names under which the facts of pieces are cached, of 16 bytes each."""
    salted = {field: ((seed + salt) & WIDE).to_bytes(8, "little") for field, salt in _SALTS.items()}
    return [piece.digest.to_bytes(8, "little") + salted[piece.name] for piece in pieces]


def _weight(item: Facts) -> int:
    """About how many bytes a piece's facts take."""
    if not isinstance(item, MessageFacts):
        return _EMPTY_SIZE
    touched = len(item.accesses) + sum(len(call.accesses) + 1 for call in (*item.calls, *item.text_calls))
    return _EMPTY_SIZE + len(item.ask) + 200 * touched
