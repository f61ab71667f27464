"""How much memory a program takes together with everything it started.

What is shared counts for each process that has it: a limit may be met early, and never late. On systems
without `/proc` nothing is counted.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_BLOCK = 512
"""Bytes in a unit of `st_blocks`."""


def used_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants, and files without a name that they hold open."""
    resident = 0
    nameless: dict[tuple[int, int], int] = {}
    for each in _tree(pid):
        with contextlib.suppress(OSError):  # a process may end while this looks at it
            resident += int((each / "statm").read_bytes().split()[1]) * _PAGE
            nameless.update(_nameless(each / "fd"))
    return resident + sum(nameless.values())


def _tree(pid: int) -> Iterator[Path]:
    """`/proc` folders of a process and its descendants; orphans are their namespace's first process's."""
    folder = Path("/proc", str(pid))
    yield folder
    with contextlib.suppress(OSError):
        for thread in (folder / "task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _tree(int(child))


def _nameless(descriptors: Path) -> Iterator[tuple[tuple[int, int], int]]:
    """Size of each open file that has no name, by what it is: `memfd_create` makes them, in memory."""
    for descriptor in descriptors.iterdir():
        with contextlib.suppress(OSError):
            status = descriptor.stat()
            if stat.S_ISREG(status.st_mode) and not status.st_nlink:
                yield (status.st_dev, status.st_ino), status.st_blocks * _BLOCK
