"""Reads and writes that name one position along a dimension for every element: gather, scatter and their kin.

The attribute `size` is the size of that dimension: the message for a position out of range states it.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import size_text, type_name
from kilnn.ops.indexing import take, write
from kilnn.ops.spec import op

_INT64 = np.dtype(np.int64)


def _flat_places(index: Any, shape: Any, dim: int) -> Any:
    """Positions in a flattened array of this shape: `index` along dim, the element's own place in other dimensions.

    One number for each element is several times cheaper than a coordinate for each dimension.
    """
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    places = jnp.clip(index.astype(_INT64), 0, max(shape[dim] - 1, 0)) * strides[dim]
    for d, n in enumerate(index.shape):
        if d != dim and n > 1:
            places = places + lax.broadcasted_iota(_INT64, index.shape, d) * strides[d]
    return places


def pick(x: Any, index: Any, dim: int) -> Any:
    """x.gather(dim, index) on JAX arrays."""
    if not x.ndim:
        return jnp.broadcast_to(x, index.shape)
    index = index.reshape((1,)) if not index.ndim else index
    return take(lax.reshape(x, (x.size,)), (_flat_places(index, x.shape, dim),), (0,))


def place(x: Any, index: Any, source: Any, dim: int, accumulate: bool) -> Any:
    """x with source (an array, or one number) written to, or added at, the positions that `index` names along dim."""
    shape = x.shape
    if not shape:
        source = jnp.broadcast_to(source, index.shape).reshape(-1)
        return x + source.sum(dtype=x.dtype) if accumulate else source[-1]
    source = lax.slice(source, (0,) * source.ndim, index.shape) if source.ndim else source
    places = _flat_places(index, shape, dim)
    return lax.reshape(write(lax.reshape(x, (x.size,)), source, (places,), (0,), accumulate), shape)


def _check_index(name: str, x: Any, index: Any) -> None:
    if index.dtype not in (np.int32, np.int64) and 0 not in index.shape:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if max(len(index.shape), 1) != max(len(x.shape), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")


def _larger(a: Any, b: Any, skip: int = -1) -> int | None:
    """The first dimension (but `skip`) in which a is larger than b."""
    return next((d for d, (n, m) in enumerate(zip(a, b, strict=False)) if d != skip and n > m), None)


@op
def gather(x, index, *, dim, size):
    return pick(x, index, dim).reshape(index.shape)


# The gradient needs the shape of x only, but PyTorch's node saves x.
@gather.grad("x")
def _(ct, x, index, dim):
    return place(lax.full(x.shape, 0, ct.dtype), index, ct, dim, True)


@gather.validate
def _(x, index, *, dim, size):
    _check_index("gather", x, index)
    wrong = _larger(index.shape, x.shape, dim)
    if wrong is not None:
        raise RuntimeError(
            f"Size does not match at dimension {wrong} expected index {size_text(index.shape)} to be no larger than "
            f"self {size_text(x.shape)} apart from dimension {dim}"
        )


def _check_source(name: str, x: Any, index: Any, source: Any, dim: int) -> None:
    _check_index(name, x, index)
    if x.dtype != source.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    short = source.shape != () and _larger(index.shape, source.shape) is not None
    if short or _larger(index.shape, x.shape, dim) is not None:
        raise RuntimeError(
            f"Expected index {size_text(index.shape)} to be no larger than self {size_text(x.shape)} apart from "
            f"dimension {dim} and to be no larger size than src {size_text(source.shape)}"
        )


@op
def scatter(x, index, source, *, dim, size):
    """x with the elements of source written to the positions that index names."""
    return place(x, index, source, dim, False)


@scatter.grad("x")
def _(ct, index, dim):
    return place(ct, index, jnp.zeros((), ct.dtype), dim, False)


@scatter.grad("source")
def _(ct, index, source_shape, dim):
    return _widened(pick(ct, index, dim).reshape(index.shape), source_shape)


def _widened(ct: Any, shape: Any) -> Any:
    """Zeros for the elements of a source larger than its index, which were not written."""
    if not shape:
        return ct.sum()
    if ct.shape == shape:
        return ct
    return lax.pad(ct, np.zeros((), ct.dtype), [(0, m - n, 0) for n, m in zip(ct.shape, shape, strict=True)])


scatter.validate(lambda x, index, source, *, dim, size: _check_source("scatter", x, index, source, dim))


@op
def scatter_add(x, index, source, *, dim, size):
    """x with the elements of source added at the positions that index names."""
    return place(x, index, source, dim, True)


@scatter_add.grad("x")
def _(ct):
    return ct


@scatter_add.grad("source")
def _(ct, index, source_shape, dim):
    return _widened(pick(ct, index, dim).reshape(index.shape), source_shape)


scatter_add.validate(lambda x, index, source, *, dim, size: _check_source("scatter", x, index, source, dim))

for _op in (gather, scatter, scatter_add):

    @_op.check(RuntimeError, "index {value} is out of bounds for dimension {dim} with size {size}")
    def _(index, dim, size):
        return (index < 0) | (index >= size), index


@op(name="take")
def take_flat(x, index, *, size):
    """The elements of x at these positions of its flattened form; negative ones count from the end."""
    return take(lax.reshape(x, (x.size,)), (index,), (0,))


@take_flat.grad("x")
def _(ct, x, index):
    return lax.reshape(write(lax.full((x.size,), 0, ct.dtype), ct, (index,), (0,), True), x.shape)


@take_flat.validate
def _(x, index, *, size):
    if index.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {type_name(index.dtype)}")


@take_flat.check(IndexError, "out of range: tried to access index {value} on a tensor of {size} elements.")
def _(index, size):
    return (index < -size) | (index >= size), index


# Scatters that combine. ----------------------------------------------------------------------------------------------

_COMBINED = {"prod": "multiply", "amax": "max", "amin": "min"}


@op
def scatter_combined(x, index, source, *, dim, size, how, include):
    """x with the elements of source multiplied into, or made the largest or smallest at, the positions that index
    names; without `include` the elements of x there do not take part."""
    shape = x.shape
    whole = x.reshape(1) if not shape else x
    index = index.reshape(1) if not index.ndim else index
    source = lax.slice(source.reshape(source.shape or (1,)), (0,) * index.ndim, index.shape)
    places = _flat_places(index, whole.shape, dim).reshape(-1)
    flat, values = whole.reshape(-1), source.reshape(-1)
    if not include:
        neutral = 1 if how == "prod" else _limit(x.dtype, how == "amin")
        flat = flat.at[places].set(jnp.asarray(neutral, x.dtype))
    how = "amin" if how == "prod" and x.dtype == np.bool_ else how
    return getattr(flat.at[places], _COMBINED[how])(values).reshape(shape)


def _limit(dtype: Any, high: bool) -> Any:
    if dtype.kind in "fV":
        return np.inf if high else -np.inf
    if dtype.kind == "b":
        return high
    return np.iinfo(dtype).max if high else np.iinfo(dtype).min


@scatter_combined.grad("x")
def _(ct, x, index, source, out, dim, how, include):
    return _combined_back(ct, x, index, source, out, dim, how, include)[0]


@scatter_combined.grad("source")
def _(ct, x, index, source, out, dim, how, include):
    return _combined_back(ct, x, index, source, out, dim, how, include)[1]


def _combined_back(ct: Any, x: Any, index: Any, source: Any, out: Any, dim: int, how: str, include: bool) -> Any:
    """Gradients by x and source: of a product the others' product, of an extreme equal shares."""
    used = lax.slice(source, (0,) * source.ndim, index.shape) if source.ndim else source
    hit = place(jnp.zeros(x.shape, np.bool_), index, jnp.ones((), np.bool_), dim, False)
    if how == "prod":
        # Products without one factor, exact for a single zero among them.
        zeros = place(jnp.where(x == 0, 1, 0) if include else jnp.where(hit, 0, x == 0).astype(np.int64), index,
                      (used == 0).astype(np.int64), dim, True)  # fmt: skip
        start = jnp.where(x == 0, 1, x) if include else jnp.where(hit, 1, jnp.where(x == 0, 1, x))
        rest = scatter_combined.fn(
            start, index, jnp.where(source == 0, 1, source), dim=dim, size=None, how="prod", include=True
        )

        def others(value, rest, zeros):
            own = value == 0
            return jnp.where(zeros - own > 0, 0, rest / jnp.where(own, 1, value))

        by_x = ct * others(x, rest, zeros)
        by_source = pick(ct, index, dim) * others(used, pick(rest, index, dim), pick(zeros, index, dim))
    else:
        mine = (x == out) if include else (x == out) & ~hit
        theirs = used == pick(out, index, dim).reshape(index.shape)
        count = place(mine.astype(ct.dtype), index, theirs.astype(ct.dtype), dim, True)
        share = ct / jnp.where(count == 0, 1, count)
        by_x = jnp.where(mine, share, 0)
        by_source = jnp.where(theirs, pick(share, index, dim).reshape(index.shape), 0)
    if not include:
        by_x = jnp.where(hit, 0, by_x)
    return by_x, _widened(by_source.reshape(index.shape), source.shape)


@scatter_combined.check(RuntimeError, "index {value} is out of bounds for dimension {dim} with size {size}")
def _(index, dim, size):
    return (index < 0) | (index >= size), index


scatter_combined.validate(lambda x, index, source, *, dim, **_: _check_source("scatter", x, index, source, dim))


@op
def put(x, index, source, *, size, accumulate):
    """x with the elements of source written to, or added at, these positions of its flattened form."""
    places = jnp.where(index < 0, index + size, index).reshape(-1)
    return write(x.reshape(-1), source.reshape(-1), (places,), (0,), accumulate).reshape(x.shape)


@put.grad("x")
def _(ct, index, size, accumulate):
    if accumulate:
        return ct
    places = jnp.where(index < 0, index + size, index).reshape(-1)
    return write(ct.reshape(-1), jnp.zeros((), ct.dtype), (places,), (0,), False).reshape(ct.shape)


@put.grad("source")
def _(ct, index, source_shape):
    return take(ct.reshape(-1), (index,), (0,)).reshape(source_shape)


@put.check(IndexError, "out of range: tried to access index {value} on a tensor of {size} elements.")
def _(index, size):
    return (index < -size) | (index >= size), index
