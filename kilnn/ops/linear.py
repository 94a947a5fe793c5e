"""Affine maps: linear and bilinear."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import numpy as np
from jax import lax

from kilnn.ops.checks import type_name
from kilnn.ops.spec import op


def column_sum(g: Any) -> Any:
    """The sum over all dimensions but the last. XLA:CPU reads columns slowly; a product with ones does not."""
    width = g.shape[-1]
    rows = g.size // width if width else 0
    if rows < 2 or width < 32:
        return lax.reduce_sum(g, tuple(range(g.ndim - 1)))
    flat = lax.reshape(g, (rows, width))
    ones = lax.full((rows,), 1, g.dtype)
    return lax.dot_general(ones, flat, (((0,), (0,)), ((), ())), precision=lax.Precision.HIGHEST)


def _flat_rows(a: Any) -> Any:
    return a if a.ndim == 2 else lax.reshape(a, (a.size // a.shape[-1] if a.shape[-1] else 0, a.shape[-1]))


def _linear_on_host(x, w, b=None):
    if x.dtype.itemsize == 2:  # half precision is summed in float32
        return _linear_on_host(*[None if a is None else a.astype(np.float32) for a in (x, w, b)]).astype(x.dtype)
    out = np.matmul(x, w.T)
    return out if b is None else out + b


@op(host=_linear_on_host, backward_name="AddmmBackward0")
def linear(x, w, b=None):
    """x (..., in) times w (out, in) transposed, plus b (out)."""
    out = lax.dot_general(x, w, (((x.ndim - 1,), (w.ndim - 1,)), ((), ())))
    if b is None:
        return out
    return out + (b if b.ndim == out.ndim else lax.broadcast_in_dim(b, out.shape, (out.ndim - 1,) if b.ndim else ()))


@linear.grad("x")
def _(ct, w):
    if w.ndim == 1:
        return ct[..., None] * w
    return lax.dot_general(ct, w, (((ct.ndim - 1,), (0,)), ((), ())))


@linear.grad("w")
def _(ct, x, w_shape):
    if len(w_shape) == 1:
        return lax.dot_general(lax.reshape(ct, (ct.size,)), _flat_rows(x), (((0,), (0,)), ((), ())))
    if x.ndim == 1:
        return ct[:, None] * x
    return lax.dot_general(_flat_rows(ct), _flat_rows(x), (((0,), (0,)), ((), ())))


@linear.grad("b", frees=True)
def _(ct, b_shape):
    if not b_shape:
        return lax.reduce_sum(ct, tuple(range(ct.ndim)))
    return column_sum(ct) if ct.ndim > 1 else ct


@linear.validate
def _(x, w, b=None):
    if not x.shape or not w.shape:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {len(x.shape)}D and {len(w.shape)}D"
        )
    inner, outer = x.shape[-1], w.shape[-1]
    if len(w.shape) > 2:
        raise RuntimeError(f"linear: the weight must have one or two dimensions, but got {tuple(w.shape)}")
    if inner != outer:
        rows = int(np.prod(x.shape[:-1], dtype=np.int64)) if len(x.shape) > 1 else 1
        columns = w.shape[0] if len(w.shape) == 2 else 1
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{inner} and {outer}x{columns})")
    if x.dtype != w.dtype:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {type_name(x.dtype)} and {type_name(w.dtype)}"
        )
    if b is not None and len(b.shape) == 1 and b.shape[0] not in (1, w.shape[0] if len(w.shape) == 2 else 1):
        raise RuntimeError(
            f"The expanded size of the tensor ({w.shape[0]}) must match the existing size ({b.shape[0]}) "
            "at non-singleton dimension 1: the bias does not fit the weight"
        )


@op
def bilinear(x1, x2, w, b=None):
    """y[..., o] = sum_ij x1[..., i] w[o, i, j] x2[..., j] + b[o]."""
    left = lax.dot_general(x1, w, (((x1.ndim - 1,), (1,)), ((), ())))  # (..., out, in2)
    out = lax.reduce_sum(left * x2[..., None, :], (left.ndim - 1,))
    return out if b is None else out + b


bilinear.grad_by_vjp("x1", "x2", "w")


@bilinear.grad("b", frees=True)
def _(ct):
    return column_sum(ct) if ct.ndim > 1 else ct


@bilinear.validate
def _(x1, x2, w, b=None):
    if not x1.dtype == x2.dtype == w.dtype:
        kinds = ", ".join(type_name(a.dtype) for a in (x1, x2, w))
        raise RuntimeError(f"bilinear(): inputs and weight must have the same dtype, but got {kinds}")
    if x1.shape[:-1] != x2.shape[:-1]:
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match: got {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    for number, x in ((1, x1), (2, x2)):
        if x.shape[-1] != w.shape[number]:
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {x.shape[-1]} "
                f"but expected {w.shape[number]}"
            )


__all__ = ["bilinear", "column_sum", "linear"]
