"""What importing kilnn sets in the process: allocator thresholds and a frozen garbage-collector generation."""

from __future__ import annotations

import ctypes
import gc
import sys

from kilnn.base.config import config

# mallopt's parameter numbers in glibc's malloc.h.
_M_MXFAST, _M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = 1, -1, -2, -4
_LARGEST_FAST = 160  # bytes; the most that glibc takes, 80 * sizeof(size_t) / 4


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory: XLA allocates its temporaries anew in each run, and the page faults of returning
    them cost 20-35 % of a step. The price is a resident size that does not shrink. KILNN_MALLOC=0 leaves it out.

    Pieces of up to 160 bytes are kept and handed out again as they are: a run frees a hundred of them, many on another
    thread than the one that made them, and joining each with its neighbours costs a small network 4 % of a step.

    The number of arenas stays glibc's: with a single one Python and XLA's threads wait for each other at every
    allocation, see docs/decisions/0018."""
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
    mallopt(_M_MXFAST, _LARGEST_FAST)


def freeze() -> None:
    """Take what exists now out of Python's garbage collections. Modules live as long as the process: scanning them
    again in every collection is the largest host cost. KILNN_GC_FREEZE=0 leaves it out.

    Called when modules have been loaded and before a user has models, whose cycles must stay collectable: after JAX,
    `import kilnn` and `import kilnn.nn`. What comes later (optimizers, data, files) is small."""
    if config.gc_freeze:
        gc.freeze()


def start() -> None:
    """Called once, when the engine is loaded."""
    if config.malloc:
        keep_freed_memory()
    freeze()
