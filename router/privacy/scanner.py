"""`Scanner`: what of a request must stay here, reading only what it has not read before.

The scan sees the raw bytes that would be sent. A piece (a top-level field, or one message) is
known by a keyed digest of its bytes, so that no piece can pass for another; a body's beginning
is known by those of its blocks, and is not even cut again. See `router.reading.starts` for the
same idea where digests need no key.
"""

import hashlib
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from policies.policy import Fence
from policies.privacy import Exposure
from router.privacy import facts
from router.privacy.facts import PieceFacts, Sighting
from router.privacy.memory import Memory, session_ids
from router.privacy.pieces import MESSAGES, Piece, cut, parse
from router.privacy.strings import Part, Text, walk
from router.privacy.watch import Watch
from router.reading.cache import Cache
from router.reading.turns import LARGE, Apart, Pace, Turns, apart_if_large, finish
from router.types import Request

BLOCK = 16 << 10
"""Bytes between the places at which a body's beginning is looked for."""
_NEWEST = 4
"""Newest messages, which the next request may spell anew."""
_FENCES = 50
"""Most policies whose fences are watched at once, beside the newest."""
_MOST_SHOWN = 20
_EXCERPT = 80
_NOT_SCANNED = frozenset({
    "api-key", "authorization", "content-length", "cookie", "host", "proxy-authorization", "x-api-key",
    "x-turnout-key",
})  # fmt: skip
"""Header fields that carry a credential, or only concern this connection."""
_SIZE = 300
"""About what the facts of a piece take, in bytes."""


def _keyed() -> Callable[[bytes | memoryview], int]:
    """A digest that nobody outside can steer: SipHash under a key of this process, 0.2 ms a megabyte.

    Python's own `hash` is that unless PYTHONHASHSEED fixes the key; then BLAKE2b takes its place.
    """
    if sys.flags.hash_randomization and sys.hash_info.algorithm.startswith("siphash"):
        return hash
    key = secrets.token_bytes(32)
    return lambda data: int.from_bytes(hashlib.blake2b(data, key=key, digest_size=8).digest(), "big")


def _beside(request: Request) -> list[tuple[str, str]]:
    """Header fields and the query, less what carries a credential or only concerns this connection."""
    fields = [(name, value) for name, value in request.headers if name not in _NOT_SCANNED]
    return [*fields, ("query", unquote_plus(request.query))] if request.query else fields


def _shown(sighting: Sighting) -> dict[str, str]:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in sighting.place)
    words = " ".join(sighting.text.split())
    return {
        "source": sighting.source,
        "part": sighting.part.value,
        "where": place.lstrip(".") or "several texts in a row",
        "text": words if len(words) <= _EXCERPT else f"{words[:_EXCERPT]}…",
    }


class State(msgspec.Struct, frozen=True):
    """A conversation up to one of its messages."""

    first: int = 0
    """Where the first message ends, in bytes of the body."""
    upto: int = 0
    """Where the last one ends that this tells of."""
    messages: int = 0
    sources: frozenset[str] = frozenset()
    edge: str = ""
    """How the last text ends."""
    unnamed: frozenset[str] = frozenset()
    """Calls that wait for their output."""
    strange: bool = False
    """A command's output told of no file."""
    opaque: bool = False


