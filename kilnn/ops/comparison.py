"""Comparisons, logic, bits and tests for special values. Nothing here has a gradient."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import refuse, type_name
from kilnn.ops.operands import is_nan
from kilnn.ops.spec import Scalar, op


@op(promote="compare", host=np.equal)
def eq(a, b):
    return a == b


@op(promote="compare", host=np.not_equal)
def ne(a, b):
    return a != b


@op(promote="compare", host=np.less)
def lt(a, b):
    refuse(a, "c", "lt_cpu")
    return a < b


@op(promote="compare", host=np.less_equal)
def le(a, b):
    refuse(a, "c", "le_cpu")
    return a <= b


@op(promote="compare", host=np.greater)
def gt(a, b):
    refuse(a, "c", "gt_cpu")
    return a > b


@op(promote="compare", host=np.greater_equal)
def ge(a, b):
    refuse(a, "c", "ge_cpu")
    return a >= b


def _true(x: Any) -> Any:
    return x if x.dtype == np.bool_ else x != 0


@op(promote="compare", host=np.logical_and)
def logical_and(a, b):
    return _true(a) & _true(b)


@op(promote="compare", host=np.logical_or)
def logical_or(a, b):
    return _true(a) | _true(b)


@op(promote="compare", host=np.logical_xor)
def logical_xor(a, b):
    return _true(a) ^ _true(b)


@op(host=np.logical_not)
def logical_not(x):
    return ~x if x.dtype == np.bool_ else x == 0


@op(promote="numeric", host=np.bitwise_and)
def bitwise_and(a, b):
    return a & b


@op(promote="numeric", host=np.bitwise_or)
def bitwise_or(a, b):
    return a | b


@op(promote="numeric", host=np.bitwise_xor)
def bitwise_xor(a, b):
    return a ^ b


@op(promote="numeric", host=np.left_shift)
def left_shift(a, b):
    refuse(a, "b", "lshift_cpu")
    return a << b


@op(promote="numeric", host=np.right_shift)
def right_shift(a, b):
    refuse(a, "b", "rshift_cpu")
    return a >> b


@op(host=np.bitwise_not)
def bitwise_not(x):
    return ~x


@bitwise_not.validate
def _(x):
    if x.dtype.kind not in "iub":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")


def _refuse_floats(kernel: str, *operands: Any) -> None:
    for x in operands:
        number = isinstance(x, type)
        if x is float if number else x.dtype.kind not in "iub":
            word = "Float" if number else type_name(x.dtype)
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{word}'")


@bitwise_and.validate
def _(a, b):
    _refuse_floats("bitwise_and_cpu", a, b)


@bitwise_or.validate
def _(a, b):
    _refuse_floats("bitwise_or_cpu", a, b)


@bitwise_xor.validate
def _(a, b):
    _refuse_floats("bitwise_xor_cpu", a, b)


@left_shift.validate
def _(a, b):
    _refuse_floats("lshift_cpu", a, b)


@right_shift.validate
def _(a, b):
    _refuse_floats("rshift_cpu", a, b)


def _is_whole(x: Any) -> bool:
    return x.dtype.kind in "iub"


@op(host=lambda x: np.zeros(x.shape, np.bool_) if _is_whole(x) else np.isnan(x))
def isnan(x):
    return lax.full(x.shape, False) if _is_whole(x) else is_nan(x)


@op(host=lambda x: np.zeros(x.shape, np.bool_) if _is_whole(x) else np.isinf(x))
def isinf(x):
    return lax.full(x.shape, False) if _is_whole(x) else abs(x) == np.inf


@op(host=lambda x: np.ones(x.shape, np.bool_) if _is_whole(x) else np.isfinite(x))
def isfinite(x):
    return lax.full(x.shape, True) if _is_whole(x) else lax.is_finite(x)


@op(host=lambda x: np.signbit(x) if x.dtype.kind != "b" else np.zeros(x.shape, np.bool_))
def signbit(x):
    return lax.full(x.shape, False) if x.dtype.kind == "b" else jnp.signbit(x)


def _close(a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool) -> Any:
    if a.dtype.kind in "iub":
        near = (a == b) | (abs(a - b) <= atol + abs(rtol * b))
    else:
        rtol, atol = rtol.astype(a.dtype), atol.astype(a.dtype)
        # Infinities are close to themselves only: inf - inf is NaN, and inf <= inf would accept everything.
        near = (a == b) | ((abs(a - b) <= atol + abs(rtol * b)) & (abs(b) != np.inf))
    return near | (is_nan(a) & is_nan(b)) if equal_nan else near


@op
def isclose(a, b, rtol: Scalar, atol: Scalar, *, equal_nan):
    """|a - b| <= atol + rtol * |b|, element by element."""
    if a.dtype == np.bool_:
        a, b = a.astype(np.uint8), b.astype(np.uint8)
    a, b = jnp.broadcast_arrays(a, b)
    return _close(a, b, rtol, atol, equal_nan)


@isclose.validate
def _(a, b, rtol, atol, *, equal_nan):
    if a.dtype != b.dtype:
        raise RuntimeError(f"{type_name(a.dtype)} did not match {type_name(b.dtype)}")
