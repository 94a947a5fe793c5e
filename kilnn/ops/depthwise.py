"""Depthwise convolution (one filter for each channel) as a sum over the filter's places.

XLA's grouped convolution on CPU is 10 to 50 times slower than this; on other platforms the convolution is kept.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from jax import lax

from kilnn.ops.windows import out_size, pad, tap


def fits(w: Any, groups: int) -> bool:
    """Whether w (groups, 1, ...) has one filter for each channel."""
    return bool(groups > 1 and w.shape[0] == groups and w.shape[1] == 1)


def _places(kernel: Any) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(k) for k in kernel)))


def _filter(w: Any, place: Any, shape: Any) -> Any:
    """The number of each channel's filter at `place`, over `shape`."""
    start = (0, 0, *place)
    stop = (w.shape[0], 1, *(p + 1 for p in place))
    return lax.broadcast_in_dim(lax.reshape(lax.slice(w, start, stop), (w.shape[0],)), shape, (1,))


def _sum_of_taps(x: Any, w: Any, out: Any, stride: Any, dilation: Any, places: Any) -> Any:
    total = None
    for place, source in places:
        part = tap(x, source, out, stride, dilation)
        part = part * _filter(w, place, part.shape)
        total = part if total is None else total + part
    return total


def forward(x: Any, w: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    kernel = w.shape[2:]
    out = out_size(x.shape[2:], kernel, stride, padding, dilation)
    places = [(p, p) for p in _places(kernel)]
    return _sum_of_taps(pad(x, padding, np.zeros((), x.dtype)), w, out, stride, dilation, places)


def to_input(ct: Any, w: Any, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """The transpose with respect to x of spatial size `size`: ct stretched by the stride, the filter turned round."""
    kernel = w.shape[2:]
    around = [(0, 0, 0), (0, 0, 0)]
    for n, k, s, d, (low, _), o in zip(size, kernel, stride, dilation, padding, ct.shape[2:], strict=True):
        around.append((d * (k - 1) - low, n + low - ((o - 1) * s + 1), s - 1))
    stretched = lax.pad(ct, np.zeros((), ct.dtype), around)
    places = [(tuple(k - 1 - q for k, q in zip(kernel, p, strict=True)), p) for p in _places(kernel)]
    return _sum_of_taps(stretched, w, tuple(size), (1,) * len(kernel), dilation, places)


def to_weight(ct: Any, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """The transpose with respect to w: one sum of products for each place."""
    padded = pad(x, padding, np.zeros((), x.dtype))
    axes = (0, *range(2, ct.ndim))
    sums = []
    for place in _places(kernel):
        seen = tap(padded, place, ct.shape[2:], stride, dilation)
        sums.append(lax.expand_dims(lax.reduce_sum(seen * ct, axes), (1,)))
    return lax.reshape(lax.concatenate(sums, 1), (x.shape[1], 1, *kernel))
