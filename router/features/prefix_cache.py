"""Where a body goes on from one that was read before, so that only the rest is parsed.

An agent sends its whole conversation again with every call, the old part in the same bytes. A
beginning is known by the digest of its bytes at the end of a block; see `router.features.outline`.
Parsing is the same up to there whatever follows, so the messages in it can be left out of what is cut
anew. The first message stays, as a client may be recognised by it. The newest messages are never part
of a beginning: a client may spell them anew in its next request (a cache mark that moves on).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from router.features.outline import BLOCK, Outline, Piece
from router.system.lru import Cache

_WIDTH = 16
_ENTRY_SIZE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The messages of a body's beginning that were read before."""

    first: int
    """Where the first message ends, in bytes."""
    upto: int
    """Where the last known one ends."""
    seed: int
    """Of the names under which their facts are cached; see `ParsedRequest`."""
    names: bytes
    """Of the facts of all known messages but the first, joined."""

    def places(self) -> list[bytes]:
        """The names under which the facts of the known messages are kept."""
        names = self.names
        return [names[at : at + _WIDTH] for at in range(0, len(names), _WIDTH)]


class PrefixCache:
    """The beginnings that are known.

    Args:
        entries: most of them.
        size: about how many bytes they may take.
        newest: how many messages are not settled.
    """

    def __init__(self, *, entries: int, size: int, newest: int) -> None:
        self.cache: Cache[Prefix] = Cache(entries=entries, size=size)
        self._newest = newest

    def find(self, outline: Outline) -> Prefix | None:
        """Find the longest known beginning of a body."""
        return next((start for key in reversed(outline.beginnings) if (start := self.cache.get(key))), None)

    def keep(
        self,
        outline: Outline,
        start: Prefix | None,
        seed: int,
        messages: Sequence[Piece],
        names: Sequence[bytes],
    ) -> None:
        """Remember the beginning of a body that was just read.

        Args:
            outline: Of the body.
            start: What was left out when it was cut.
            seed: Under which the facts are kept.
            messages: All that were cut.
            names: Of their facts.
        """
        settled = len(messages) - self._newest
        if settled < 1 or not outline.beginnings or not messages[0].end:
            return
        block = min(len(outline.beginnings), messages[settled - 1].end // BLOCK)
        last = bisect_right(messages, block * BLOCK, 1, settled, key=_end) - 1
        if last < 1 or (start and start.upto >= messages[last].end):
            return
        begun = outline.beginnings[block - 1]
        earlier = self.cache.get(begun)
        if earlier and earlier.seed == seed:
            return
        later = Prefix(
            first=messages[0].end,
            upto=messages[last].end,
            seed=seed,
            names=(start.names if start else b"") + b"".join(names[1 : last + 1]),
        )
        self.cache.put(begun, later, _ENTRY_SIZE + len(later.names))


def _end(message: Piece) -> int:
    return message.end
