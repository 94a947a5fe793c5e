"""Pooling over windows on no grid (adaptive and fractional maxima), and the way back from indices of maxima."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import require_float, size_text
from kilnn.ops.spec import op


def _flat(x: Any, rank: int) -> Any:
    """x (..., *places) as (rows, places)."""
    places = math.prod(x.shape[x.ndim - rank :])
    return lax.reshape(x, (math.prod(x.shape[: x.ndim - rank]), places))


def _put(values: Any, indices: Any, shape: Any, rank: int) -> Any:
    """Zeros of `shape` with `values` added at `indices`, numbers within the last `rank` dimensions."""
    flat = _flat(values, rank)
    where = _flat(indices, rank)
    rows = lax.broadcasted_iota(where.dtype, where.shape, 0)
    zeros = jnp.zeros((flat.shape[0], math.prod(shape[len(shape) - rank :])), values.dtype)
    return lax.reshape(zeros.at[rows, where].add(flat, mode="drop"), tuple(shape))


def _take(x: Any, indices: Any, rank: int) -> Any:
    """The elements of x at `indices`, numbers within its last `rank` dimensions."""
    found = jnp.take_along_axis(_flat(x, rank), _flat(indices, rank), 1, mode="clip")
    return lax.reshape(found, indices.shape)


def _maxima(x: Any, places: Any, out: tuple[int, ...]) -> tuple[Any, Any]:
    """(maxima, their places): `places` (..., out places, window) are numbers within the last dimensions of x."""
    rank = len(out)
    lead = x.shape[: x.ndim - rank]
    flat = _flat(x, rank)
    rows = flat.shape[0]
    outs, windows = places.shape[-2:]
    where = jnp.broadcast_to(places, (rows, outs, windows)).reshape(rows, outs * windows)
    seen = jnp.take_along_axis(flat, where, 1, mode="clip").reshape(rows, outs, windows)
    best = jnp.argmax(seen, axis=-1)[..., None]  # the first of equal maxima; NaN is the largest
    maxima = jnp.take_along_axis(seen, best, -1)
    number = jnp.take_along_axis(where.reshape(rows, outs, windows), best, -1)
    shape = (*lead, *out)
    return maxima.reshape(shape), number.astype(np.int64).reshape(shape)


def _joined(axes: Any, sizes: Any) -> Any:
    """From places in each dimension, (..., out, window) each, to numbers (..., all out, all windows)."""
    rank = len(axes)
    total: Any = None
    for k, places in enumerate(axes):
        lead = places.shape[:-2]
        wide = [1] * (2 * rank)
        wide[k], wide[rank + k] = places.shape[-2:]
        part = places.reshape((*lead, *wide))
        total = part if total is None else total * sizes[k] + part
    lead = total.shape[: total.ndim - 2 * rank]
    outs, windows = total.shape[len(lead) : len(lead) + rank], total.shape[len(lead) + rank :]
    return total.reshape((*lead, math.prod(outs), math.prod(windows)))


@op(backward_name="AdaptiveMaxPool2DBackward0")
def adaptive_max_pool(x, *, size):
    """(maxima, indices) over windows chosen so that the last dimensions become `size`."""
    axes = []
    for n, o in zip(x.shape[x.ndim - len(size) :], size, strict=True):
        starts = np.arange(o) * n // o
        stops = -(-(np.arange(o) + 1) * n // o)
        window = np.arange(max((stops - starts).max(initial=1), 1))
        # A short window sees its last place more than once, which changes no maximum.
        axes.append(np.minimum(starts[:, None] + window, np.maximum(stops, 1)[:, None] - 1))
    return _maxima(x, _joined(axes, x.shape[x.ndim - len(size) :]), tuple(size))


@adaptive_max_pool.grad("x")
def _(ct0, x, out1, size):
    return _put(ct0, out1, x.shape, len(size))


@adaptive_max_pool.validate
def _(x, *, size):
    rank = len(size)
    if len(x.shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"adaptive_max_pool{rank}d(): Expected {rank + 1}D or {rank + 2}D tensor, but got: {size_text(x.shape)}"
        )
    if 0 in x.shape[-rank:]:
        raise RuntimeError(
            f"adaptive_max_pool{rank}d(): Expected input to have non-zero size for non-batch dimensions, but input has "
            f"sizes {size_text(x.shape)}"
        )
    require_float(f"adaptive_max_pool{rank}d", x)


@op(backward_name="FractionalMaxPool2DBackward0")
def fractional_max_pool(x, samples, *, kernel, size):
    """(maxima, indices) of windows whose steps are drawn: `samples` (N, C, rank) are uniform numbers in [0, 1)."""
    rank = len(size)
    spatial = x.shape[x.ndim - rank :]
    rows = math.prod(x.shape[: x.ndim - rank])
    draws = lax.reshape(samples, (rows, rank))
    axes = []
    for k in range(rank):
        n, o, w = spatial[k], size[k], kernel[k]
        sample = draws[:, rank - 1 - k if rank == 2 else k][:, None]  # an image's width is drawn first
        if o > 1:
            alpha = np.asarray((n - w) / (o - 1), samples.dtype)
            steps = np.arange(o - 1, dtype=samples.dtype)
            first = jnp.trunc((steps + sample) * alpha) - jnp.trunc(sample * alpha)
            starts = jnp.concatenate([first.astype(np.int64), jnp.full((rows, 1), n - w, np.int64)], 1)
        else:
            starts = jnp.full((rows, 1), n - w, np.int64)
        axes.append(starts[:, :, None] + np.arange(w))
    return _maxima(x, _joined(axes, spatial), tuple(size))


@fractional_max_pool.grad("x")
def _(ct0, x, out1, kernel, size):
    return _put(ct0, out1, x.shape, len(size))


@fractional_max_pool.validate
def _(x, samples, *, kernel, size):
    rank = len(size)
    name = f"fractional_max_pool{rank}d()"
    if len(x.shape) not in (rank + 1, rank + 2):
        raise RuntimeError(f"{name}: Expected {rank + 1}D or {rank + 2}D tensor, but got: {size_text(x.shape)}")
    for n, o, w in zip(x.shape[-rank:], size, kernel, strict=True):
        if o + w - 1 > n - (rank == 3):  # PyTorch wants one place to spare in volumes
            raise RuntimeError(f"{name}: pool size {w} too large relative to input size {n} and output size {o}")
    if samples.dtype != x.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    if math.prod(samples.shape) != math.prod(x.shape[:-rank]) * rank:
        raise RuntimeError(f"Expect _random_samples of {rank} numbers for each channel; got {size_text(samples.shape)}")
    require_float(f"fractional_max_pool{rank}d", x)


@op(backward_name="MaxUnpool2DBackward0")
def max_unpool(x, indices, *, size):
    """Zeros, the last dimensions of `size`, with x at `indices`."""
    rank = len(size)
    flat = _flat(x, rank)
    where = _flat(indices, rank)
    rows = lax.broadcasted_iota(where.dtype, where.shape, 0)
    zeros = jnp.zeros((flat.shape[0], math.prod(size)), x.dtype)
    return lax.reshape(zeros.at[rows, where].set(flat, mode="drop"), (*x.shape[: x.ndim - rank], *size))


@max_unpool.grad("x")
def _(ct, indices, size):
    return _take(ct, indices, len(size))


@max_unpool.check(RuntimeError, "Found an invalid max index: {value} (output volumes are of size {size})")
def _(indices, size):
    return (indices < 0) | (indices >= math.prod(size)), indices


@max_unpool.validate
def _(x, indices, *, size):
    rank = len(size)
    if len(x.shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Input to max_unpooling{rank}d should be a {rank + 1}d or {rank + 2}d Tensor, "
            f"but got a tensor with {len(x.shape)} dims."
        )
    if tuple(x.shape) != tuple(indices.shape):
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({size_text(x.shape)}) "
            f"but got indices tensor with shape: {size_text(indices.shape)}"
        )
    if np.dtype(indices.dtype).name != "int64":
        raise RuntimeError(f"elements in indices should be type int64 but got: {np.dtype(indices.dtype).name}")
