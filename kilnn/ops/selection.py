"""Choosing between values: minima and maxima of pairs, clamps, where, fills under a mask.

A mask that reaches an operation together with numbers may have been promoted with them: `mask_of` makes it bool again.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import refuse, type_name
from kilnn.ops.operands import c_name, is_nan
from kilnn.ops.spec import Scalar, op


def mask_of(x: Any) -> Any:
    return x if x.dtype == np.bool_ else x != 0


def _shared(ct: Any, a: Any, b: Any, loses: Any) -> Any:
    """The cotangent of the operand a: all of it where a wins, half at ties, nothing where it loses."""
    return jnp.where(a == b, ct / 2, jnp.where(loses, 0, ct))


@op(promote="numeric", host=np.maximum)
def maximum(a, b):
    refuse(a, "c", "maximum_cpu")
    return jnp.maximum(a, b)


@maximum.grad("a")
def _(ct, a, b):
    return _shared(ct, a, b, a < b)


@maximum.grad("b")
def _(ct, a, b):
    return _shared(ct, a, b, a > b)


@op(promote="numeric", host=np.minimum)
def minimum(a, b):
    refuse(a, "c", "minimum_cpu")
    return jnp.minimum(a, b)


@minimum.grad("a")
def _(ct, a, b):
    return _shared(ct, a, b, a > b)


@minimum.grad("b")
def _(ct, a, b):
    return _shared(ct, a, b, a < b)


@op(promote="numeric", host=np.fmax)
def fmax(a, b):
    refuse(a, "c", "fmax_cpu")
    """The larger one; a number beats NaN."""
    return jnp.fmax(a, b)


@fmax.grad("a")
def _(ct, a, b):
    return jnp.where((a >= b) | is_nan(b), ct, 0)


@fmax.grad("b")
def _(ct, a, b):
    return jnp.where((a >= b) | is_nan(b), 0, ct)


@op(promote="numeric", host=np.fmin)
def fmin(a, b):
    refuse(a, "c", "fmin_cpu")
    """The smaller one; a number beats NaN."""
    return jnp.fmin(a, b)


@fmin.grad("a")
def _(ct, a, b):
    return jnp.where((a <= b) | is_nan(b), ct, 0)


@fmin.grad("b")
def _(ct, a, b):
    return jnp.where((a <= b) | is_nan(b), 0, ct)


def _clamp_on_host(x: Any, low: Any = None, high: Any = None) -> Any:
    if low is not None:
        x = np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


@op(promote="numeric", host=_clamp_on_host, backward_name="ClampBackward1")
def clamp(x, low=None, high=None):
    """x limited to [low, high]; high wins where they cross."""
    if low is not None:
        x = jnp.maximum(x, low)
    return x if high is None else jnp.minimum(x, high)


@clamp.grad("x")
def _(ct, x, low, high):
    inside = True if low is None else x >= low
    return jnp.where(inside if high is None else inside & (x <= high), ct, 0)


@clamp.grad("low")
def _(ct, x, low, high):
    return jnp.where(x < low if high is None else (x < low) & (low < high), ct, 0)


@clamp.grad("high")
def _(ct, x, low, high):
    return jnp.where(x > high if low is None else (x > high) | (high < low), ct, 0)


@clamp.validate
def _(x, low=None, high=None):
    if low is None and high is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")


@op(promote="numeric", host=lambda condition, x, y: np.where(mask_of(condition), x, y))
def where(condition, x, y):
    return jnp.where(mask_of(condition), x, y)


@where.grad("x")
def _(ct, condition):
    return jnp.where(mask_of(condition), ct, 0)


@where.grad("y")
def _(ct, condition):
    return jnp.where(mask_of(condition), 0, ct)


@where.validate
def _(condition, x, y):
    if condition.dtype != np.bool_:
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {type_name(condition.dtype)}"
        )


@op(promote="numeric", host=lambda x, mask, value: np.where(mask_of(mask), value, x))
def masked_fill(x, mask, value):
    """value where the mask is true, x elsewhere."""
    return jnp.where(mask_of(mask), value, x)


@masked_fill.grad("x")
def _(ct, mask):
    return jnp.where(mask_of(mask), 0, ct)


@masked_fill.grad("value")
def _(ct, mask):
    return jnp.where(mask_of(mask), ct, 0)


@op(promote="numeric", host=lambda x, mask, value: np.where(mask_of(mask), value, x), backward_name="IndexPutBackward0")
def masked_write(x, mask, value):
    """x[mask] = value for a value that broadcasts with x: what `masked_fill` does for a number."""
    return jnp.where(mask_of(mask), value, x)


masked_write.grad("x")(lambda ct, mask: jnp.where(mask_of(mask), 0, ct))
masked_write.grad("value")(lambda ct, mask: jnp.where(mask_of(mask), ct, 0))


@masked_fill.validate
def _(x, mask, value):
    if mask.dtype != np.bool_:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {c_name(mask.dtype)}")
    if not isinstance(value, type) and value.shape:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{len(value.shape)} dimension(s)."
        )


@op
def nan_to_num(x, nan: Scalar, posinf: Scalar = None, neginf: Scalar = None):  # type: ignore[assignment]  # or None
    """Finite numbers in place of NaN and the infinities (by default 0 and the largest of the dtype)."""
    if x.dtype.kind in "iub":
        return x
    limits = jnp.finfo(x.dtype)
    high = np.array(limits.max, x.dtype) if posinf is None else lax.convert_element_type(posinf, x.dtype)
    low = np.array(limits.min, x.dtype) if neginf is None else lax.convert_element_type(neginf, x.dtype)
    finite = jnp.where(x == np.inf, high, jnp.where(x == -np.inf, low, x))
    return jnp.where(is_nan(x), lax.convert_element_type(nan, x.dtype), finite)


@nan_to_num.grad("x")
def _(ct, x):
    return jnp.where(lax.is_finite(x), ct, 0)
