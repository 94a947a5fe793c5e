"""`record`, the only door into a trace: shape rule, promotion, cut rules, instruction, gradient node."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from kilnn.base import dtypes, shapes
from kilnn.engine import autocast, checks, explain, host, views
from kilnn.engine.context import local
from kilnn.engine.emit import commit
from kilnn.engine.entry import Entry, make_entry
from kilnn.engine.handle import HANDLES, Handle, new_handle
from kilnn.engine.node import make_node
from kilnn.engine.trace import open_trace
from kilnn.native.core import core
from kilnn.ops.spec import Op

_NUMBERS = frozenset((float, int, bool, complex, type(None)))


def record_in_python(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...] = ()) -> Any:
    """Record one operation on tensors, numbers and None; returns its tensor, or a tuple of them.

    The exception for operands that do not fit is raised here, at the user's line, and leaves the trace as it was.
    """
    if op.autocast is not None and local.context.autocast is not None:
        operands = autocast.cast_operands(op, operands)
    key: list[Any] = [attributes]
    values: list[Any] = []
    mask = 0
    bit = 1
    strided = viewed = False
    for x in operands:
        cls = x.__class__
        if cls in HANDLES:
            if x._view is None:
                v = x._storage.value
                if x._node is not None or x._leaf:
                    mask |= bit
            else:
                v = views.read(x)
                strided = strided or x._view.strides is not None
                if views.requires_grad(x):
                    mask |= bit
                    viewed = True
            values.append(v)
            key.append(v.aval)
        elif cls in _NUMBERS:
            values.append(x)
            key.append(cls)
        elif hasattr(cls, "__kilnn_operation__"):
            return x.__kilnn_operation__(op, operands, attributes)
        else:
            return record_in_python(op, tuple([_normalise(op, y) for y in operands]), attributes)
        bit += bit
    memo = tuple(key)
    entry = op.memo.get(memo)
    if entry is None:
        if op.by_value:
            explain.count_read(values)
            return host.run_by_value(op, values, attributes)
        if complex in key:
            # The vectors of run-time numbers hold real ones: a complex number is a leaf of its own.
            wrapped = [_complex_leaf(x) if x.__class__ is complex else x for x in operands]
            return record_in_python(op, tuple(wrapped), attributes)
        entry = op.memo[memo] = make_entry(op, key[1:], attributes)
    if viewed and local.context.grad:
        mask = views.refresh(operands, mask & entry.differentiable)
    if strided and views.keeps_layout(op):
        out = record_entry(entry, operands, values, mask)
        views.inherit_strides(out, operands)
        return out
    return record_entry(entry, operands, values, mask)


record = record_in_python if core is None else core.record
"""The door. The twin in C handles the common case (nothing to do on the host, no cut), Python the rest."""


def _none(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...] = ()) -> None:
    return None


record_known = _none if core is None else core.record_known
"""`record`, where operands of these kinds were recorded before with these attributes; else None. So a function need not
look at kinds (dtypes, shapes) twice. The Python twin knows nothing."""


def record_entry(entry: Entry, operands: Any, values: list[Any], mask: int) -> Any:
    """Record an entry on tensors whose Values are `values`; `mask` has a bit for each operand that needs a gradient."""
    context = local.context
    if mask:
        mask = mask & entry.differentiable if context.grad else 0
    if not mask and entry.host is not None:
        if entry.check is not None:
            checks.passes_on_host(entry.check, [values[k] for k in entry.check.state])
        done = host.compute(entry, values)
        if done is not None:
            return new_handle(done) if entry.nout == 1 else tuple([new_handle(v) for v in done])
    trace = context.trace
    if trace is None or trace.sealed:
        trace = open_trace(context)
    if mask and not trace.grad_open:
        if trace.values:
            trace.run("a gradient graph begins")
            trace = open_trace(context)
        trace.grad_open = True
    if len(trace.values) >= trace.limit and trace.at_limit():
        trace.run("cap")
        trace = open_trace(context)
        trace.grad_open = mask != 0
    if entry.check is not None:
        checks.record_check(context, entry, values)
    out = commit(trace, entry, values)
    result: Any
    if entry.nout == 1:
        if mask:
            node = make_node(entry, mask, operands, values)
            result = new_handle(out, node)
            if node.plan.outputs:
                node.save_output(out, result)
        else:
            result = new_handle(out)
    elif mask:
        node = make_node(entry, mask, operands, values)
        result = tuple([new_handle(v, node if v.aval.dtype.kind in "fcV" else None, k) for k, v in enumerate(out)])
        for j in node.plan.outputs:
            node.save_output(out[j], result[j])
    else:
        result = tuple([new_handle(v) for v in out])
    if context.eager or trace.immediate:
        del values, out
        open_trace(context).run("eager")
    return result


def record_view(
    op: Op, x: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...],
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int, creation: str = "single",
) -> Any:  # fmt: skip
    """A tensor that shares x's storage and reads op(x, *operands[1:]); strides and offset as PyTorch counts them."""
    out = record(op, operands, attributes)
    context = local.context
    parent = x._view
    made = views.View(parent, x._storage if parent is None else parent.counter)
    made.op, made.operands, made.attributes = op, tuple(operands[1:]), attributes
    made.strides = None if tuple(strides) == shapes.contiguous_strides(shape) else tuple(strides)
    made.offset = offset
    made.base = parent.base if parent is not None and parent.base is not None else x
    made.creation = views.NO_GRAD if not context.grad else views.MULTI if creation == "multi" else views.DEFAULT
    if made.creation == views.DEFAULT and parent is not None and parent.base is not None:
        made.creation = parent.creation
    made.root, made.cache = (
        weakref.ref(x._storage.value),
        views.read(out) if out._view is not None else out._storage.value,
    )
    out._storage = x._storage
    out._view = made
    return out


def _complex_leaf(number: complex) -> Any:
    return new_handle(host.value_from(np.asarray(number, dtypes.get_default_dtype().to_complex().np)))


def _normalise(op: Op, x: Any) -> Any:
    if x.__class__ in HANDLES or x.__class__ in _NUMBERS:
        return x
    if isinstance(x, Handle):
        HANDLES.add(x.__class__)
        return x
    if isinstance(x, np.generic):
        return x.item()
    for kind in (bool, int, float, complex):
        if isinstance(x, kind):
            return complex(x) if kind is complex else kind(x.real)
    raise TypeError(f"{op.name}(): an operand must be a Tensor or a number, not {type(x).__name__}")
