"""Max, average and adaptive average pooling over the trailing spatial dimensions.

Max pooling keeps the number of the tap (the place in the window) that won; its gradient lets every input place look at
the windows that reach it. XLA's own select-and-scatter is ten times slower on CPU.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import dim_text, require_float, size_text
from kilnn.ops.spec import op
from kilnn.ops.windows import out_size, pad, tap


def _lowest(dtype: Any) -> Any:
    kind = np.dtype(dtype).kind
    return np.asarray(np.iinfo(dtype).min if kind in "iu" else -np.inf, dtype)


@op(backward_name="MaxPool2DWithIndicesBackward0")
def max_pool(x, *, kernel, stride, padding, dilation):
    """(maxima, tap): over windows of the last dimensions; `tap` numbers the first place of the window that wins."""
    rank = len(kernel)
    out = out_size(x.shape[-rank:], kernel, stride, padding, dilation)
    padded = pad(x, padding, _lowest(x.dtype))
    taps = list(itertools.product(*(range(k) for k in kernel)))
    counter = np.int8 if len(taps) < 128 else np.int32
    best = tap(padded, taps[0], out, stride, dilation)
    winner = lax.full(best.shape, 0, counter)
    for number, place in enumerate(taps[1:], 1):
        rival = tap(padded, place, out, stride, dilation)
        wins = (rival > best) | (rival != rival)  # noqa: PLR0124 - NaN wins, as in PyTorch
        best = lax.select(wins, rival, best)
        winner = lax.select(wins, lax.full(best.shape, number, counter), winner)
    return best, winner


@max_pool.grad("x")
def _(ct, out1, x_shape, kernel, stride, padding, dilation):
    rank = len(kernel)
    lead = len(x_shape) - rank
    size = x_shape[lead:]
    # Padded place u = stride * q + phase; tap t of window o sits at o * stride + t * dilation = u.
    counts = [-(-(n + low) // s) for n, (low, _), s in zip(size, padding, stride, strict=True)]
    reach = [d * (k - 1) // s for d, k, s in zip(dilation, kernel, stride, strict=True)]
    around = [(0, 0, 0)] * lead
    around += [(r, c - o, 0) for r, c, o in zip(reach, counts, ct.shape[lead:], strict=True)]
    taps = lax.pad(out1, np.asarray(-1, out1.dtype), around)
    cts = lax.pad(ct, np.asarray(0, ct.dtype), around)
    steps = list(itertools.product(*(range(k) for k in kernel)))

    def phase(wanted: tuple[int, ...]) -> Any:
        total = None
        for number, place in enumerate(steps):
            far = [p * d for p, d in zip(place, dilation, strict=True)]
            if any((f - w) % s for f, w, s in zip(far, wanted, stride, strict=True)):
                continue
            start = [0] * lead + [r - f // s for r, f, s in zip(reach, far, stride, strict=True)]
            stop = list(x_shape[:lead]) + [a + c for a, c in zip(start[lead:], counts, strict=True)]
            here = lax.slice(taps, start, stop) == number
            part = lax.slice(cts, start, stop)
            part = lax.select(here, part, lax.full_like(part, 0))
            total = part if total is None else total + part
        return lax.full((*x_shape[:lead], *counts), 0, ct.dtype) if total is None else total

    def weave(fixed: tuple[int, ...]) -> Any:
        """Interleave the phases of dimension len(fixed) and all after it."""
        axis = len(fixed)
        if axis == rank:
            return phase(fixed)
        parts = [weave((*fixed, p)) for p in range(stride[axis])]
        if len(parts) == 1:
            return parts[0]
        at = lead + axis + 1
        joined = lax.concatenate([lax.expand_dims(p, (at,)) for p in parts], at)
        shape = (*joined.shape[: at - 1], joined.shape[at - 1] * joined.shape[at], *joined.shape[at + 1 :])
        return lax.reshape(joined, shape)

    woven = weave(())
    start = [0] * lead + [low for low, _ in padding]
    return lax.slice(woven, start, [a + n for a, n in zip(start, x_shape, strict=True)])


@max_pool.validate
def _(x, *, kernel, stride, padding, dilation):
    rank = len(kernel)
    _check_rank("max_pool", x, rank)
    out = out_size(x.shape[-rank:], kernel, stride, padding, dilation)
    if min(out) <= 0:
        _too_small(x.shape[-rank - 1 :], x.shape[-rank - 1 : -rank] + out)


def _check_rank(name: str, x: Any, rank: int) -> None:
    if len(x.shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{name}{rank}d: Expected {rank + 1}D or {rank + 2}D (batch mode) tensor for input, "
            f"but got input of size: {size_text(x.shape)}"
        )


def _too_small(given: Any, computed: Any) -> None:
    raise RuntimeError(
        f"Given input size: {dim_text(given).replace(' ', '')}. Calculated output size: "
        f"{dim_text(computed).replace(' ', '')}. Output size is too small"
    )


@op
def max_pool_indices(tap, *, kernel, stride, padding, dilation, size):
    """The place of each maximum as PyTorch counts it: row-major within the unpadded spatial dimensions `size`."""
    rank = len(kernel)
    rest = lax.convert_element_type(tap, np.int64)
    flat = None
    factor = 1
    for axis in reversed(range(rank)):
        at = rest % kernel[axis]
        rest = rest // kernel[axis]
        window = lax.broadcasted_iota(np.int64, tap.shape, tap.ndim - rank + axis)
        place = window * stride[axis] - padding[axis][0] + at * dilation[axis]
        flat = place * factor if flat is None else flat + place * factor
        factor *= size[axis]
    return flat


def _window_sum(x: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    """Sums over windows as shifted adds: faster than XLA's reduce_window on CPU."""
    rank = len(kernel)
    out = out_size(x.shape[-rank:], kernel, stride, padding, (1,) * rank)
    padded = pad(x, padding, np.asarray(0, x.dtype))
    total = None
    for place in itertools.product(*(range(k) for k in kernel)):
        part = tap(padded, place, out, stride, (1,) * rank)
        total = part if total is None else total + part
    return total


