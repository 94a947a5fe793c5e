"""The host tier: small operations on host-held values run in NumPy at once, so that datasets, transforms, metrics and
bookkeeping compile nothing and never enter a program."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax import numpy as jnp

from kilnn.engine.entry import DOUBLE, FLOAT, INT, NONE, VALUE, Entry
from kilnn.engine.handle import new_handle
from kilnn.engine.placement import to_device
from kilnn.engine.stats import count
from kilnn.engine.values import CONSTANT, Aval, RangeValue, Value, aval_of, value_of
from kilnn.ops.spec import Op

LIMIT_BYTES = 65536
"""Operands larger than this are worth a compiled program."""

LIMIT_OPERAND_BYTES = 1 << 22
"""The same where operands are weights and the result is small."""

_NUMBER_TYPES: dict[int, Any] = {FLOAT: np.float32, INT: np.int64, DOUBLE: np.float64}


def compute(entry: Entry, values: Any) -> Any:
    """The outputs of `entry` as host Values (one, or a list), or None when an operand is elsewhere or large."""
    arrays: list[Any] = []
    for kind, v in zip(entry.kinds, values, strict=True):
        if kind == VALUE:
            data = v.data
            if data.__class__ is not np.ndarray or v.aval.nbytes > LIMIT_BYTES:
                return None
            arrays.append(data)
        elif kind == NONE:
            arrays.append(None)
        else:
            arrays.append(_NUMBER_TYPES[kind](v))
    if entry.aval is None or entry.aval.nbytes > LIMIT_BYTES or entry.host is None:
        return None
    with np.errstate(all="ignore"):
        result = entry.host(*arrays)
    count("host_ops")
    if entry.nout == 1:
        return _wrap(entry, 0, result)
    return [_wrap(entry, k, r) for k, r in enumerate(result)]


def in_numpy(entry: Entry, operands: list[Any]) -> Any:
    """What `entry` gives for computed arrays, by its NumPy twin (one array, or a list), or None when there is no twin
    or they are large. An operation at new shapes takes microseconds so, and tens of milliseconds to compile."""
    if entry.host is None or entry.aval is None or entry.aval.nbytes > LIMIT_BYTES:
        return None
    if any(x is not None and x.nbytes > LIMIT_OPERAND_BYTES for x in operands):
        return None
    with np.errstate(all="ignore"):
        result = entry.host(
            *[None if x is None else x if isinstance(x, np.generic) else np.asarray(x) for x in operands]
        )
    if entry.nout == 1:
        return _fitted(entry.avals[0], result)
    return [_fitted(aval, r) for aval, r in zip(entry.avals, result, strict=True)]


def run_by_value(op: Op, values: list[Any], attributes: tuple[Any, ...]) -> Any:
    """An operation whose output shape depends on values: its operands are computed first, and it runs in NumPy."""
    named = dict(zip(op.attributes, attributes, strict=True))
    arrays = [array_of(v) if isinstance(v, Value) else v for v in values]
    result = (op.host or op.fn)(*arrays, **named)
    device = next((v.aval.device for v in values if isinstance(v, Value)), "cpu")
    if isinstance(result, tuple | list):
        return tuple([new_handle(value_from(np.asarray(r), device)) for r in result])
    return new_handle(value_from(np.asarray(result), device))


def _wrap(entry: Entry, k: int, result: Any) -> Value:
    aval = entry.avals[k]
    return value_of(_fitted(aval, result), aval)


def _fitted(aval: Aval, result: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(result)
    if array.dtype != aval.dtype:
        array = array.astype(aval.dtype)
    if array.shape != aval.shape:
        array = np.broadcast_to(array, aval.shape)
    return array


def data_of(v: Value) -> Any:
    """The computed data of a value: runs what it waits for."""
    if v.data is None:
        if isinstance(v, RangeValue):
            flat = data_of(v.flat)
            part = np.asarray(flat)[v.offset : v.offset + v.aval.size].reshape(v.aval.shape)
            v.data = part
            return part
        v.trace.run("read")
        if v.data is None:
            raise v.trace.failure or RuntimeError("the program that computes this value did not run")
    return v.data


def array_of(v: Value) -> np.ndarray[Any, Any]:
    """The value as a NumPy array; may share memory with it, so callers copy before they hand it out."""
    return np.asarray(data_of(v))


def moved(v: Value, aval: Aval) -> Value:
    """The value on the device of `aval`: computed first, then copied."""
    data = data_of(v)
    return value_of(np.asarray(data) if aval.device == "cpu" else to_device(data, aval.device), aval)


def value_from(array: np.ndarray[Any, Any], device: str = "cpu") -> Value:
    return value_of(array, aval_of(array.shape, array.dtype, device))


_constants: dict[tuple[Aval, int], Value] = {}
_CONSTANT_BYTES = 4096


def constant(aval: Aval, number: int) -> Value:
    """A Value of one number everywhere; small ones are kept, so that programs read the same leaf in every step."""
    found = _constants.get((aval, number))
    if found is None:
        found = value_of(np.broadcast_to(np.asarray(number, aval.dtype), aval.shape), aval)
        if aval.nbytes <= _CONSTANT_BYTES:
            _constants[aval, number] = found
    return found


SEEDS: dict[Aval, Value] = {}
"""What `seed` made so far."""


def seed(aval: Aval) -> Value:
    """The gradient of a root that needs none given: ones, a constant of the programs that use it."""
    found = SEEDS.get(aval)
    if found is None:

        def fn() -> Any:
            return jnp.ones(aval.shape, aval.dtype)

        found = SEEDS[aval] = value_of(np.ones(aval.shape, aval.dtype), aval)
        found.index = CONSTANT
        found.instr = Entry("ones", fn, (), (), (aval,))
        found.instr.origin = ("ones",)
    return found


def zeros_value(aval: Aval) -> Value:
    """Zeros held on the host."""
    return constant(aval, 0)


def host_array(t: Any) -> np.ndarray[Any, Any] | None:
    """The NumPy array of a tensor that is held on the host as it is, or None."""
    if t._view is not None:
        return None
    data = t._storage.value.data
    return data if isinstance(data, np.ndarray) else None
