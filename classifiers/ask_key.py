"""The key of an ask: by which two requests are known to belong to the same one.

It has two parts. The first names the newest ask's own words; it stays the same in the middle of a turn, where
a client may drop old images and old turns to save room. The second names all that the ask was decided by.
"""

from collections.abc import Sequence

import xxhash

_SEPARATOR = "."


def ask_key(asks: Sequence[str], images: int) -> str:
    """Name an ask.

    Args:
        asks: The newest one last, after those that it goes on from; none where nobody asked.
        images: How many came with the newest.

    Returns:
        Hexadecimal digits in two parts; empty where nobody asked.
    """
    if not asks:
        return ""
    own = asks[-1] or str(images)
    return f"{_named(own)}{_SEPARATOR}{_named(str(images), *asks)}"


def same_words(one: str, other: str) -> bool:
    """Whether two keys are of asks in the same words, whatever images and earlier asks came with them."""
    return one.partition(_SEPARATOR)[0] == other.partition(_SEPARATOR)[0]


def _named(*parts: str) -> str:
    return xxhash.xxh3_128_hexdigest("\0".join(parts).encode(errors="replace"))
