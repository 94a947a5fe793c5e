"""Sliding windows laid out as columns, and columns added up to an image."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from jax import lax

from kilnn.ops.checks import require_float, size_text
from kilnn.ops.spec import op
from kilnn.ops.windows import out_size, pad, tap


def _columns(x: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """(N, C, H, W) as (N, C * places, windows)."""
    pairs = tuple((p, p) for p in padding)
    out = out_size(x.shape[-2:], kernel, stride, pairs, dilation)
    padded = pad(x, pairs, np.asarray(0, x.dtype))
    places = itertools.product(*(range(k) for k in kernel))
    parts = [lax.expand_dims(tap(padded, place, out, stride, dilation), (2,)) for place in places]
    joined = lax.concatenate(parts, 2)  # (N, C, places, *out)
    return lax.reshape(joined, (x.shape[0], x.shape[1] * len(parts), out[0] * out[1]))


def _image(columns: Any, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """(N, C * places, windows) as (N, C, *size), overlaps added: the transposed map of `_columns`."""
    pairs = tuple((p, p) for p in padding)
    out = out_size(size, kernel, stride, pairs, dilation)
    places = list(itertools.product(*(range(k) for k in kernel)))
    channels = columns.shape[1] // len(places)
    parts = lax.reshape(columns, (columns.shape[0], channels, len(places), *out))
    zero = np.asarray(0, columns.dtype)
    total: Any = None
    for number, place in enumerate(places):
        around = [(0, 0, 0), (0, 0, 0)]
        for at, d, s, p, o, n in zip(place, dilation, stride, padding, out, size, strict=True):
            low = at * d - p  # negative numbers cut off what lies in the padding
            around.append((low, n - low - ((o - 1) * s + 1), s - 1))
        part = lax.pad(lax.index_in_dim(parts, number, 2, keepdims=False), zero, around)
        total = part if total is None else total + part
    return total


@op(backward_name="Im2ColBackward0")
def unfold_windows(x, *, kernel, dilation, padding, stride):
    """Each window of (N, C, H, W) as a column: (N, C * places, windows)."""
    return _columns(x, kernel, dilation, padding, stride)


@unfold_windows.grad("x", frees=True)
def _(ct, x_shape, kernel, dilation, padding, stride):
    return _image(ct, x_shape[2:], kernel, dilation, padding, stride)


@unfold_windows.validate
def _(x, *, kernel, dilation, padding, stride):
    if len(x.shape) != 4 or 0 in x.shape[1:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {size_text(x.shape)}"
        )
    out = out_size(x.shape[2:], kernel, stride, tuple((p, p) for p in padding), dilation)
    if min(out) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(x.shape[2:])}, kernel_size={tuple(kernel)}, "
            f"dilation={tuple(dilation)}, padding={tuple(padding)}, calculated shape of the array of sliding blocks as "
            f"{out}, but its components must be at least one."
        )
    if x.dtype != np.bool_:
        require_float("im2col", x)


@op(backward_name="Col2ImBackward0")
def fold_windows(x, *, size, kernel, dilation, padding, stride):
    """Columns (N, C * places, windows) added up to (N, C, *size)."""
    return _image(x, size, kernel, dilation, padding, stride)


@fold_windows.grad("x", frees=True)
def _(ct, size, kernel, dilation, padding, stride):
    return _columns(ct, kernel, dilation, padding, stride)


@fold_windows.validate
def _(x, *, size, kernel, dilation, padding, stride):
    places = int(np.prod(kernel))
    if len(x.shape) != 3 or 0 in x.shape[1:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {size_text(x.shape)}"
        )
    if x.shape[1] % places:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={x.shape[1]} and kernel_size={tuple(kernel)}."
        )
    out = out_size(size, kernel, stride, tuple((p, p) for p in padding), dilation)
    if min(out) < 1 or out[0] * out[1] != x.shape[2]:
        raise RuntimeError(
            f"Given output_size={tuple(size)}, kernel_size={tuple(kernel)}, dilation={tuple(dilation)}, "
            f"padding={tuple(padding)}, stride={tuple(stride)}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {out[0]} * {out[1]} = {out[0] * out[1]}, "
            f"but got input.size(2)={x.shape[2]}."
        )
    require_float("col2im", x)
