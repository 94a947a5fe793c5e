"""What importing kilnn sets in the process: allocator thresholds and a frozen garbage-collector generation."""

from __future__ import annotations

import ctypes
import gc
import sys

from kilnn.base.config import config

# mallopt's parameter numbers in glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory: XLA allocates its temporaries anew in each run, and the page faults of returning
    them cost 20-35 % of a step. The price is a resident size that does not shrink. KILNN_MALLOC=0 leaves it out."""
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL(None)
        mallopt = libc.mallopt
    except (OSError, AttributeError):
        return  # another C library: nothing to tune
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_M_TOP_PAD, 64 * 1024 * 1024)
    mallopt(_M_ARENA_MAX, 1)


def start() -> None:
    """Called once, at the end of `import kilnn`."""
    if config.malloc:
        keep_freed_memory()
    if config.gc_freeze:
        # Modules live as long as the process: scanning them again in every collection is the largest host cost.
        gc.freeze()
