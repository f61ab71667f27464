"""The tool calls of a conversation that are not answered yet."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from router.features.paths import FileAccess


class OpenCall(NamedTuple):
    """What an answer to a call is read by."""

    accesses: tuple[FileAccess, ...] = ()
    """What it does to files, where that counts only once it is answered."""
    looks: bool = False
    """It only shows what is there, so that its answer may quote anything."""
    same: bytes = b""
    """Equal for calls that do the same; empty where nothing is known of it."""
    edits: bool = False
    """It changes files."""
    fails_whole: bool = False
    """Where it fails it did nothing."""


class OpenCalls:
    """Calls by id, in order. Some clients give several calls one id, or none."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[OpenCall]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __iter__(self) -> Iterator[OpenCall]:
        """All of them, in order of the ids' first calls."""
        return (call for waiting in self._waiting.values() for call in waiting)

    @property
    def pending(self) -> bool:
        """Whether a call is open that its answer will name; one in text is answered with its message."""
        return any(name and name[0] != "#" for name in self._waiting)

    def copy(self) -> "OpenCalls":
        """The same calls, to be answered apart."""
        same = OpenCalls()
        same._waiting = {name: waiting.copy() for name, waiting in self._waiting.items()}
        return same

    def add(self, name: str, call: OpenCall) -> None:
        """Take a call by its id."""
        self._waiting.setdefault(name, deque()).append(call)

    def take(self, name: str) -> OpenCall:
        """Take out the call that an answer is for: the first of this id, or of all where it is empty.

        Returns:
            A call that does nothing where none is open.
        """
        key = name or next(iter(self._waiting), "")
        waiting = self._waiting.get(key)
        if not waiting:
            return OpenCall()
        call = waiting.popleft()
        if not waiting:
            del self._waiting[key]
        return call

    def clear(self) -> None:
        """Wait for no answer any more."""
        self._waiting.clear()
