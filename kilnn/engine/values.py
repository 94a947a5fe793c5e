"""Arrays-to-be and the cells that hold them: Aval, Value, RangeValue, Storage, Counter."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from kilnn.native.core import core


class Aval:
    """The abstract value of an array: shape, dtype, device. Interned: equal avals are one object."""

    __slots__ = ("device", "dtype", "nbytes", "shape", "size")

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    device: str
    size: int
    nbytes: int

    def __repr__(self) -> str:
        return f"{self.dtype.name}{list(self.shape)}" + ("" if self.device == "cpu" else f"@{self.device}")


_avals: dict[tuple[tuple[int, ...], np.dtype[Any], str], Aval] = {}


def aval_of(shape: tuple[int, ...], dtype: np.dtype[Any], device: str = "cpu") -> Aval:
    """The one Aval of this shape, dtype and device."""
    key = (shape, dtype, device)
    found = _avals.get(key)
    if found is None:
        found = Aval()
        found.shape, found.dtype, found.device = shape, dtype, sys.intern(device)  # compared by identity
        size = 1
        for n in shape:
            size *= n
        found.size = size
        found.nbytes = size * dtype.itemsize
        found = _avals.setdefault(key, found)
    return found


class Value:
    """One array-to-be. `data` is set once it has been computed; until then `trace`, `index` and `instr` say
    what computes it. Immutable, and knows nothing of gradients or owners.

    `instr` is (head, *references): a reference >= 0 is an earlier value on the trace, < 0 a leaf (-1 - slot),
    scalars are positions in their vectors. Outputs after the first of one instruction hold their number instead.
    """

    __slots__ = ("__weakref__", "aval", "data", "index", "instr", "passed", "trace")

    aval: Aval
    data: Any
    trace: Any
    index: int
    instr: Any
    passed: set[int]  # heads of conditions that hold for it; only set once one was tested

    def __repr__(self) -> str:
        state = "pending" if self.data is None else "data"
        return f"Value({self.aval}, {state})"


_new = object.__new__


CONSTANT = -8
"""`Value.index` of a Value that a program holds as a constant instead of being given it; `instr` is the entry that
makes it."""


def value_of(data: Any, aval: Aval) -> Value:
    """A Value that already has its data (a NumPy or JAX array)."""
    v = _new(Value)
    v.aval = aval
    v.data = data
    v.trace = None
    v.index = -1
    v.instr = None
    return v


def host_value(array: np.ndarray[Any, Any], device: str = "cpu") -> Value:
    """A Value around a NumPy array that nobody will write to any more."""
    return value_of(array, aval_of(array.shape, array.dtype, device))


class RangeValue(Value):
    """A part of a flat Value: elements [offset, offset + size) in the shape of `aval`."""

    __slots__ = ("flat", "offset")

    flat: Value
    offset: int


def range_of(flat: Value, offset: int, aval: Aval) -> RangeValue:
    v = _new(RangeValue)
    v.aval = aval
    v.data = None
    v.trace = None
    v.index = -1
    v.instr = None
    v.flat = flat
    v.offset = offset
    return v


def joined(values: list[Any], aval: Aval) -> RangeValue | None:
    """What `values` laid end to end are, in the shape of `aval`, when they follow one another in one flat Value."""
    first = values[0]
    flat = getattr(first, "flat", None)
    if flat is None:
        return None
    end = first.offset
    for v in values:
        if v.__class__ is not RangeValue or v.flat is not flat or v.offset != end:
            return None
        end += v.aval.size
    return range_of(flat, first.offset, aval)


class Counter:
    """A version counter: in-place writes raise it, the backward pass compares it."""

    __slots__ = ("version",)

    version: int

    def __init__(self) -> None:
        self.version = 0


class Storage:
    """A mutable cell: the current Value and the version that counts in-place writes. Aliases share it.

    `part` is only set while the storage is a part of a flat one (see flat.py).
    """

    __slots__ = ("__weakref__", "part", "value", "version")

    value: Value
    version: int
    part: Any

    def restore(self, old: Value) -> None:
        """Undo an update whose program could not run."""
        self.value = old


def storage_of(value: Value) -> Storage:
    s = _new(Storage)
    s.value = value
    s.version = 0
    return s


def reference_counts(objects: list[Any]) -> list[int]:
    return list(map(sys.getrefcount, objects))


UNSHARED = reference_counts([Value()])[0]
"""What `reference_counts` says of an object that only its list refers to. Whoever else holds a Value - a tensor, a
saved operand, a cotangent of a walk in progress - raises the count, so liveness needs no registration."""


def _live(values: list[Any]) -> tuple[int, ...]:
    """Numbers of the values that somebody besides their list refers to."""
    return tuple([i for i, n in enumerate(reference_counts(values)) if n > UNSHARED])


live_values = _live if core is None else core.live
