"""`Scanner`: what of a request must stay here, reading only what it has not read before.

The scan sees the raw bytes that would be sent. A piece (a top-level field, or one message) is
known by a keyed digest of its bytes, so that no piece can pass for another; a body's beginning
is known by those of its blocks, and is not even cut again. See `router.reading.starts` for the
same idea where digests need no key.
"""

import hashlib
import re
import secrets
import sys
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import structlog

from policies.policy import Fence
from policies.privacy import Exposure
from router.errors import BadRequest
from router.privacy import facts
from router.privacy.facts import PieceFacts, Sighting
from router.privacy.pieces import MESSAGES, Piece, cut, parse
from router.privacy.strings import Part, Place, walk
from router.privacy.watch import Watch
from router.reading.cache import Cache
from router.types import Headers, Request

BLOCK = 16 << 10
"""Bytes between the places at which a body's beginning is looked for."""
_NEWEST = 4
"""Newest messages, which the next request may spell anew."""
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

    def __init__(self, *, entries: int = 20_000) -> None:
        """Watch for nothing yet."""
        self._watch = Watch(())
        self._digest = _keyed()
        self._pieces: Cache[PieceFacts] = Cache(entries=entries, size=16 << 20)
        self._states: Cache[State] = Cache(entries=max(entries // 40, 8), size=4 << 20)

    def watch(self, fences: Iterable[Fence]) -> None:
        """Look for what these keep here from now on; another set clears the caches."""
        watch = Watch(fences)
        if watch.key != self._watch.key or watch.opaque != self._watch.opaque:
            self._watch = watch
            self._pieces.clear()
            self._states.clear()

    def scan(self, request: Request, *, headers: Headers = ()) -> Exposure:
        """Scan one request; `headers` are those that would go on with it.

        Raises:
            BadRequest: a key is given twice in one object of the body.
        """
        body = request.body
        chain = self._chain(body)
        known = next((state for key in reversed(chain) if (state := self._states.get(key))), None)
        pieces = cut(body[: known.first] + body[known.upto :]) if known else None
        if known is None or pieces is None:
            known, pieces = None, cut(body)
        if pieces is None:
            return self._uncut(body)
        state, sources, opaque = known or State(), set[str](), False
        kept, shift = known, known.upto - known.first if known else 0
        settled = sum(piece.end > 0 for piece in pieces) - _NEWEST
        for piece in pieces:
            if not piece.end:
                found = self._facts(piece)
                sources |= found.sources
                opaque |= found.opaque
            elif not (known and piece.at == 0):
                state = self._add(state, piece, piece.end + shift)
                if piece.at < settled and state.upto <= len(chain) * BLOCK:
                    kept = state
        if kept is not None and kept is not known:
            self._states.put(chain[(kept.upto - 1) // BLOCK], kept, _SIZE + len(kept.edge))
        sources |= state.sources
        sources.update(source for _, value in headers for source in self._in_header(value))
        sources.update(self._in_header(request.query))
        return Exposure(sources=frozenset(sources), unnamed=state.strange, opaque=opaque or state.opaque)

    def show(self, request: Request, *, headers: Headers = ()) -> list[Sighting]:
        """Tell everything in a request that must stay, and where; reads all of it."""
        value = parse(request.body)
        shown: list[Sighting] = []
        if isinstance(value, dict):
            for name, field in value.items():
                part = facts.part_of(Piece(name, 0, b"", 0))
                shown += facts.sightings(walk(field, (name,), part), self._watch)
        for name, text in (*headers, ("query", request.query)):
            shown += [
                Sighting(source, Part.TEXT, ("header", name), words)
                for source, words in self._watch.in_text(text, Part.TEXT)
            ]
        return shown

    def _in_header(self, text: str) -> Iterable[str]:
        if text and self._watch and self._watch.needles.may_hold(text.encode(errors="replace")):
            return [source for source, _ in self._watch.in_text(text, Part.TEXT)]
        return ()

    def _facts(self, piece: Piece) -> PieceFacts:
        key = b"%s %x %d" % (piece.name.encode(errors="replace")[:40], self._digest(piece.raw) & (1 << 64) - 1, len(piece.raw))
        known = self._pieces.get(key)
        if known is None:
            value = parse(piece.raw)
            known = facts.gather(piece, value, self._watch) if self._watch else PieceFacts(frozenset())
            self._pieces.put(key, known, _SIZE + len(key) + sum(map(len, known.edges)))
        return known

    def _add(self, state: State, piece: Piece, end: int) -> State:
        """The state after one more message."""
        found = self._facts(piece)
        sources, edge = state.sources | found.sources, state.edge
        if found.edges:
            seams, edge = facts.seams(edge, found.edges)
            sources = sources.union(facts.in_seams(seams, self._watch))
        strange, waiting = state.strange, state.unnamed
        if waiting and not found.unnamed:
            strange |= facts.answers_unnamed(parse(piece.raw), waiting)
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

    def _uncut(self, body: bytes) -> Exposure:
        """Scan a body that has no plain outline: whole, and anew each time."""
        value = parse(body)
        if not isinstance(value, dict):
            return Exposure(readable=False)
        sources = {sighting.source for sighting in facts.sightings(walk(value, (), Part.TEXT), self._watch)}
        return Exposure(sources=frozenset(sources))
