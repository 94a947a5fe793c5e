"""Resampling along dimensions by tables made when compiling, and at places given by a tensor.

Every output of `resample` is a weighted sum of a few inputs. Place and weight of each are known when compiling; so is
the transposed table, by which gradients are sums of a few reads too instead of scattered writes.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import is_half, require_float, size_text, type_name, wide
from kilnn.ops.spec import op


def _cubic(x: Any, a: float) -> Any:
    """Keys' kernel: 1 at 0, 0 at the other whole numbers and beyond 2."""
    x = abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return (x < 1) * near + ((x >= 1) & (x < 2)) * far


_FILTERS: dict[str, Any] = {
    "linear": (2, lambda x: np.maximum(1 - abs(x), 0)),
    "cubic": (4, lambda x: _cubic(x, -0.5)),
    "lanczos": (6, lambda x: np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)),
}


@lru_cache(maxsize=256)
def _table(n: int, out: int, scale: float | None, mode: str, align: bool, antialias: bool, dtype: Any) -> Any:
    """(places, weights), each (out, taps), of one dimension of n places; computed in `dtype`, as PyTorch does."""
    real = dtype.type
    at = np.arange(out)
    if mode in ("nearest", "nearest-exact"):
        step = np.float32(1 / scale) if scale else np.float32(n) / np.float32(out)
        middle = np.float32(0.5 if mode == "nearest-exact" else 0)
        places = np.minimum(((at.astype(np.float32) + middle) * step).astype(np.int64), n - 1)[:, None]
        return places, np.ones_like(places, dtype)
    if align:
        step = real((n - 1) / (out - 1)) if out > 1 else real(0)
    else:
        step = real(1 / scale) if scale else real(n) / real(out)
    if antialias:
        return _smoothed(n, out, float(step), mode, dtype)
    if n == out and (align or not scale):
        return at[:, None], np.ones((out, 1), dtype)
    source = at.astype(dtype) * step if align else step * (at.astype(dtype) + real(0.5)) - real(0.5)
    if mode == "linear":
        source = np.maximum(source, 0)
        first = np.minimum(source.astype(np.int64), n - 1)
        share = np.clip(source - first, 0, 1).astype(dtype)
        return np.stack([first, np.minimum(first + 1, n - 1)], 1), np.stack([1 - share, share], 1)
    first = np.floor(source).astype(np.int64)
    offsets = np.arange(-1, 3)
    weights = _cubic((source - first)[:, None] - offsets, -0.75).astype(dtype)
    return np.clip(first[:, None] + offsets, 0, n - 1), weights


def _smoothed(n: int, out: int, step: float, mode: str, dtype: Any) -> Any:
    """The table whose kernel is as wide as the step when shrinking, so that no place is skipped."""
    width, kernel = _FILTERS[mode]
    stretch = max(step, 1.0)
    support = width * 0.5 * stretch
    middle = step * (np.arange(out) + 0.5)
    first = np.maximum((middle - support + 0.5).astype(np.int64), 0)
    stop = np.minimum((middle + support + 0.5).astype(np.int64), n)
    taps = np.arange(max(int((stop - first).max()), 1))
    places = first[:, None] + taps
    weights = kernel((places - middle[:, None] + 0.5) / stretch) * (places < stop[:, None])
    weights = weights / weights.sum(1, keepdims=True)
    return np.minimum(places, n - 1), weights.astype(dtype)


@lru_cache(maxsize=256)
def _transposed(n: int, *key: Any) -> Any:
    """The table (places, weights), each (n, taps), of the transposed map: which outputs each input goes to."""
    places, weights = _table(n, *key)
    used: list[dict[int, Any]] = [{} for _ in range(n)]
    for target, (row, shares) in enumerate(zip(places, weights, strict=True)):
        for place, share in zip(row, shares, strict=True):
            if share:
                used[place][target] = used[place].get(target, 0) + share
    taps = max(1, *(len(u) for u in used))
    back, shares = np.zeros((n, taps), np.int64), np.zeros((n, taps), weights.dtype)
    for place, found in enumerate(used):
        back[place, : len(found)] = list(found)
        shares[place, : len(found)] = list(found.values())
    return back, shares


