"""Reading and writing under a mask.

What depends on how many elements are true takes their positions too, which `nonzero` or `true_places` found.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import type_name
from kilnn.ops.indexing import take, write
from kilnn.ops.operands import c_name
from kilnn.ops.spec import op

_INT64 = np.dtype(np.int64)


@op(by_value=True)
def nonzero(x):
    """The places of the nonzero elements, one row each."""
    return np.stack(np.nonzero(x), -1).astype(np.int64) if x.ndim else np.zeros((int(x != 0), 0), np.int64)


@op(by_value=True)
def true_places(mask):
    """The positions of the true elements of a mask in its flattened form."""
    return np.flatnonzero(mask).astype(np.int64)


def _merged(x: Any, dim: int, count: int) -> Any:
    """x with `count` dimensions from `dim` on as one."""
    shape = x.shape
    return lax.reshape(x, (*shape[:dim], math.prod(shape[dim : dim + count]), *shape[dim + count :]))


@op
def masked_select(x, mask, places):
    """The elements of x where the mask is true, as a line. x and mask have one shape."""
    return take(_merged(x, 0, x.ndim), (places,), (0,))


# PyTorch's node saves x, of which it needs the shape only.
@masked_select.grad("x")
def _(ct, x, mask, places):
    return lax.reshape(write(lax.full((x.size,), 0, ct.dtype), ct, (places,), (0,), True), x.shape)


@op(backward_name="IndexBackward0")
def index_mask(x, mask, places, *, dim):
    """x[:, mask]: the mask stands for as many dimensions as it has, from `dim` on."""
    return take(_merged(x, dim, mask.ndim), (places,), (dim,))


@index_mask.grad("x")
def _(ct, mask, places, x_shape, dim):
    flat = lax.full((*x_shape[:dim], mask.size, *x_shape[dim + mask.ndim :]), 0, ct.dtype)
    return lax.reshape(write(flat, ct, (places,), (dim,), True), x_shape)


def _rank_in_mask(mask: Any) -> Any:
    """For each element of a mask, how many true ones come before it."""
    return lax.reshape(lax.cumsum(lax.reshape(mask, (mask.size,)).astype(_INT64)), mask.shape) - 1


@op
def masked_scatter(x, mask, source):
    """x with its elements at the true places of the mask replaced, in order, by those of source."""
    mask = jnp.broadcast_to(mask, x.shape)
    if not source.size:
        return x
    return jnp.where(mask, take(_merged(source, 0, source.ndim), (_rank_in_mask(mask),), (0,)), x)


@masked_scatter.grad("x")
def _(ct, mask):
    return jnp.where(mask, 0, ct)


@masked_scatter.grad("source")
def _(ct, mask, source_shape):
    size = math.prod(source_shape)
    mask = jnp.broadcast_to(mask, ct.shape)
    places = jnp.where(mask, _rank_in_mask(mask), size)
    line = write(lax.full((size + 1,), 0, ct.dtype), jnp.where(mask, ct, 0), (places,), (0,), True)
    return lax.reshape(line[:size], source_shape)


@masked_scatter.validate
def _(x, mask, source):
    if mask.dtype != np.bool_:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {c_name(mask.dtype)}")
    if x.dtype != source.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got{type_name(x.dtype)} and "
            f"{type_name(source.dtype)}"
        )


@masked_scatter.check(RuntimeError, "Number of elements of source < number of ones in mask")
def _(mask, x_shape, source_shape):
    # A mask smaller than x counts for every element it is stretched over.
    times = math.prod(x_shape) // max(math.prod(mask.shape), 1)
    count = mask.sum() * times
    return (count > math.prod(source_shape)).reshape(1), count