class Scanner:
    """Scans requests of every dialect. One per process, used from one thread."""

    def __init__(self, *, entries: int = 20_000, memory: Memory | None = None) -> None:
        """Watch for nothing yet; `memory` is of what had to stay before."""
        self.memory = memory or Memory()
        self._fences: tuple[Fence, ...] = ()
        self._watch = Watch(())
        self._digest = _keyed()
        self._pieces: Cache[PieceFacts] = Cache(entries=entries, size=16 << 20)
        self._states: Cache[State] = Cache(entries=max(entries // 40, 8), size=4 << 20)

    def watch(self, fences: Iterable[Fence]) -> None:
        """Look for what these keep here, and for nothing else; another set clears the caches."""
        self._fences = tuple(dict.fromkeys(fences))
        self._watch = Watch(self._fences)
        self._pieces.clear()
        self._states.clear()

    def scan(self, request: Request, fence: Fence, *, conversation: str = "", learn: bool = True) -> Exposure:
        """Scan one request at once; see `scanning`."""
        return finish(self.scanning(request, fence, conversation=conversation, learn=learn))

    def scanning(
        self, request: Request, fence: Fence, *, conversation: str = "", learn: bool = True
    ) -> Turns[Exposure]:
        """Scan one request in turns: its body, and what else would go on with it.

        Args:
            request: As it would be sent.
            fence: What its policy keeps here; watched from now on if it is not yet.
            conversation: The id that reading gave it; empty for none.
            learn: Remember what must stay, for the session and the team.

        Raises:
            BadRequest: a key is given twice in one object of the body.
        """
        if fence not in self._fences:
            self.watch((*self._fences[-_FENCES:], fence))
        body, pace, fences = request.body, Pace(), self._fences
        chain = self._chain(body)
        known = next((state for key in reversed(chain) if (state := self._states.get(key))), None)
        pieces = (yield from cut(body[: known.first] + body[known.upto :], pace)) if known else None
        if known is None or pieces is None:
            known, pieces = None, (yield from cut(body, pace))
        if pieces is None:
            return (yield from apart_if_large(len(body), _uncut, body, self._fences))
        state, sources, opaque = known or State(), set[str](), False
        kept, shift = known, known.upto - known.first if known else 0
        settled = sum(piece.end > 0 for piece in pieces) - _NEWEST
        for piece in pieces:
            yield from pace.pause()
            if not piece.end:
                found = yield from self._facts(piece)
                sources |= found.sources
                opaque |= found.opaque
            elif not (known and piece.at == 0):
                state = yield from self._add(state, piece, piece.end + shift)
                if piece.at < settled and state.upto <= len(chain) * BLOCK:
                    kept = state
        if fences != self._fences:  # others watch for other things by now
            return (yield from self.scanning(request, fence, conversation=conversation, learn=learn))
        if kept is not None and kept is not known:
            self._states.put(chain[(kept.upto - 1) // BLOCK], kept, _SIZE + len(kept.edge))
        sources |= state.sources
        sources |= self._beside(request)
        return Exposure(
            sources=frozenset(sources),
            earlier=self._earlier(
                request, [conversation, *session_ids(request, pieces)], sources, learn=learn
            ),
            unnamed=state.strange,
            opaque=opaque or state.opaque,
        )

    def _earlier(
        self, request: Request, ids: Iterable[str], sources: set[str], *, learn: bool
    ) -> frozenset[str]:
        """What the session touched before; it remembers what this request touches."""
        ids = [name for name in ids if name]
        earlier = self.memory.of_sessions(request.team, ids)
        if learn and sources - earlier:
            self.memory.keep_sessions(request.team, ids, sources)
        return earlier

    def _beside(self, request: Request) -> set[str]:
        """What must stay of the headers and the query that would go on."""
        if not self._watch:
            return set()
        values = _beside(request)
        if not self._watch.needles.may_hold("\n".join(text for _, text in values).encode(errors="replace")):
            return set()
        return {source for _, text in values for source, _ in self._watch.in_text(text, Part.TEXT)}

    def _facts(self, piece: Piece) -> Turns[PieceFacts]:
        key = b"%s %x %d" % (
            piece.name.encode(errors="replace")[:40],
            self._digest(piece.raw) & (1 << 64) - 1,
            len(piece.raw),
        )
        known = self._pieces.get(key)
        if known is None:
            fences = self._fences
            if len(piece.raw) > LARGE:
                known = yield Apart(_gather, (piece, fences))
            else:
                known = _scanned(piece, self._watch)
            if fences == self._fences:
                self._pieces.put(key, known, _SIZE + len(key) + sum(map(len, known.edges)))
        return known

    def _add(self, state: State, piece: Piece, end: int) -> Turns[State]:
        """The state after one more message."""
        found = yield from self._facts(piece)
        sources, edge = state.sources | found.sources, state.edge
        if found.edges:
            seams, edge = facts.seams(edge, found.edges)
            sources = sources.union(facts.in_seams(seams, self._watch))
        strange, waiting = state.strange, state.unnamed
        if waiting and not found.unnamed:
            strange |= yield from apart_if_large(len(piece.raw), _answers_unnamed, piece.raw, waiting)
            waiting -= {facts.TEXT_MODE}
        return State(
            first=state.first or end,
            upto=end,
            messages=state.messages + 1,
            sources=sources,
            edge=edge,
            unnamed=waiting | found.unnamed,
            strange=strange,
            opaque=state.opaque or found.opaque,
        )

    def _chain(self, body: bytes) -> list[bytes]:
        """A key for all that comes before the end of each block."""
        view, chain, before = memoryview(body), [], 0
        for at in range(0, len(body) - BLOCK + 1, BLOCK):
            before = hash((before, self._digest(view[at : at + BLOCK])))
            chain.append(b"%x" % (before & (1 << 64) - 1))
        return chain


@lru_cache(maxsize=4)
def _watch(fences: tuple[Fence, ...]) -> Watch:
    """In a process that makes calls apart: compiled once."""
    return Watch(fences)


def _scanned(piece: Piece, watch: Watch) -> PieceFacts:
    value = parse(piece.raw)
    return facts.gather(piece, value, watch) if watch else PieceFacts(frozenset())


def _gather(piece: Piece, fences: tuple[Fence, ...]) -> PieceFacts:
    return _scanned(piece, _watch(fences))


def _answers_unnamed(raw: bytes, calls: frozenset[str]) -> bool:
    return facts.answers_unnamed(parse(raw), calls)


def _uncut(body: bytes, fences: tuple[Fence, ...]) -> Exposure:
    """Scan a body that has no plain outline: whole, and anew each time."""
    value = parse(body)
    if not isinstance(value, dict):
        return Exposure(readable=False)
    watch = _watch(fences)
    sources = {sighting.source for texts in _texts(value) for sighting in facts.sightings(texts, watch)}
    return Exposure(sources=frozenset(sources))


def show(request: Request, fence: Fence) -> list[dict[str, str]]:
    """Tell everything in a request that must stay, and where; reads all of it, and keeps nothing."""
    watch = Watch((fence,))
    if not watch:
        return []
    shown = [sighting for texts in _texts(parse(request.body)) for sighting in facts.sightings(texts, watch)]
    for name, text in _beside(request):
        shown += [
            Sighting(source, Part.TEXT, ("headers", name), words)
            for source, words in watch.in_text(text, Part.TEXT)
        ]
    distinct = {(item.source, item.place): item for item in reversed(shown)}
    return [_shown(item) for item in list(distinct.values())[::-1][:_MOST_SHOWN]]


def _texts(value: Any) -> Iterator[list[Text]]:
    """The strings of a decoded body, by piece."""
    fields = value.items() if isinstance(value, dict) else ()
    for name, field in fields:
        if name == MESSAGES and isinstance(field, list):
            yield from (list(walk(item, (name, at), Part.TEXT)) for at, item in enumerate(field))
        else:
            yield list(walk(field, (name,), facts.part_of(name)))
