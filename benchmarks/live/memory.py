"""How much memory a program takes together with everything it started.

What is shared counts in full and for each process that has it: a limit may be met early, and never late.
Pages of shared memory that a process lets go of (`MADV_DONTNEED`) leave its resident memory, and stay.
On systems without `/proc` nothing is counted.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_BLOCK = 512
"""Bytes in a unit of `st_blocks`."""
_SHARED = re.compile(
    rb"^(?P<start>\w+)-(?P<end>\w+) ...s (?P<offset>\w+) (?P<major>\w+):(?P<minor>\w+) (?P<inode>\d+)"
    rb" .*\(deleted\)$",
    re.MULTILINE,
)
"""A line of `/proc/PID/maps`: memory that is shared and has no name, as `mmap` and `memfd_create` make it."""

Inode = tuple[int, int, int]
"""Major and minor number of a device, and a file's number there."""


def used_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants, and what they share or hold open without a name."""
    resident = 0
    nameless: dict[Inode, int] = {}
    for each in _tree(pid):
        with contextlib.suppress(OSError):  # a process may end while this looks at it
            resident += int((each / "statm").read_bytes().split()[1]) * _PAGE
            for inode, size in (*_opened(each / "fd"), *_mapped(each / "maps")):
                nameless[inode] = max(size, nameless.get(inode, 0))
    return resident + sum(nameless.values())


def _tree(pid: int) -> Iterator[Path]:
    """`/proc` folders of a process and its descendants; orphans are their namespace's first process's."""
    folder = Path("/proc", str(pid))
    yield folder
    with contextlib.suppress(OSError):
        for thread in (folder / "task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _tree(int(child))


def _opened(descriptors: Path) -> Iterator[tuple[Inode, int]]:
    """Size of each open file that has no name: `memfd_create` makes them, in memory."""
    for descriptor in descriptors.iterdir():
        with contextlib.suppress(OSError):
            status = descriptor.stat()
            if stat.S_ISREG(status.st_mode) and not status.st_nlink:
                device = status.st_dev
                yield (os.major(device), os.minor(device), status.st_ino), status.st_blocks * _BLOCK


def _mapped(maps: Path) -> Iterator[tuple[Inode, int]]:
    """Size of the shared memory that has no name, up to the last byte that is mapped."""
    for line in _SHARED.finditer(maps.read_bytes()):
        start, end, offset, major, minor = (
            int(line[name], 16) for name in ("start", "end", "offset", "major", "minor")
        )
        yield (major, minor, int(line["inode"])), offset + end - start
