"""Scaled dot-product attention."""

from __future__ import annotations

import math

from kilnn.base.shapes import broadcast_shapes
from kilnn.engine.rng import next_offset
from kilnn.ops import attention as ops
from kilnn.tensor.doors import record_many
from kilnn.tensor.tensor import Tensor


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(Q K^T scale + mask) V.

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, Ev).
        attn_mask: broadcastable to (..., L, S): bool (True takes part) or float (added to the scores).
        dropout_p: probability with which a weight is dropped; also outside training.
        is_causal: query i sees keys 0..i only; not together with attn_mask.
        scale: default 1 / sqrt(E).
        enable_gqa: query has more heads (dimension -3) than key and value; each of theirs is used several times.

    Returns: (..., L, Ev). Rows in which no key takes part are zeros.

    Raises: RuntimeError when sizes or dtypes do not fit, or attn_mask is given with is_causal.

    Example:
        >>> import kilnn
        >>> q = kilnn.ones(1, 2, 4)
        >>> kilnn.nn.functional.scaled_dot_product_attention(q, q, q).shape
        kilnn.Size([1, 2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.scaled_dot_product_attention.html
    """
    if attn_mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError(
            "scaled_dot_product_attention: Expected query, key, and value to all be  at least 2 dimensional, but got "
            f"query.dim(): {query.dim()}, key.dim(): {key.dim()} and value.dim(): {value.dim()} instead."
        )
    if enable_gqa:
        heads = query.size(-3)
        key, value = _repeat_heads(key, heads, "key"), _repeat_heads(value, heads, "value")
    query, key, value = _same_batch(query, key, value)
    if scale is None:
        scale = 1.0 / math.sqrt(query.size(-1)) if query.size(-1) else 1.0
    if dropout_p == 1.0:
        return value.new_zeros((*query.shape[:-1], value.size(-1))) + 0 * query.sum()
    seed, offset = next_offset() if dropout_p > 0 else (0, 0)
    operands = (query, key, value, attn_mask, float(scale), float(dropout_p), seed, offset)
    return record_many(ops.attention, operands, (bool(is_causal), dropout_p > 0))[0]


def _repeat_heads(t: Tensor, heads: int, name: str) -> Tensor:
    own = t.size(-3)
    if own == 0 or heads % own:
        raise RuntimeError(f"Number of heads in {name} must divide the number of heads in query: {own} and {heads}")
    return t if own == heads else t.repeat_interleave(heads // own, -3)


def _same_batch(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        return query, key, value
    lead = broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    query, key, value = (t.expand(*lead, *t.shape[-2:]) for t in (query, key, value))
    return query, key, value
