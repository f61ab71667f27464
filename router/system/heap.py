"""What the C library keeps of freed memory.

glibc takes blocks of up to 32 MB from its heap once a block of that size was freed, and each thread has a
heap of its own; what lies between two blocks that live on stays with the process. Bodies are such
blocks: after a few of 4 to 40 MB the process kept hundreds of megabytes.
"""

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_OWN = 1 << 20
"""Blocks of so many bytes are mapped by themselves, and go back to the system at once."""
_HEAPS = 2


def keep_heap_small() -> None:
    """Let large blocks go back to the system when they are freed; does nothing outside glibc."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _OWN)
        mallopt(_M_ARENA_MAX, _HEAPS)
