"""The journal: records on disk before the database knows them. Four rules hold here.

1. A record is one line, written by one system call. What the kernel has taken survives
   the end of the process, however it ends; a line without a line end is not a record.
2. A process has two segments: one is written while the other is posted. A segment is
   emptied only after its records were committed, so posting must tolerate records that come twice.
3. What of the records in an emptied segment has not ended is in a file beside it, so that whoever finds
   this process dead knows what it was cut off from.
4. A living process holds a lock on its segments. Segments without a lock are of a dead one, and
   any process that holds the folder's lock may post and remove them.
"""

import errno
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
import structlog

from router.ledger.locks import locked, open_file, try_lock

log = structlog.get_logger(__name__)

SUFFIX = ".jsonl"
Values = dict[str, Any]
Record = tuple[Literal["begin", "move", "finish"], Values]
"""What happened, and column values of the row it happened to. A `move` goes on to the cloud."""
Open = dict[str, Values]
"""Requests under way by their ids, with the track that they are on and what is reserved for them."""
OPEN_SUFFIX = "-open.json"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """Make one line; JSON escapes line ends inside."""
    return _encoder.encode(record) + b"\n"


def decode(data: bytes) -> list[Record]:
    """Read whole lines back; what is torn or damaged is left out."""
    *lines, _torn = data.split(b"\n")
    return list(_decoded(lines))


def _decoded(lines: Iterable[bytes]) -> Iterator[Record]:
    for line in lines:
        try:
            yield _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):  # a power cut leaves blocks of zeros
            log.warning("ledger_record_damaged", bytes=len(line))


class Segment:
    """One file of records, locked for as long as it is open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = open_file(path)
        self.alone = try_lock(self._descriptor)
        """Nobody else has it open."""
        self.size = os.fstat(self._descriptor).st_size

    def append(self, line: bytes) -> None:
        """Write one line, or nothing.

        Raises:
            OSError: the disk is full, or the segment is closed.
        """
        written = os.write(self._descriptor, line)
        if written != len(line):
            os.ftruncate(self._descriptor, self.size)  # else the next line would join this half
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self.size += written

    def records(self) -> list[Record]:
        """Read all records, oldest first."""
        return decode(self.path.read_bytes())

    def clear(self) -> None:
        """Empty the file once its records are committed."""
        os.ftruncate(self._descriptor, 0)
        self.size = 0

    def close(self) -> None:
        """Release the lock and leave the file."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Release the lock and delete the file."""
        self.close()  # Windows deletes no open file
        with suppress(PermissionError):  # another is just looking whether this one is alive
            self.path.unlink(missing_ok=True)


class Journal:
    """This process's own two segments in `folder`. Made under the folder's lock."""

    def __init__(self, folder: Path) -> None:
        owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._front, self._back = (Segment(folder / f"{owner}-{side}{SUFFIX}") for side in "ab")
        self._swapping = threading.Lock()
        self._open: Open = {}
        self._path = folder / f"{owner}{OPEN_SUFFIX}"

    def append(self, line: bytes) -> None:
        """Write one line; on return it survives the end of this process.

        Raises:
            OSError: it could not be written.
        """
        with self._swapping:
            self._front.append(line)

    def swap(self) -> Segment:
        """Return the segment to post: what a failed post left, else what was written since."""
        if not self._back.size:
            with self._swapping:
                self._front, self._back = self._back, self._front
        return self._back

    def note_open(self, records: Iterable[Record]) -> None:
        """Note what these records, about to be removed, leave under way.

        Raises:
            OSError: it could not be written.
        """
        before = dict(self._open)
        note(self._open, records)
        if self._open == before:
            return
        fresh = self._path.with_suffix(".new")
        with os.fdopen(open_file(fresh), "r+b") as file:
            file.truncate()
            file.write(_encoder.encode(self._open))
        fresh.replace(self._path)

    def close(self) -> None:
        """Delete the segments that are empty; leave the others to the next process that opens the ledger."""
        if not self._open:
            self._path.unlink(missing_ok=True)
        for segment in (self._front, self._back):
            if segment.size:
                segment.close()
            else:
                segment.remove()


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: no other process opens, migrates or replays meanwhile."""
    with locked(folder / "lock"):
        yield


def note(under_way: Open, records: Iterable[Record]) -> None:
    """Follow what is under way through some records, in their order."""
    for what, values in records:
        request_id = values.get("id")
        if not isinstance(request_id, str):  # damaged
            continue
        if what == "finish":
            under_way.pop(request_id, None)
        else:
            under_way[request_id] = {name: values.get(name) for name in ("track", "reserved_usd")}


@contextmanager
def take_over(folder: Path) -> Iterator[tuple[list[Record], Open]]:
    """Yield all that dead processes left, and remove it unless that raises. Needs the folder's lock.

    All of it together and what was begun first: a request's begin may lie in one segment and
    its finish in the other.

    Yields:
        Their records, and what they were cut off from.
    """
    segments = [Segment(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    left = [segment for segment in segments if segment.alone]
    living = {_owner(segment.path) for segment in segments if not segment.alone}
    for segment in segments:
        if not segment.alone:
            segment.close()
    files = [path for path in folder.glob(f"*{OPEN_SUFFIX}") if _owner(path) not in living]
    try:
        records = sorted((record for segment in left for record in segment.records()), key=_order)
        under_way: Open = {}
        for path in files:
            under_way |= _read_open(path)
        note(under_way, records)
        yield records, under_way
    except BaseException:
        for segment in left:
            segment.close()
        raise
    for segment in left:
        segment.remove()
    for path in (*files, *(path.with_suffix(".new") for path in files)):
        path.unlink(missing_ok=True)


def _order(record: Record) -> int:
    return ("begin", "move", "finish").index(record[0])


def _owner(path: Path) -> str:
    return path.name.removesuffix(OPEN_SUFFIX).removesuffix(SUFFIX).removesuffix("-a").removesuffix("-b")


def _read_open(path: Path) -> Open:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Open)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError):
        log.warning("ledger_record_damaged", file=path.name)
        return {}
