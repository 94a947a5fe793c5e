"""Sequences of different lengths: rows moved between the padded and the packed order, and padding a list."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.indexing import take
from kilnn.ops.spec import Scalar, op


def _take_rows_on_host(x: Any, source: Any, target: Any, fill: Any) -> Any:
    rows = x.reshape(-1, *x.shape[target.ndim :])
    out = rows[np.maximum(source, 0)]
    out[source < 0] = np.asarray(fill).astype(x.dtype)
    return out


@op(host=_take_rows_on_host)
def take_rows(x, source, target, fill: Scalar = 0.0):
    """x's leading dimensions, counted as rows, in the order `source`; -1 gives a row of `fill`. `target` is the way
    back: it has the shape of x's leading dimensions and says where each of its rows went, or -1."""
    rest = x.shape[target.ndim :]
    rows = lax.reshape(x, (math.prod(target.shape), *rest))
    out = take(rows, (source,), (0,))
    there = lax.broadcast_in_dim(source >= 0, out.shape, tuple(range(source.ndim)))
    return jnp.where(there, out, lax.convert_element_type(fill, x.dtype))


@take_rows.grad("x")
def _(ct, source, target):
    return take_rows.fn(ct, target, source, np.float32(0))


def _room(longest: int, n: int, left: bool) -> tuple[int, int]:
    return (longest - n, 0) if left else (0, longest - n)


def _pad_on_host(fill: Any, *sequences: Any, left: bool) -> Any:
    longest = max(len(s) for s in sequences)
    rest = [(0, 0)] * (sequences[0].ndim - 1)
    value = np.asarray(fill).astype(sequences[0].dtype)
    return np.stack([np.pad(s, [_room(longest, len(s), left), *rest], constant_values=value) for s in sequences])


@op(host=_pad_on_host)
def pad_sequence(fill: Scalar, *sequences, left):
    """(N, longest, ...) from N sequences (length, ...), filled up at the end or on the left."""
    longest = max(s.shape[0] for s in sequences)
    value = lax.convert_element_type(fill, sequences[0].dtype)
    rest = ((0, 0, 0),) * (sequences[0].ndim - 1)
    padded = [lax.pad(s, value, ((*_room(longest, s.shape[0], left), 0), *rest)) for s in sequences]
    return lax.concatenate([lax.expand_dims(s, (0,)) for s in padded], 0)


@pad_sequence.grad("sequences")
def _(ct, sequences_shape, left):
    longest = ct.shape[1]
    starts = [_room(longest, shape[0], left)[0] for shape in sequences_shape]
    return tuple(ct[k, a : a + shape[0]] for k, (a, shape) in enumerate(zip(starts, sequences_shape, strict=True)))
