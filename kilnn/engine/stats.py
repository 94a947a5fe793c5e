"""Counters of what the engine did: `kilnn.stats()`."""

from __future__ import annotations

from collections import Counter

from kilnn.native.core import core

_NAMES = (
    "compiles", "step_compiles", "op_compiles", "program_hits", "flushes", "runs", "syncs", "recorded_ops", "host_ops",
    "op_runs", "segments", "program_loads", "op_loads",
)  # fmt: skip
_counts: Counter[str] = Counter()
count_of = _counts


def _take_over() -> None:
    """Add what C ran: programs that were foreseen to their end, see native/src/flush.c."""
    if core is not None:
        runs, operations = core.counts()
        for name in ("flushes", "program_hits", "runs"):
            _counts[name] += runs
        _counts["recorded_ops"] += operations


def count(name: str, n: int = 1) -> None:
    _counts[name] += n


def stats() -> dict[str, int]:
    """What kilnn did so far in this process.

    Returns a dict: compiles (fused programs made in this process), step_compiles (those with an optimizer update),
    op_compiles (single operations made for the cold tier), program_loads and op_loads (those of compiles and
    op_compiles that an earlier process had left on disk, so that nothing was compiled), program_hits, flushes, runs,
    syncs (values read by Python), recorded_ops, host_ops (run in NumPy), op_runs (run one by one), segments
    (executables made for repeated blocks).

    Example:
        >>> import kilnn
        >>> kilnn.stats()["compiles"] >= 0
        True
    """
    _take_over()
    return {name: _counts[name] for name in _NAMES}


def reset_stats() -> None:
    """Set every counter to zero."""
    _take_over()
    _counts.clear()
