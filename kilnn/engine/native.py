"""Hands the engine's classes, tables and Python twins to the hot paths in C, once they all exist."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from kilnn.base.config import config
from kilnn.engine import (
    anomaly,
    backward,
    cache,
    checks,
    entry,
    execute,
    flat,
    garbage,
    handle,
    host,
    node,
    placement,
    plan,
    record,
    trace,
    update,
    values,
    verify,
    views,
)
from kilnn.engine.context import Context, local
from kilnn.engine.error_word import PENDING
from kilnn.native.core import core


def _blank_trace() -> trace.Trace:
    made = trace.Trace(Context())
    del execute.OPEN_TRACES[id(made)]
    return made


def connect(tensor_class: type[Any]) -> None:
    """Called once, when the class of tensors is there."""
    if core is None:
        return
    classes = (
        values.Value, values.RangeValue, values.Storage, values.Counter, flat.FlatStorage, flat.PartStorage, flat.Part,
        node.Node, handle.Handle, views.View, trace.Trace, Context, entry.Entry, plan.Plan,
        cache.Recipe, cache.Bound, cache.Program, update.Bundle,
    )  # fmt: skip
    swap_x64, set_x64 = placement.x64_switch()
    core.setup(
        {cls.__name__: cls for cls in classes}
        | {
            "handles": handle.HANDLES,
            "arrays": placement.ARRAYS,
            "tensor_class": tensor_class,
            "local": local,
            "sequence": node.sequence,
            "ranges": trace.RANGES,
            "keeps_strides": views.KEEPS_STRIDES,
            "record": record.record_in_python,
            "config": config,
            "make_lock": threading.RLock,
            "blank_trace": _blank_trace(),
            "record_check": checks.record_check,
            "ndarray": np.ndarray,
            "make_array": np.array,
            "vector_dtypes": execute.VECTOR_DTYPES,
            "swap_x64": swap_x64,
            "set_x64": set_x64,
            "several_devices": placement.several_devices,
            "pending": PENDING,
            "interrupted": garbage.INTERRUPTED,
            "running": execute.RUNNING,
            "open_traces": execute.OPEN_TRACES,
            "clock": cache.clock,
            "back_pressure": execute.back_pressure,
            "stopped": execute.stopped,
            "continue_walk": backward.Walk.continued,
            "seeds": host.SEEDS,
            "marks": backward.MARKS,
            "detached": views.DETACHED.data,  # type: ignore[attr-defined]  # the dict below: its size is one look
            "anomaly_modes": anomaly.MODES,
            "flat_gradient": update.flat_gradient,
            "heads": entry.HEADS,
            "check_trace": verify.check_trace if verify.enabled else None,
        }
    )