def _read(x: Any, axis: int, places: Any) -> Any:
    """x at `places` (known when compiling) of one dimension: a slice or repetition where they are one."""
    n, out = x.shape[axis], len(places)
    if out and n and out % n == 0 and (places == np.repeat(np.arange(n), out // n)).all():
        return x if out == n else jnp.repeat(x, out // n, axis)
    steps = np.diff(places)
    if out > 1 and (steps == steps[0]).all() and steps[0] > 0:
        return lax.slice_in_dim(x, int(places[0]), int(places[-1]) + 1, int(steps[0]), axis)
    return jnp.take(x, places, axis, mode="clip")


def _apply(x: Any, axis: int, table: Any) -> Any:
    places, weights = table
    if places.shape[1] == 1 and (weights == 1).all():
        return _read(x, axis, places[:, 0])
    total = None
    for k in range(places.shape[1]):
        share = lax.broadcast_in_dim(
            jnp.asarray(weights[:, k], x.dtype), (len(places),) + (1,) * (x.ndim - 1 - axis), (0,)
        )
        part = _read(x, axis, places[:, k]) * share
        if (weights[:, k] == 0).any():
            part = jnp.where(share == 0, jnp.zeros((), x.dtype), part)  # a place without weight may hold inf or NaN
        total = part if total is None else total + part
    return total


def _keys(size: Any, scales: Any, mode: str, align: bool, antialias: bool, dtype: Any) -> Any:
    real = np.dtype(np.float64 if dtype == np.float64 else np.float32)
    given = scales if scales is not None else (None,) * len(size)
    return [(o, s, mode, align, antialias, real) for o, s in zip(size, given, strict=True)]


@op(backward_name="UpsampleBackward0")
def resample(x, *, size, scales, mode, align, antialias):
    """x with its last dimensions of `size`; `scales` are the factors the user gave, or None."""
    lead = x.ndim - len(size)
    values = x if mode.startswith("nearest") else x.astype(np.float32) if x.dtype == np.uint8 else wide(x)
    for k, key in reversed(list(enumerate(_keys(size, scales, mode, align, antialias, x.dtype)))):
        values = _apply(values, lead + k, _table(x.shape[lead + k], *key))
    if x.dtype == np.uint8:
        values = jnp.clip(jnp.round(values), 0, 255)
    return values.astype(x.dtype)


@resample.grad("x", frees=True)
def _(ct, x_shape, size, scales, mode, align, antialias):
    lead = len(x_shape) - len(size)
    values = wide(ct)
    for k, key in enumerate(_keys(size, scales, mode, align, antialias, ct.dtype)):
        values = _apply(values, lead + k, _transposed(x_shape[lead + k], *key))
    return values.astype(ct.dtype)


@resample.validate
def _(x, *, size, scales, mode, align, antialias):
    if min(x.shape[2:]) <= 0 or min(size) <= 0:
        raise RuntimeError(
            "Input and output sizes should be greater than 0, but got input "
            f"{size_text(x.shape[2:])} output {size_text(size)}"
        )
    if x.shape[1] == 0:
        raise RuntimeError(
            f"Non-empty {len(x.shape)}D data tensor expected but got a tensor with sizes {size_text(x.shape)}"
        )
    if x.dtype != np.uint8:
        require_float("upsample_" + mode, x)


def _unnormalized(coordinate: Any, n: int, align: bool) -> Any:
    """From [-1, 1] to places [0, n - 1]."""
    if align:
        return (coordinate + 1) / 2 * (n - 1)
    return ((coordinate + 1) * n - 1) / 2


def _mirrored(x: Any, low: float, high: float) -> Any:
    """x reflected at low and high until it lies between them."""
    span = high - low
    if span == 0:
        return jnp.zeros_like(x)
    far = jnp.abs(x - low)
    turns = jnp.floor(far / span)
    rest = far - turns * span
    return jnp.where(turns % 2 == 0, rest + low, span - rest + low)


def _inside(x: Any, n: int, padding: str, align: bool) -> Any:
    """Places as the padding mode moves them."""
    if padding == "reflection":
        x = _mirrored(x, 0.0, n - 1.0) if align else _mirrored(x, -0.5, n - 0.5)
    if padding != "zeros":
        x = jnp.where(x > 0, jnp.where(x < n - 1, x, jnp.asarray(n - 1, x.dtype)), jnp.zeros_like(x))
    return x


@op(backward_name="GridSampler2DBackward0", half="upcast")
def grid_sample(x, grid, *, mode, padding, align):
    """x (N, C, *places) at grid (N, *out, rank), coordinates in [-1, 1], the last dimension of x first."""
    rank = grid.shape[-1]
    batch, channels, sizes = x.shape[0], x.shape[1], x.shape[2:]
    out = grid.shape[1:-1]
    rows = jnp.moveaxis(
        x.reshape(batch, channels, math.prod(sizes)), 1, 2
    )  # (N, places, C): one read takes all channels
    points = grid.reshape(batch, math.prod(out), rank)
    at = [_unnormalized(points[:, :, rank - 1 - k], n, align) for k, n in enumerate(sizes)]
    if mode != "bicubic":
        at = [_inside(a, n, padding, align) for a, n in zip(at, sizes, strict=True)]
    taps = []  # for each dimension: pairs of places (real numbers) and weights
    for a in at:
        if mode == "nearest":
            taps.append([(lax.stop_gradient(jnp.round(a)), None)])
            continue
        first = lax.stop_gradient(jnp.floor(a))
        share = a - first
        if mode == "bilinear":
            taps.append([(first, 1 - share), (first + 1, share)])
        else:
            taps.append([(first + o, _cubic(share - o, -0.75)) for o in range(-1, 3)])
    total: Any = 0
    for choice in itertools.product(*taps):
        flat: Any = 0
        weight: Any = None
        seen: Any = True
        for (place, share), n in zip(choice, sizes, strict=True):
            at_place = _inside(place, n, padding, align) if mode == "bicubic" else place
            seen = seen & (at_place >= 0) & (at_place <= n - 1)
            flat = flat * n + jnp.clip(jnp.nan_to_num(at_place), 0, n - 1).astype(np.int32)
            if share is not None:
                weight = share if weight is None else weight * share
        values = jax.vmap(lambda r, i: r[i])(rows, flat)
        values = jnp.where(seen[:, :, None], values, 0)
        total = total + (values if weight is None else values * weight[:, :, None])
    return jnp.moveaxis(total, 2, 1).reshape(batch, channels, *out)


grid_sample.grad_by_vjp("x", "grid")


@grid_sample.validate
def _(x, grid, *, mode, padding, align):
    rank = len(x.shape) - 2
    if rank not in (2, 3) or len(grid.shape) != len(x.shape):
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{size_text(x.shape)} and grid with sizes {size_text(grid.shape)}"
        )
    if x.shape[0] != grid.shape[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{size_text(x.shape)} and grid with sizes {size_text(grid.shape)}"
        )
    if grid.shape[-1] != rank:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {rank} in last dimension, but got grid with sizes "
            f"{size_text(grid.shape)}"
        )
    if 0 in x.shape[1:]:
        raise RuntimeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
            f"{size_text(x.shape)}"
        )
    if mode == "bicubic" and rank != 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if grid.dtype != x.dtype:
        raise RuntimeError(
            f"grid_sampler(): expected input and grid to have same dtype, but input has {type_name(x.dtype)} and grid "
            f"has {type_name(grid.dtype)}"
        )
    if not is_half(x.dtype):
        require_float("grid_sampler", x)
