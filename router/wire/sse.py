"""Server-sent events: bytes cut anywhere in, events out; and the way back.

Follows the WHATWG HTML standard, section 9.2.6 ("interpreting an event stream"):

- An event ends at a blank line; lines end in LF, CRLF or CR.
- A line that starts with a colon is a comment; several `data` lines are joined by LF.
- What has no blank line behind it yet is not an event.

Splitting into blocks is apart from parsing a block, so that a reader that wants few
of the events can look at the raw block first: splitting costs a fraction of a
microsecond per event, parsing and decoding several.
"""

import re
from typing import NamedTuple

# A blank line when a CR is about. `\r(?!\n)` keeps one CRLF from being read as two line ends.
_BLANK_LINE = re.compile(rb"\r\n(?:\r\n|\n|\r)|\n(?:\r\n|\n|\r)|\r(?!\n)(?:\r\n|\n|\r)")
_OVERLAP = 3
"""Bytes of a blank line that may have come before a chunk."""
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event; `event` is empty where the stream names none."""

    event: str
    data: bytes


class Splitter:
    """Cuts a stream into the raw blocks between blank lines; linear, however long a block is."""

    __slots__ = ("_parts", "_tail")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        """Of the block that is not complete."""
        self._tail = b""

    @property
    def empty(self) -> bool:
        """Whether the next chunk begins a block."""
        return not self._parts

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the blocks that `chunk` completes, without their blank lines; some may be empty."""
        if self._parts:
            window = self._tail + chunk
            if b"\n\n" not in window and (b"\r" not in window or not _BLANK_LINE.search(window)):
                self._parts.append(chunk)
                self._tail = window[-_OVERLAP:]
                return []
            chunk = b"".join((*self._parts, chunk))
        blocks = _BLANK_LINE.split(chunk) if b"\r" in chunk else chunk.split(b"\n\n")
        rest = blocks.pop()
        self._parts = [rest] if rest else []
        self._tail = rest[-_OVERLAP:]
        return blocks


def parse(block: bytes) -> Event:
    """Read one block. Comments and unknown fields are left out; no data gives empty data."""
    name = ""
    data: list[bytes] = []
    for line in block.removeprefix(_BOM).splitlines():
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
    return Event(name, b"\n".join(data))


def data_of(block: bytes) -> bytes:
    """The data of one block; `parse` for whom the event's name does not matter, and cheaper."""
    at = 0 if block.startswith(b"data") else block.find(b"\n") + 1
    if block.startswith(b"data: ", at) and block.find(b"\n", at) < 0 and b"\r" not in block:
        return block[at + 6 :]  # as every server writes it: one line of data, behind its name if any
    return parse(block).data


class Parser:
    """Bytes in, events out; blocks without data (comments, keep-alives) are left out."""

    __slots__ = ("_splitter",)

    def __init__(self) -> None:
        self._splitter = Splitter()

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes."""
        events = (parse(block) for block in self._splitter.feed(chunk) if block)
        return [event for event in events if event.data]


def encode(event: str, data: bytes) -> bytes:
    """Write one event; `data` is one line of JSON, an empty `event` writes no name."""
    lines = b"".join(b"data: %b\n" % line for line in data.split(b"\n"))
    return (b"event: %b\n" % event.encode() if event else b"") + lines + b"\n"
