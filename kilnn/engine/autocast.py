"""Autocast: which operations compute in a 16-bit dtype, and which in float32, while it is on.

A cast is an instruction like any other, recorded before the operation, so its gradient goes back to the operand's dtype
and a program with casts is another program than one without. `record` looks at `Op.autocast` only in threads where
autocast is on. Composite functions that PyTorch lists as one operation are marked with
`computed_in_float32`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from kilnn.base import dtypes
from kilnn.engine.context import local
from kilnn.engine.handle import HANDLES
from kilnn.engine.views import value_of_tensor
from kilnn.ops.spec import Op

F = TypeVar("F", bound=Callable[..., Any])
_FLOATS = (dtypes.float32.np, dtypes.float16.np, dtypes.bfloat16.np)


def cast_operands(op: Op, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands of a listed operation, in the dtype it computes in."""
    active, device = local.context.autocast, _device(operands)
    word = op.autocast.get(device) if device in active and op.autocast is not None else None
    if word is None:
        return operands
    return tuple([_cast(x, active[device] if word == "lower" else dtypes.float32) for x in operands])


def _cast(x: Any, dtype: dtypes.DType) -> Any:
    if x.__class__ not in HANDLES:
        return x
    found: np.dtype[Any] = value_of_tensor(x).aval.dtype
    return x if found == dtype.np or found not in _FLOATS else x.to(dtype)


def lowered(*tensors: Any) -> tuple[Any, ...]:
    """Operands of a composite function that PyTorch lists with its matrix products, in the dtype those compute in."""
    active = local.context.autocast
    dtype = None if active is None else active.get(_device(tensors))
    return tensors if dtype is None else tuple([_cast(x, dtype) for x in tensors])


def matched(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Operands of an operation that takes one dtype only: where autocast is on, they take that of the first."""
    active = local.context.autocast
    if active is None or _device(operands) not in active:
        return operands
    return tuple([_cast(x, operands[0].dtype) for x in operands])


def _device(operands: Any) -> str:
    """The device type of the first tensor among them."""
    for x in operands:
        if x.__class__ in HANDLES:
            return str(value_of_tensor(x).aval.device.partition(":")[0])
    return ""


@contextmanager
def suspended() -> Iterator[None]:
    """Autocast is off inside: for what PyTorch's lists do not reach."""
    context = local.context
    before, context.autocast = context.autocast, None
    try:
        yield
    finally:
        context.autocast = before


def computed_in_float32(function: F) -> F:
    """Mark a composite function that PyTorch lists as one operation: its tensors are cast, nothing inside it is."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        active = local.context.autocast
        if active is None or _device((*args, *kwargs.values())) not in active:
            return function(*args, **kwargs)
        with suspended():
            return function(
                *[_cast(x, dtypes.float32) for x in args],
                **{k: _cast(x, dtypes.float32) for k, x in kwargs.items()},
            )

    return wrapped  # type: ignore[return-value]  # same signature by functools.wraps
