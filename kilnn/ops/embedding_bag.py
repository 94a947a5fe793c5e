"""Sums, means and maxima over bags of rows."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kilnn.ops.checks import size_text, type_name
from kilnn.ops.spec import op


@op(half="upcast")
def bag_rows(rows, idx, offsets, *, bags, mode, padding_idx):
    """rows (n, width), named by idx (n), reduced over bags that start at `offsets`: (bags, width)."""
    place = jnp.arange(idx.shape[0], dtype=offsets.dtype)
    bag = jnp.searchsorted(offsets[:bags], place, side="right") - 1
    counts = idx >= 0
    if padding_idx is not None:
        counts = counts & (idx != padding_idx)
    bag = jnp.where(counts, bag, bags)  # beyond the last bag: dropped
    if mode == "max":
        most = jax.ops.segment_max(rows, bag, bags)
        return jnp.where(jnp.isneginf(most) & (_sizes(bag, bags, rows.dtype) == 0), jnp.zeros((), rows.dtype), most)
    total = jax.ops.segment_sum(rows, bag, bags)
    return total / jnp.maximum(_sizes(bag, bags, rows.dtype), 1) if mode == "mean" else total


def _sizes(bag, bags, dtype):
    return jax.ops.segment_sum(jnp.ones((bag.shape[0], 1), dtype), bag, bags)


bag_rows.grad_by_vjp("rows")


@bag_rows.check(RuntimeError, "offsets can not be negative or greater than input's length, but got {value}")
def _(offsets, idx_shape):
    return (offsets < 0) | (offsets > idx_shape[0]), offsets


@bag_rows.validate
def _(rows, idx, offsets, *, bags, mode, padding_idx):
    if np.dtype(offsets.dtype).name not in ("int32", "int64"):
        raise RuntimeError(
            "Expected tensor for argument #1 'offsets' to have one of the following scalar types: Long, Int; but got "
            f"{type_name(offsets.dtype)}Tensor instead (while checking arguments for embedding_bag)"
        )
    if bags < 0:
        raise RuntimeError(
            f"include_last_offset: number of offsets should be at least 1, got {size_text(offsets.shape)}"
        )
