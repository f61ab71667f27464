"""Values on their way between two processes, over pipes.

Large bytes travel beside the pickled rest, so that no copy is made of them while the interpreter's lock is
held; those that an answer only gives back, such as a body that needed no change, do not travel again.

    lengths of all that follows │ the value, pickled │ large bytes │ large bytes …
"""

import io
import pickle
import struct
from collections.abc import Sequence
from typing import IO, Any

LARGE = 64 << 10
"""Bytes above which they travel beside."""
_COUNT = struct.Struct("<I")


class Frame:
    """One value, ready to be written.

    Args:
        value: anything that pickles.
        received: large bytes that came from the other end, and are still there.

    Raises:
        Exception: whatever its pickling raises.
    """

    def __init__(self, value: Any, received: Sequence[bytes] = ()) -> None:
        file = io.BytesIO()
        pickler = _Pickler(file, received)
        pickler.dump(value)
        self._pickled = file.getbuffer()
        self.large: list[bytes] = pickler.large

    def write(self, pipe: IO[bytes] | None) -> None:
        """Write it.

        Raises:
            OSError: the other end is gone.
            EOFError: there is no pipe.
        """
        if pipe is None:
            raise EOFError
        parts: tuple[bytes | memoryview, ...] = (self._pickled, *self.large)
        pipe.write(_COUNT.pack(len(parts)) + struct.pack(f"<{len(parts)}Q", *map(len, parts)))
        for part in parts:
            pipe.write(part)
        pipe.flush()


def read(pipe: IO[bytes] | None, sent: Sequence[bytes] = ()) -> tuple[Any, list[bytes]]:
    """Read a value, and the large bytes that came with it.

    Args:
        pipe: where from; what comes is believed, so it is a process of ours.
        sent: large bytes that the other end has from here.

    Raises:
        EOFError: the other end is gone, or there is no pipe.
    """
    (count,) = _COUNT.unpack(_read(pipe, _COUNT.size))
    lengths = struct.unpack(f"<{count}Q", _read(pipe, 8 * count))
    pickled, *large = (_read(pipe, length) for length in lengths)
    return _Unpickler(io.BytesIO(pickled), large, sent).load(), large


def _read(pipe: IO[bytes] | None, size: int) -> bytes:
    data = pipe.read(size) if pipe is not None else b""
    if len(data) < size:
        raise EOFError
    return data


class _Pickler(pickle.Pickler):
    """Takes large bytes out; each is named by its number, or by -1 and less where the other end has it."""

    def __init__(self, file: IO[bytes], received: Sequence[bytes]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.large: list[bytes] = []
        self._numbers = {id(data): -1 - number for number, data in enumerate(received)}

    def persistent_id(self, obj: Any) -> int | None:
        if type(obj) is not bytes or len(obj) <= LARGE:
            return None
        number = self._numbers.setdefault(id(obj), len(self.large))
        if number == len(self.large):
            self.large.append(obj)
        return number


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], large: Sequence[bytes], sent: Sequence[bytes]) -> None:
        super().__init__(file)
        self._large, self._sent = large, sent

    def persistent_load(self, pid: int) -> bytes:
        return self._large[pid] if pid >= 0 else self._sent[-1 - pid]
