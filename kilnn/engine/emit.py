"""Appending instructions on Values: what the backward walk, views and updates use. `record` adds tensors on top."""

from __future__ import annotations

from typing import Any

from kilnn.engine import host
from kilnn.engine.context import Context, local
from kilnn.engine.entry import DOUBLE, FLOAT, INT, VALUE, Entry, make_entry
from kilnn.engine.placement import MOVING
from kilnn.engine.sites import stack_site, user_site
from kilnn.engine.trace import ForeignPendingError, Trace, open_trace
from kilnn.engine.values import Aval, Value, joined
from kilnn.native.core import core
from kilnn.ops.spec import Op

MANY = 64
"""Joining so many tensors is worth a look at whether they lie side by side (the parameters of a model do). It is
MAX_OPERANDS of the C code, which leaves such instructions to Python."""


def entry_of(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Entry:
    """The memoised entry of `op` on Values (or their avals), numbers and None."""
    key = [x.aval if isinstance(x, Value) else x if isinstance(x, Aval) else x.__class__ for x in operands]
    memo = (attributes, *key)
    entry = op.memo.get(memo)
    if entry is None:
        entry = op.memo[memo] = make_entry(op, key, attributes)
    return entry


def commit(trace: Trace, entry: Entry, values: Any) -> Any:
    """Append the instruction `entry` on `values` (Values and numbers); returns its Value, or a list of them."""
    if entry.end_to_end and len(values) >= MANY:
        whole = joined(values, entry.avals[0])
        if whole is not None:
            return whole
    out = None if core is None else core.commit(trace, entry, values)
    return _commit(trace, entry, values) if out is None else out


def _commit(trace: Trace, entry: Entry, values: Any) -> Any:
    if entry.device is MOVING:
        return host.moved(values[0], entry.avals[0])
    while True:
        try:
            with trace.lock:
                elsewhere = entry.device is not trace.device
                if elsewhere and not trace.values and not trace.sealed:
                    trace.device = trace.context.device = entry.device
                elif not trace.sealed and not elsewhere:
                    if not trace.values and not trace.expected_short:
                        trace.first_site = stack_site()
                        trace.first_line = user_site()
                    if entry.all_values:
                        refs = [entry.head]
                        for v in values:
                            if v.trace is trace and v.data is None:
                                refs.append(v.index)
                            else:
                                refs.append(trace.reference(v))
                    else:
                        refs = _mixed_references(trace, entry, values)
                    if entry.nout == 1:
                        return trace.append(entry, tuple(refs))
                    return trace.append_many(entry, tuple(refs))
            if elsewhere and not trace.sealed:
                trace.run("an operation on another device")
                trace.context.device = entry.device
            before, trace = trace, open_trace(trace.context)
            trace.grad_open |= before.grad_open
        except ForeignPendingError as pending:
            pending.value.trace.run("used by another trace")


def _mixed_references(trace: Trace, entry: Entry, values: Any) -> list[int]:
    refs = [entry.head]
    for kind, v in zip(entry.kinds, values, strict=True):
        if kind == VALUE:
            refs.append(trace.reference(v))
        elif kind == FLOAT:
            trace.floats.append(float(v))
            refs.append(len(trace.floats) - 1)
        elif kind == INT:
            trace.ints.append(int(v))
            refs.append(len(trace.ints) - 1)
        elif kind == DOUBLE:
            trace.doubles.append(float(v))
            refs.append(len(trace.doubles) - 1)
    return refs


def emit(context: Context, entry: Entry, values: Any) -> Any:
    """Append an instruction outside the gradient graph, cutting at the cap."""
    trace = context.trace
    if trace is None or trace.sealed:
        trace = open_trace(context)
    if len(trace.values) >= trace.limit and trace.at_limit():
        trace.run("cap")
        trace = open_trace(context)
    out = commit(trace, entry, values)
    if context.eager or trace.immediate:
        open_trace(context).run("eager")
    return out


def emit_op(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...] = ()) -> Any:
    """Record `op` on Values and numbers, with no gradient; on the host when everything is there."""
    entry = entry_of(op, operands, attributes)
    if entry.host is not None:
        done = host.compute(entry, operands)
        if done is not None:
            return done
    return emit(local.context, entry, operands)
