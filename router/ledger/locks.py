"""Locks between processes: they tell a living owner from a dead one, and go when it dies.

`flock` on Linux and macOS, `msvcrt.locking` on Windows. Both belong to the open file and
not to the process, so two ledgers in one process see each other too, and a second open of
the same file elsewhere in the program does not give the lock away (as `lockf` would).
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from router.errors import Misconfigured
from router.system.files import open_private

PATIENCE_S = 30.0
"""How long to wait for another process to open the same ledger."""

if sys.platform == "win32":
    import msvcrt

    _FAR = 0x7FFF_0000
    """Windows locks bytes against reading, too: take one that no file reaches."""

    def try_lock(descriptor: int) -> bool:
        """Lock the open file without waiting; False where another holds it."""
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock the open file without waiting; False where another holds it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def open_file(path: Path) -> int:
    """Open for reading and for writing at the end; made where it is missing, for its owner only."""
    return open_private(path, os.O_RDWR | os.O_APPEND)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, waiting while another process holds it.

    Raises:
        Misconfigured: another process kept it for `PATIENCE_S`.
        OSError: the file cannot be made.
    """
    descriptor = open_file(path)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise Misconfigured(
                    f"ledger: another process has been opening it for {PATIENCE_S:.0f} s (it holds {path}); "
                    "end that process, or name another ledger"
                )
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)