def _divisors(size: Any, kernel: Any, stride: Any, padding: Any, include_pad: bool, fixed: int | None) -> Any:
    """What each window's sum is divided by: a number, or an array where padding or the border is not counted."""
    if fixed is not None:
        return np.float64(fixed)
    counts = []
    for n, k, s, (low, high) in zip(size, kernel, stride, padding, strict=True):
        starts = np.arange((n + low + high - k) // s + 1) * s - low
        # `high` beyond `low` is ceil_mode's extra border, which PyTorch never counts.
        ends = np.minimum(starts + k, n + low)
        if not include_pad:
            starts, ends = np.maximum(starts, 0), np.minimum(ends, n)
        counts.append((ends - starts).astype(np.float64))
    if all((c == c[0]).all() for c in counts):
        return np.float64(np.prod([c[0] for c in counts]))
    total = counts[0]
    for c in counts[1:]:
        total = total[..., None] * c
    return total


@op(backward_name="AvgPool2DBackward0")
def avg_pool(x, *, kernel, stride, padding, count_include_pad, divisor):
    """Means of windows of the last dimensions; `padding` holds (low, high) pairs, high > low under ceil_mode."""
    count = _divisors(x.shape[-len(kernel) :], kernel, stride, padding, count_include_pad, divisor)
    total = _window_sum(x, kernel, stride, padding)
    if x.dtype == np.int64:
        return lax.div(total, jnp.broadcast_to(np.asarray(count, x.dtype), total.shape))  # towards zero
    return total * np.asarray(1 / count, x.dtype)


@avg_pool.grad("x", frees=True)
def _(ct, x_shape, kernel, stride, padding, count_include_pad, divisor):
    rank = len(kernel)
    lead = len(x_shape) - rank
    count = _divisors(x_shape[lead:], kernel, stride, padding, count_include_pad, divisor)
    share = ct * np.asarray(1 / count, ct.dtype)
    zero = np.asarray(0, ct.dtype)
    # Every window spreads its share over its places: dilate by the stride, pad, add up all shifts of the kernel.
    around = [(0, 0, 0)] * lead
    for n, k, s, (low, _), o in zip(x_shape[lead:], kernel, stride, padding, ct.shape[lead:], strict=True):
        around.append((k - 1 - low, n + low - ((o - 1) * s + 1), s - 1))
    return _window_sum(lax.pad(share, zero, around), kernel, (1,) * rank, ((0, 0),) * rank)


@avg_pool.validate
def _(x, *, kernel, stride, padding, count_include_pad, divisor):
    rank = len(kernel)
    _check_rank("avg_pool", x, rank)
    if x.dtype != np.int64:
        require_float(f"avg_pool{rank}d", x)
    out = out_size(x.shape[-rank:], kernel, stride, padding, (1,) * rank)
    if min(out) <= 0:
        _too_small(x.shape[-rank - 1 :], x.shape[-rank - 1 : -rank] + out)


def _averages(size: int, out: int, dtype: Any) -> Any:
    """(out, size): row i averages the places i * size // out to ceil((i + 1) * size / out)."""
    matrix = np.zeros((out, size), dtype)
    for i in range(out):
        start, stop = i * size // out, -(-(i + 1) * size // out)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


@op(backward_name="AdaptiveAvgPool2DBackward0")
def adaptive_avg_pool(x, *, size):
    """Means over windows chosen so that the last dimensions become `size`."""
    rank = len(size)
    lead = x.ndim - rank
    if all(n % o == 0 for n, o in zip(x.shape[lead:], size, strict=True)):
        split = [(o, n // o) for n, o in zip(x.shape[lead:], size, strict=True)]
        parts = lax.reshape(x, (*x.shape[:lead], *(k for pair in split for k in pair)))
        total = lax.reduce_sum(parts, tuple(lead + 1 + 2 * i for i in range(rank)))
        return total * np.asarray(1 / np.prod([b for _, b in split]), x.dtype)
    for axis in range(rank):
        # Contracting dimension `lead` and appending the new one leaves the dimensions in order at the end.
        x = lax.dot_general(x, _averages(x.shape[lead], size[axis], x.dtype), (((lead,), (1,)), ((), ())))
    return x


@adaptive_avg_pool.grad("x", frees=True)
def _(ct, x_shape, size):
    rank = len(size)
    lead = len(x_shape) - rank
    if all(n % o == 0 for n, o in zip(x_shape[lead:], size, strict=True)):
        split = [(o, n // o) for n, o in zip(x_shape[lead:], size, strict=True)]
        wide = (*x_shape[:lead], *(k for pair in split for k in pair))
        share = ct * np.asarray(1 / np.prod([b for _, b in split]), ct.dtype)
        keep = (*range(lead), *(lead + 2 * i for i in range(rank)))
        return lax.reshape(lax.broadcast_in_dim(share, wide, keep), x_shape)
    for axis in range(rank):
        ct = lax.dot_general(ct, _averages(x_shape[lead + axis], size[axis], ct.dtype), (((lead,), (0,)), ((), ())))
    return ct


@adaptive_avg_pool.validate
def _(x, *, size):
    rank = len(size)
    if len(x.shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"adaptive_avg_pool{rank}d(): Expected {rank + 1}D or {rank + 2}D tensor, but got {size_text(x.shape)}"
        )
    require_float(f"adaptive_avg_pool{rank}d", x)
