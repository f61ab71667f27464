"""What most blocks of a stream have in common, so that reading one more costs a comparison, not a parse.

Between two pieces of an answer nothing changes but one string: the text, or the arguments of a call.
Once a block was parsed, the bytes before and behind that string are a template. A block that begins
and ends with the same bytes, and has nothing but the rest of one JSON string between them, says the
same with another text: 0.6 µs instead of 3.5.
"""

import re

import msgspec

from router.wire.body import UNREADABLE

_KEY = re.compile(rb'"(\w+)"\s*:\s*"$')
_STRING = msgspec.json.Decoder(str)
_TRIES = 4
"""A stream whose frame changes with each block is parsed, after so many attempts."""


class DeltaTemplate:
    """The template of one stream; empty until one was learned."""

    __slots__ = ("_left", "_prefix", "_size", "_suffix", "key")

    def __init__(self) -> None:
        self.key = ""
        """Of the string that differs, such as `content`; empty while there is no template."""
        self._prefix = self._suffix = b""
        self._size = 0
        self._left = _TRIES

    def learn(self, block: bytes, text: str) -> None:
        """Take `block` for a template, which says nothing but `text`, in one string."""
        self.key = ""
        if self._left <= 0:
            return
        self._left -= 1
        string = msgspec.json.encode(text)
        at = block.find(string)
        if at < 0 or block.find(string, at + 1) >= 0:
            return  # spelled with other escapes, or more than once
        if key := _KEY.search(block, max(at - 40, 0), at + 1):
            self.key = key[1].decode()
            self._prefix = block[: at + 1]
            self._suffix = block[at + len(string) - 1 :]
            self._size = len(self._prefix) + len(self._suffix)

    def forget(self) -> None:
        """Have no template: what `key` meant has changed."""
        self.key = ""

    def text_of(self, block: bytes) -> str | None:
        """The text of a block that fits the template; None where it must be parsed."""
        if not (self.key and len(block) >= self._size and block.startswith(self._prefix)):
            return None
        if not block.endswith(self._suffix):
            return None
        try:
            text = _STRING.decode(block[len(self._prefix) - 1 : len(block) - len(self._suffix) + 1])
        except UNREADABLE:
            return None
        self._left = _TRIES
        return text
