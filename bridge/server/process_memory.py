"""What the processes do about memory that they share, and about memory that was freed."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

_LARGE_BLOCKS, _ARENAS = -3, -8  # M_MMAP_THRESHOLD and M_ARENA_MAX of mallopt(3)


def return_large_blocks() -> None:
    """Have the system get back at once what mapping files and bodies of batches took. Children do the same.

    The C library of most Linux systems keeps blocks of this size as soon as it has seen one, in each thread
    apart. Where it has no such option, nothing changes.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_LARGE_BLOCKS, 128 * 1024)
        mallopt(_ARENAS, 2)


def settle_memory() -> None:
    """Leave what is loaded to all children alone, and look for garbage less often than Python would.

    To be called before a process is forked. A webhook makes many small objects and hardly a cycle among
    them; at the usual 700 the collector runs for every one.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
