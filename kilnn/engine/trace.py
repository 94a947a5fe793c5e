"""The trace: what has been recorded and not yet run.

A trace belongs to the thread that records on it; its lock lets another thread run it. Appending to `values` is the
one step that makes an instruction part of the trace, so an interrupt anywhere leaves a whole trace.
"""

from __future__ import annotations

import threading
from types import MappingProxyType
from typing import Any

import numpy as np
from jax import lax
from jax.core import Tracer

from kilnn.base.config import config
from kilnn.engine import execute, sites
from kilnn.engine.context import Context, local
from kilnn.engine.entry import INT, VALUE, Entry
from kilnn.engine.garbage import watch_collector
from kilnn.engine.values import CONSTANT, Aval, RangeValue, Value, aval_of

_new = object.__new__
_NO_SITES: Any = MappingProxyType({})  # most traces note no line, and need no table of their own
_HARD_FACTOR = 25  # straight-line code without a back-edge runs on to this many caps
_GRAD_FACTOR = 5  # a pending gradient graph is cut later: the pieces would hand over what they save


class ForeignPendingError(Exception):
    """A value that is pending on another trace was met; run that trace first, outside the lock."""

    def __init__(self, value: Value) -> None:
        self.value = value


class Trace:
    """Recorded instructions with their leaves and run-time scalars. See `docs/engine.md`."""

    __slots__ = (
        "__weakref__",
        "before_collection",
        "bundles",
        "checks",
        "collected",
        "context",
        "device",
        "donated",
        "done",
        "doubles",
        "expected",
        "expected_short",
        "failure",
        "first_line",
        "first_site",
        "floats",
        "grad_open",
        "has_update",
        "immediate",
        "ints",
        "leaf_slot",
        "leaves",
        "limit",
        "lock",
        "mark",
        "predicted",
        "roots",
        "sealed",
        "sites",
        "undo",
        "values",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.context = context
        self.device = context.device  # where it runs: that of all its operations
        self.lock = threading.RLock()
        self.values: list[Value] = []
        self.leaves: list[Value] = []
        self.leaf_slot: dict[Value, int] = {}  # a Value from outside -> how instructions name it
        self.floats: list[float] = []
        self.ints: list[int] = []
        self.doubles: list[float] = []
        self.roots: list[int] = []  # values that a backward pass began at
        self.checks: list[tuple[int, Entry, sites.Site | None]] = []  # only those not verified on the host
        self.donated: list[int] = []  # leaf slots whose buffers an update replaces
        self.undo: list[tuple[Any, Any]] = []  # (storages, the values they held) before updates of this trace
        self.sites: dict[int, sites.Site | None] = _NO_SITES
        self.first_site: Any = None  # the whole stack at the first instruction
        self.first_line: sites.Site | None = None
        self.mark: Any = None  # the first stack seen past the cap
        self.bundles: list[Any] = []  # what this trace updates
        self.grad_open = False  # a gradient graph is being recorded and no backward has used it yet
        self.has_update = False
        self.sealed = False
        self.done = False
        self.failure: BaseException | None = None
        self.predicted: tuple[Any, ...] | None = context.predicted
        self.expected = self.predicted
        self.limit = config.trace_cap
        # A recording that is expected to end before the cap needs no note of where it began.
        self.expected_short = self.predicted is not None and len(self.predicted) < self.limit
        self.collected: frozenset[int] = (
            frozenset()
        )  # values that the cycle collector freed while the recording was unknown
        self.before_collection: list[int] | None = None
        self.immediate = False  # reads JAX tracers (kilnn code inside jax.jit or jax.grad): runs at once
        execute.OPEN_TRACES[id(self)] = self

    def reference(self, v: Value) -> int:
        """How an instruction of this trace names `v`. Called under the lock."""
        if v.trace is self and v.data is None:
            return v.index
        slot = self.leaf_slot.get(v)
        if slot is not None:
            return slot
        if v.__class__ is RangeValue:
            return self._range(v)
        if v.data is None:
            raise ForeignPendingError(v)
        if isinstance(v.data, Tracer):
            self.immediate = True
        if v.index == CONSTANT:
            slot = self.leaf_slot[v] = self.append(v.instr, (v.instr.head,)).index
            return slot
        self.leaves.append(v)
        slot = self.leaf_slot[v] = -len(self.leaves)
        return slot

    def _range(self, v: RangeValue) -> int:
        flat = self.reference(v.flat)
        entry = range_entry(v.flat.aval, v.aval)
        self.ints.append(v.offset)
        out = self.append(entry, (entry.head, flat, len(self.ints) - 1))
        self.leaf_slot[v] = out.index
        return out.index

    def append(self, entry: Entry, instr: tuple[Any, ...]) -> Value:
        """Append an instruction with one output. Called under the lock."""
        values = self.values
        n = len(values)
        out = _new(Value)
        out.aval = entry.aval  # type: ignore[assignment]  # an entry with one output has its aval
        out.data = None
        out.trace = self
        out.index = n
        out.instr = instr
        predicted = self.predicted
        if predicted is None or n >= len(predicted) or predicted[n] != instr:
            self.off_prediction(n)
        values.append(out)
        return out

    def append_many(self, entry: Entry, instr: tuple[Any, ...]) -> list[Value]:
        """Append an instruction with several outputs. Called under the lock."""
        n = len(self.values)
        outs = []
        for k, aval in enumerate(entry.avals):
            out = _new(Value)
            out.aval = aval
            out.data = None
            out.trace = self
            out.index = n + k
            out.instr = k if k else instr
            outs.append(out)
        predicted = self.predicted
        if predicted is None or n >= len(predicted) or predicted[n] != instr:
            self.off_prediction(n)
        self.values.extend(outs)
        return outs

    def off_prediction(self, n: int) -> None:
        """From the first instruction that differs from the expected program on, remember the user's lines."""
        self.predicted = None
        if not self.sites:
            watch_collector(True)
            self.sites = {}
        self.sites[n] = sites.user_site()

    def at_limit(self) -> bool:
        """Past the cap: is this the place to cut? Where the stack that recorded the first instruction comes round
        again (the loop's back-edge), so that the same program is met again; for a loop that began later, where the
        first stack seen past the cap does; else at the hard limit."""
        n = len(self.values)
        if self.grad_open and n < config.trace_cap * _GRAD_FACTOR:
            return False
        here = sites.stack_site()
        if self.mark is None:
            self.mark = here
            return bool(here == self.first_site)
        return here in (self.first_site, self.mark) or n >= config.trace_cap * _HARD_FACTOR

    run = execute.run_trace


RANGES: dict[tuple[Aval, Aval], Entry] = {}


def range_entry(flat: Aval, part: Aval) -> Entry:
    """The instruction that reads a part of a flat leaf; the offset stays a run-time number, so equal blocks of a
    network that live in one flat leaf are equal instructions."""
    found = RANGES.get((flat, part))
    if found is None:

        def fn(x: Any, offset: Any) -> Any:
            return lax.dynamic_slice(x, (offset,), (part.size,)).reshape(part.shape)

        found = RANGES[flat, part] = Entry("range", fn, (VALUE, INT), (flat, aval_of((), np.dtype(np.int64))), (part,))
        found.origin = ()
    return found


def current_trace() -> Trace:
    """The trace that the calling thread records on."""
    return open_trace(local.context)


def open_trace(context: Context) -> Trace:
    """The context's trace; a new one when another thread has run it."""
    trace = context.trace
    if trace is None or trace.sealed:
        trace = context.trace = Trace(context)
    return trace  # type: ignore[no-any-return]  # a Trace


def flush(reason: str = "read") -> None:
    """Run what the calling thread has recorded."""
    trace = local.context.trace
    if trace is not None and trace.values and not trace.done:
        trace.run(reason)
