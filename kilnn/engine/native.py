"""Hands the engine's classes, tables and Python twins to the hot paths in C, once they all exist."""

from __future__ import annotations

from typing import Any

import numpy as np

from kilnn.engine import checks, entry, execute, flat, handle, node, placement, plan, record, trace, values, views
from kilnn.engine.context import Context, local
from kilnn.native.core import core


def connect(tensor_class: type[Any]) -> None:
    """Called once, when the class of tensors is there."""
    if core is None:
        return
    classes = (
        values.Value, values.RangeValue, values.Storage, values.Counter, flat.FlatStorage, flat.PartStorage, flat.Part,
        node.Node, handle.Handle, views.View, trace.Trace, Context, entry.Entry, plan.Plan,
    )  # fmt: skip
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
            "open_trace": trace.open_trace,
            "record_check": checks.record_check,
            "ndarray": np.ndarray,
            "make_array": np.array,
            "vector_dtypes": execute.VECTOR_DTYPES,
        }
    )
