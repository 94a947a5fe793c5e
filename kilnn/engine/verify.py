"""Invariants of a trace, checked before each run in tests (KILNN_VERIFY=1)."""

from __future__ import annotations

from typing import Any

from kilnn.base.config import config
from kilnn.engine.entry import DOUBLE, FLOAT, HEADS, INT, NONE, VALUE

enabled = bool(config.verify)


class TraceError(AssertionError):
    """A trace broke one of its own rules: a defect of kilnn."""


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise TraceError(text)


def check_trace(trace: Any) -> None:
    """Every value has its place, every reference points back, every operand has the aval its entry was made for."""
    values = trace.values
    i = 0
    while i < len(values):
        v = values[i]
        _require(type(v.instr) is tuple, f"value {i} does not begin an instruction: {v.instr!r}")
        entry = HEADS[v.instr[0]]
        _require(
            len(v.instr) - 1 == sum(k != NONE for k in entry.kinds), f"{entry.name} at {i}: wrong number of operands"
        )
        for k in range(entry.nout):
            out = values[i + k]
            _require(out.index == i + k and out.trace is trace, f"value {i + k} is out of place")
            _require(out.aval is entry.avals[k], f"{entry.name} at {i}: output {k} is {out.aval}, not {entry.avals[k]}")
            _require(k in (0, out.instr), f"output {k} of {entry.name} at {i} is marked {out.instr!r}")
        r = 1
        for position, kind in enumerate(entry.kinds):
            if kind == NONE:
                continue
            ref = v.instr[r]
            r += 1
            if kind == VALUE:
                _require(ref < i, f"{entry.name} at {i} reads {ref}, which is not earlier")
                source = values[ref] if ref >= 0 else trace.leaves[-1 - ref]
                _require(ref >= 0 or source.data is not None, f"{entry.name} at {i}: leaf {-1 - ref} has no data")
                _require(
                    source.aval is entry.in_avals[position],
                    f"{entry.name} at {i}: operand {position} is {source.aval}, expected {entry.in_avals[position]}",
                )
            else:
                vector = {FLOAT: trace.floats, INT: trace.ints, DOUBLE: trace.doubles}[kind]
                _require(0 <= ref < len(vector), f"{entry.name} at {i}: scalar {ref} is missing")
        i += entry.nout
    for leaf in trace.leaves:
        _require(leaf.data is not None, "a leaf has no data")
