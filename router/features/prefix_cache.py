"""Where a body goes on from one that was read before, so that only the rest is parsed.

An agent sends its whole conversation again with every call, the old part in the same bytes. A
beginning is known by the hash of its bytes at the end of a block. Parsing is the same up to
there whatever follows, so the messages in it can be left out of what is parsed anew:

    {"model": …, "messages": [first, … known …, rest], "tools": …}
                                   └─ left out ─┘

The first message stays, as a client may be told by it. The newest messages are never part of
a beginning: a client may spell them anew in its next request (a cache mark that moves on).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import xxhash

from router.features.split import split
from router.system.lru import Cache
from router.system.time_slices import MANY, Pace, Turns

BLOCK = 16 << 10
"""Bytes between the places at which beginnings are looked for."""
_WIDTH = 16
_ENTRY_SIZE = 300
_SEPARATOR = 64
"""Most bytes between two messages: a comma, and space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The messages of a body's beginning that were read before."""

    first: int
    """Where the first message ends, in bytes."""
    upto: int
    """Where the last known one ends."""
    seed: int
    """Under which their facts are kept; see `Asked`."""
    names: bytes
    """Of the facts of all known messages but the first, joined."""

    def rest(self, body: bytes) -> bytes:
        """`body` without the messages that are known."""
        return body[: self.first] + body[self.upto :]

    def places(self) -> list[bytes]:
        """The names under which the facts of the known messages are kept."""
        return [self.names[at : at + _WIDTH] for at in range(0, len(self.names), _WIDTH)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A body, and which beginning of it is known."""

    body: bytes
    blocks: list[bytes]
    """The hash of all that comes before the end of each block."""
    start: Start | None


class Starts:
    """The beginnings that are known.

    Args:
        entries: most of them.
        size: about how many bytes they may take.
        newest: how many messages are not settled.
    """

    def __init__(self, *, entries: int, size: int, newest: int) -> None:
        self.kept: Cache[Start] = Cache(entries=entries, size=size)
        self._newest = newest

    def find(self, body: bytes) -> Begun:
        """Find the longest known beginning of a body."""
        hashes = _blocks(body)
        start = next((start for one in reversed(hashes) if (start := self.kept.get(one))), None)
        return Begun(body=body, blocks=hashes, start=start)

    def keep(
        self,
        begun: Begun,
        seed: int,
        messages: Sequence[msgspec.Raw],
        places: Sequence[bytes],
        pace: Pace,
    ) -> Turns[None]:
        """Remember the beginning of a body that was just read.

        Args:
            begun: The body, and the beginning that was left out when it was parsed.
            seed: Under which the facts are kept.
            messages: All that were parsed.
            places: The names of their facts.
            pace: Of the reading that this is part of.
        """
        settled = messages[: -self._newest]
        if not begun.blocks or not settled:
            return
        start, ends = begun.start, (yield from _ends(begun, settled, pace))
        block = min(len(begun.blocks), ends[-1] // BLOCK)
        known = sum(end <= block * BLOCK for end in ends[1:])
        held = self.kept.get(begun.blocks[block - 1]) if known else None
        if not known or (held and held.seed == seed):
            return
        made = Start(
            first=start.first if start else ends[0],
            upto=ends[known],
            seed=seed,
            names=(start.names if start else b"") + b"".join(places[1 : known + 1]),
        )
        # Only what leaves out just these messages was cut where the messages are.
        if start or len(split(made.rest(begun.body)).messages) == len(messages) - known:
            self.kept.put(begun.blocks[block - 1], made, _ENTRY_SIZE + len(made.names))


def _blocks(body: bytes) -> list[bytes]:
    state, view = xxhash.xxh3_128(), memoryview(body)
    found = []
    for at in range(0, len(body) - BLOCK + 1, BLOCK):
        state.update(view[at : at + BLOCK])
        found.append(state.digest())
    return found


def _ends(begun: Begun, messages: Sequence[msgspec.Raw], pace: Pace) -> Turns[list[int]]:
    """Where messages end that follow each other, from the first, or from the last that is known."""
    body, start = begun.body, begun.start
    first = bytes(messages[0])
    ends = [start.upto if start else body.find(first) + len(first)]
    for number, message in enumerate(messages[1:]):
        if number % MANY == 0:
            yield from pace.pause()
        raw, end = bytes(message), ends[-1]
        at = body.find(raw, end, end + _SEPARATOR + len(raw))
        if at < 0 or body[end:at].strip() != b",":
            break
        ends.append(at + len(raw))
    return ends
