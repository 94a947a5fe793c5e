"""Views: the same elements seen in another shape. Each has a `put`, the base with the viewed part replaced.

Operations that differ in nothing but the name of PyTorch's node share one function.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.operands import is_nan
from kilnn.ops.spec import Index, Op, op


def _view_op(name: str, node: str, forward: Any, back: Any, put: Any, host: Any) -> Op:
    """Register one spelling of a view."""
    view: Op = op(name=name, backward_name=node, host=host)(forward)
    view.grad("x", frees=False)(back)
    view.put(put)
    return view


# The same elements in the same order. --------------------------------------------------------------------------------


def _reshape(x, *, shape):
    return lax.reshape(x, shape)


def _reshape_back(ct, x_shape):
    return lax.reshape(ct, x_shape)


def _reshape_put(base, value, *, shape):
    return lax.reshape(value, base.shape)


def _reshape_op(name: str, node: str) -> Op:
    return _view_op(name, node, _reshape, _reshape_back, _reshape_put, lambda x, *, shape: x.reshape(shape))


reshape = _reshape_op("reshape", "ViewBackward0")
unsqueeze = _reshape_op("unsqueeze", "UnsqueezeBackward0")
squeeze = _reshape_op("squeeze", "SqueezeBackward1")
alias = _reshape_op("alias", "AliasBackward0")
reshape_copy = _reshape_op("reshape_copy", "UnsafeViewBackward0")
contiguous = _reshape_op("contiguous", "CloneBackward0")


# Permutations. -------------------------------------------------------------------------------------------------------


def _inverse(dims: tuple[int, ...]) -> tuple[int, ...]:
    places = [0] * len(dims)
    for new, old in enumerate(dims):
        places[old] = new
    return tuple(places)


def _permute(x, *, dims):
    return lax.transpose(x, dims)


def _permute_back(ct, dims):
    return lax.transpose(ct, _inverse(dims))


def _permute_put(base, value, *, dims):
    return lax.transpose(value, _inverse(dims))


def _permute_op(name: str, node: str) -> Op:
    return _view_op(name, node, _permute, _permute_back, _permute_put, lambda x, *, dims: x.transpose(dims))


permute = _permute_op("permute", "PermuteBackward0")
transpose = _permute_op("transpose", "TransposeBackward0")
t = _permute_op("t", "TBackward0")


# Expansion. ----------------------------------------------------------------------------------------------------------


@op(host=lambda x, *, shape: np.broadcast_to(x, shape))
def expand(x, *, shape):
    return lax.broadcast_in_dim(x, shape, tuple(range(len(shape) - x.ndim, len(shape))))


@expand.grad("x")
def _(ct):
    return ct  # the engine sums a gradient over the dimensions in which its operand was broadcast


@expand.put
def _(base, value, *, shape):
    """Many positions stand for one element of the base: the one that was written (differs from the base) wins."""
    lead = len(shape) - base.ndim
    before = lax.broadcast_in_dim(base, shape, tuple(range(lead, len(shape))))
    folded = tuple(d for d, n in enumerate(shape) if d < lead or base.shape[d - lead] != n)
    if not value.size or not folded:
        return lax.reshape(value, base.shape) if value.size else base
    kept = tuple(d for d in range(len(shape)) if d not in folded)
    rows = math.prod(shape[d] for d in folded)
    columns = math.prod(shape[d] for d in kept)
    table = lax.reshape(lax.transpose(value, folded + kept), (rows, columns))
    differs = (value != before) & ~(is_nan(value) & is_nan(before))
    changed = lax.reshape(lax.transpose(differs, folded + kept), (rows, columns))
    place = lax.argmax(changed, 0, np.int32)
    return lax.reshape(jnp.take_along_axis(table, place[None, :], 0), base.shape)


# Blocks: run-time starts, static sizes and steps. --------------------------------------------------------------------


def _spans(shape: Any, dims: Any, sizes: Any, steps: Any) -> list[int]:
    """The extent of the block that holds every selected element, before the steps thin it out."""
    spans = list(shape)
    for d, n, step in zip(dims, sizes, steps, strict=True):
        spans[d] = (n - 1) * step + 1 if n else 0
    return spans


def _origin(rank: int, dims: Any, starts: Any) -> list[Any]:
    origin: list[Any] = [np.int64(0)] * rank
    for d, start in zip(dims, starts, strict=True):
        origin[d] = start
    return origin


def _take_block(x: Any, starts: Any, dims: Any, sizes: Any, steps: Any) -> Any:
    spans = _spans(x.shape, dims, sizes, steps)
    block = lax.dynamic_slice(x, _origin(x.ndim, dims, starts), spans, allow_negative_indices=False)
    if all(step == 1 for step in steps):
        return block
    strides = [1] * x.ndim
    for d, step in zip(dims, steps, strict=True):
        strides[d] = step
    return lax.slice(block, (0,) * x.ndim, spans, strides)


def _put_block(base: Any, value: Any, starts: Any, dims: Any, sizes: Any, steps: Any) -> Any:
    origin = _origin(base.ndim, dims, starts)
    if any(step != 1 for step in steps):
        holes = [(0, 0, 0)] * base.ndim
        for d, n, step in zip(dims, sizes, steps, strict=True):
            holes[d] = (0, 0, step - 1 if n else 0)
        spans = _spans(base.shape, dims, sizes, steps)
        block = lax.dynamic_slice(base, origin, spans, allow_negative_indices=False)
        chosen = lax.pad(lax.full(value.shape, True), np.False_, holes)
        value = jnp.where(chosen, lax.pad(value, np.zeros((), value.dtype), holes), block)
    return lax.dynamic_update_slice(base, value, origin, allow_negative_indices=False)


def _corner(x: Any, starts: Any, dims: Any, sizes: Any, steps: Any) -> tuple[slice, ...]:
    index = [slice(None)] * x.ndim
    for d, start, n, step in zip(dims, starts, sizes, steps, strict=True):
        index[d] = slice(int(start), int(start) + (n - 1) * step + 1 if n else int(start), step)
    return tuple(index)


def _block_op(name: str, node: str) -> Op:
    def forward(x, *starts: Index, dims, sizes, steps, shape):
        return lax.reshape(_take_block(x, starts, dims, sizes, steps), shape)

    def back(ct, starts, x_shape, dims, sizes, steps):
        return put(lax.full(x_shape, 0, ct.dtype), ct, *starts, dims=dims, sizes=sizes, steps=steps, shape=None)

    def put(base, value, *starts, dims, sizes, steps, shape):
        block = list(base.shape)
        for d, n in zip(dims, sizes, strict=True):
            block[d] = n
        return _put_block(base, lax.reshape(value, tuple(block)), starts, dims, sizes, steps)

    def host(x, *starts, dims, sizes, steps, shape):
        return x[_corner(x, starts, dims, sizes, steps)].reshape(shape)

    return _view_op(name, node, forward, back, put, host)


slice_ = _block_op("slice", "SliceBackward0")
select = _block_op("select", "SelectBackward0")
split = _block_op("split", "SplitBackward0")
unbind = _block_op("unbind", "UnbindBackward0")


# Diagonals and windows: fixed places. --------------------------------------------------------------------------------


def _diagonal_places(shape: Any, offset: int, dim1: int, dim2: int) -> tuple[Any, ...]:
    """The index of the diagonal in an array whose dim1 and dim2 were moved to the end."""
    length = max(min(shape[dim1] + min(offset, 0), shape[dim2] - max(offset, 0)), 0)
    along = np.arange(length)
    return (..., along + max(-offset, 0), along + max(offset, 0))


@op(host=lambda x, *, offset, dim1, dim2: np.diagonal(x, offset, dim1, dim2))
def diagonal(x, *, offset, dim1, dim2):
    return jnp.moveaxis(x, (dim1, dim2), (-2, -1))[_diagonal_places(x.shape, offset, dim1, dim2)]


def _diagonal_put(base, value, *, offset, dim1, dim2):
    moved = jnp.moveaxis(base, (dim1, dim2), (-2, -1))
    return jnp.moveaxis(moved.at[_diagonal_places(base.shape, offset, dim1, dim2)].set(value), (-2, -1), (dim1, dim2))


@diagonal.grad("x")
def _(ct, x_shape, offset, dim1, dim2):
    return _diagonal_put(jnp.zeros(x_shape, ct.dtype), ct, offset=offset, dim1=dim1, dim2=dim2)


diagonal.put(_diagonal_put)


def _window_places(length: int, size: int, step: int) -> Any:
    return np.arange(0, length - size + 1, step)[:, None] + np.arange(size)


@op
def unfold(x, *, dim, size, step):
    """Windows of `size` elements along a dimension, `step` apart, whose elements become the last dimension."""
    if not x.ndim:
        return jnp.broadcast_to(x, (size,))
    windows = jnp.take(x, _window_places(x.shape[dim], size, step), dim, mode="clip", unique_indices=False)
    return jnp.moveaxis(windows, dim + 1, -1)


@unfold.grad("x")
def _(ct, x_shape, dim, size, step):
    if not x_shape:
        return lax.reduce_sum(ct, (0,))
    places = _window_places(x_shape[dim], size, step)
    index = (slice(None),) * dim + (places,)
    return jnp.zeros(x_shape, ct.dtype).at[index].add(jnp.moveaxis(ct, -1, dim + 1))


@unfold.put
def _(base, value, *, dim, size, step):
    if not base.ndim:
        return value[-1]
    places = _window_places(base.shape[dim], size, step)
    before = (slice(None),) * dim
    if step >= size:
        return base.at[(*before, places)].set(jnp.moveaxis(value, -1, dim + 1))
    out = base
    for k in range(size):  # windows that share an element: the one that was written (differs from the base) wins
        place = (*before, places[:, k])
        out = out.at[place].set(jnp.where(value[..., k] != base[place], value[..., k], out[place]))
    return out


# Any strides. --------------------------------------------------------------------------------------------------------


def _places(size: tuple[int, ...], stride: tuple[int, ...], offset: Any, numbers: Any = jnp) -> Any:
    found = numbers.zeros(size, np.int64) + offset
    for dim, (n, step) in enumerate(zip(size, stride, strict=True)):
        found = found + (numbers.arange(n, dtype=np.int64) * step).reshape((-1,) + (1,) * (len(size) - dim - 1))
    return found


def _strided_on_host(x, *, size, stride, offset):
    return x.reshape(-1)[_places(size, stride, offset, np)]


@op(host=_strided_on_host)
def as_strided(x, *, size, stride, offset):
    """Elements of x, laid out row-major, at offset + sum of index * stride."""
    return x.reshape(-1)[_places(size, stride, offset)]


@as_strided.grad("x")
def _(ct, x_shape, size, stride, offset):
    return jnp.zeros(math.prod(x_shape), ct.dtype).at[_places(size, stride, offset)].add(ct).reshape(x_shape)


@as_strided.put
def _(base, value, *, size, stride, offset):
    return base.reshape(-1).at[_places(size, stride, offset)].set(value).reshape(base.shape)
