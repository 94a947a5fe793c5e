"""Look-up of rows of a table."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import numpy as np
from jax import lax

from kilnn.ops.checks import type_name
from kilnn.ops.spec import Scalar, op


def _flat_index(idx: Any, rows: int) -> Any:
    flat = lax.reshape(idx, (idx.size, 1))
    return lax.clamp(np.asarray(0, idx.dtype), flat, np.asarray(max(rows - 1, 0), idx.dtype))


def _scatter_rows(ct: Any, index: Any, rows: int) -> Any:
    """A table of zeros with each row of ct added at its index."""
    dims = lax.ScatterDimensionNumbers((1,), (0,), (0,))
    table = lax.full((rows, ct.shape[-1]), 0, ct.dtype)
    return lax.scatter_add(table, index, ct, dims, mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS)


@op(host=lambda weight, idx, *, padding_idx, by_frequency: weight[np.clip(idx, 0, len(weight) - 1)])
def embedding(weight, idx, *, padding_idx, by_frequency):
    """weight (rows, width) at whole numbers idx (...): (..., width). The attributes shape the gradient only."""
    dims = lax.GatherDimensionNumbers((1,), (0,), (0,))
    out = lax.gather(
        weight, _flat_index(idx, weight.shape[0]), dims, (1, weight.shape[1]),
        mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS,
    )  # fmt: skip
    return lax.reshape(out, (*idx.shape, weight.shape[1]))


@embedding.grad("weight")
def _(ct, idx, weight_shape, padding_idx, by_frequency):
    rows, width = weight_shape
    index = _flat_index(idx, rows)
    flat = lax.reshape(ct, (idx.size, width))
    if by_frequency:
        seen = _scatter_rows(lax.full((idx.size, 1), 1, ct.dtype), index, rows)
        flat = flat / lax.reshape(seen, (rows,))[index]
    if padding_idx is not None:
        flat = lax.select(lax.broadcast_in_dim(index == padding_idx, flat.shape, (0, 1)), lax.full_like(flat, 0), flat)
    return _scatter_rows(flat, index, rows)


@embedding.check(IndexError, "index out of range in self")
def _(idx, weight_shape):
    return (idx < 0) | (idx >= weight_shape[0]), idx


@embedding.validate
def _(weight, idx, *, padding_idx, by_frequency):
    if len(weight.shape) != 2:
        raise RuntimeError("'weight' must be 2-D")
    if np.dtype(idx.dtype).name not in ("int32", "int64"):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
            f"but got {type_name(idx.dtype)}Tensor instead (while checking arguments for embedding)"
        )


@op
def renorm_rows(weight, idx, limit: Scalar, *, ord):
    """weight with those rows that idx names and whose norm exceeds `limit` scaled down to it."""
    rows = weight.shape[0]
    named = _scatter_rows(lax.full((idx.size, 1), 1, weight.dtype), _flat_index(idx, rows), rows) > 0
    size = abs(weight)
    if ord == np.inf:
        norm = lax.reduce_max(size, (1,))[:, None]
    else:
        norm = (lax.reduce_sum(size**ord, (1,)) ** (1.0 / ord))[:, None]
    factor = lax.select(named & (norm > limit), limit / (norm + 1e-7), lax.full_like(norm, 1))
    return weight * factor
