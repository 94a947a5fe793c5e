"""Invariants of a trace, checked before each run in tests (KILNN_VERIFY=1)."""

from __future__ import annotations

from typing import Any

from kilnn.base.config import config
from kilnn.engine.entry import DOUBLE, FLOAT, HEADS, INT, NONE, VALUE, Entry

enabled = bool(config.verify)


class TraceError(AssertionError):
    """A trace broke one of its own rules: a defect of kilnn."""


def check_trace(trace: Any) -> None:
    """Every value has its place, every reference points back, every operand has the aval its entry was made for."""
    values = trace.values
    i = 0
    while i < len(values):
        instr = values[i].instr
        if type(instr) is not tuple:
            raise TraceError(f"value {i} does not begin an instruction: {instr!r}")
        entry = HEADS[instr[0]]
        for k, out in enumerate(values[i : i + entry.nout]):
            if out.index != i + k or out.trace is not trace or (k and out.instr != k):
                raise TraceError(f"output {k} of {entry.name} at {i} is out of place")
            if out.aval is not entry.avals[k]:
                raise TraceError(f"{entry.name} at {i}: output {k} is {out.aval}, not {entry.avals[k]}")
        _check_operands(trace, i, entry, instr)
        i += entry.nout
    if any(leaf.data is None for leaf in trace.leaves):
        raise TraceError("a leaf has no data")


def _check_operands(trace: Any, i: int, entry: Entry, instr: tuple[int, ...]) -> None:
    present = [(k, kind) for k, kind in enumerate(entry.kinds) if kind != NONE]
    if len(instr) - 1 != len(present):
        raise TraceError(f"{entry.name} at {i}: wrong number of operands")
    for (position, kind), ref in zip(present, instr[1:], strict=True):
        if kind == VALUE:
            if ref >= i:
                raise TraceError(f"{entry.name} at {i} reads {ref}, which is not earlier")
            source = trace.values[ref] if ref >= 0 else trace.leaves[-1 - ref]
            if source.aval is not entry.in_avals[position]:
                raise TraceError(
                    f"{entry.name} at {i}: operand {position} is {source.aval}, expected {entry.in_avals[position]}"
                )
        elif not 0 <= ref < len({FLOAT: trace.floats, INT: trace.ints, DOUBLE: trace.doubles}[kind]):
            raise TraceError(f"{entry.name} at {i}: scalar {ref} is missing")
