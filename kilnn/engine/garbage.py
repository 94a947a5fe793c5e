"""Values that only Python's cycle collector frees.

Activations caught in reference cycles stay alive until the collector comes by. The first recording of a program makes
many objects and so meets the collector more often than later ones: what it frees then would be alive in later steps
and make them miss the program. So while a recording is unknown, freed values are noted and kept as outputs.
"""

from __future__ import annotations

import gc
from typing import Any

from kilnn.engine.context import local
from kilnn.engine.values import UNSHARED, reference_counts

INTERRUPTED: list[BaseException] = []
"""A signal handler's exception that came during a callback, where Python would drop it; raised at the next run."""


def _watch(phase: str, info: dict[str, Any]) -> None:
    try:
        _note(phase)
    except BaseException as error:
        INTERRUPTED.append(error)


def _note(phase: str) -> None:
    trace = local.context.trace
    if trace is None or trace.predicted is not None or not trace.values or trace.sealed:
        return
    counts = reference_counts(trace.values)
    if phase == "start":
        trace.before_collection = counts
        return
    before, trace.before_collection = trace.before_collection, None
    if before is not None:
        trace.collected |= {
            i for i, (old, new) in enumerate(zip(before, counts, strict=False)) if old > UNSHARED >= new
        }


def watch_collector(on: bool) -> None:
    """Note what the collector frees, while a recording is unknown. Not all the time: callbacks cost."""
    if on and _watch not in gc.callbacks:
        gc.callbacks.append(_watch)
    elif not on and _watch in gc.callbacks:
        gc.callbacks.remove(_watch)
