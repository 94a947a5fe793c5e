"""Sliding windows over the trailing dimensions: sizes, padding, and one place of all windows at a time."""

from __future__ import annotations

from typing import Any

from jax import lax


def out_size(size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> tuple[int, ...]:
    """How many windows fit; padding holds (low, high) pairs."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def pad(x: Any, padding: Any, value: Any) -> Any:
    """x with `value` around its last dimensions."""
    if not any(low or high for low, high in padding):
        return x
    lead = x.ndim - len(padding)
    return lax.pad(x, value, ((0, 0, 0),) * lead + tuple((low, high, 0) for low, high in padding))


def tap(x: Any, place: Any, out: Any, stride: Any, dilation: Any) -> Any:
    """The elements of (padded) x that `place` of every window sees."""
    lead = x.ndim - len(out)
    start = [0] * lead + [p * d for p, d in zip(place, dilation, strict=True)]
    stop = list(x.shape[:lead])
    stop += [a + (o - 1) * s + 1 for a, o, s in zip(start[lead:], out, stride, strict=True)]
    return lax.slice(x, start, stop, (1,) * lead + tuple(stride))
