"""Scaled dot-product attention. The backward pass recomputes the probabilities from the saved log-sum-exp."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import numpy as np
from jax import lax

from kilnn.ops.checks import is_half, size_text, type_name, wide
from kilnn.ops.random import keep_mask
from kilnn.ops.spec import Index, Scalar, op


def _product(a: Any, b: Any, contract_a: int, contract_b: int) -> Any:
    """A batched matrix product over all leading dimensions, accumulated in float32 at least."""
    lead = tuple(range(a.ndim - 2))
    dims = (((a.ndim - 2 + contract_a,), (b.ndim - 2 + contract_b,)), (lead, lead))
    out = np.float32 if is_half(a.dtype) else a.dtype
    return lax.dot_general(a, b, dims, preferred_element_type=out)


def _scores(q: Any, k: Any, mask: Any, scale: Any, causal: bool) -> Any:
    """(..., L, S): scaled products, -inf where attention is forbidden."""
    scores = _product(q, k, 1, 1)
    scores = scores * lax.convert_element_type(scale, scores.dtype)
    if causal:
        row = lax.broadcasted_iota(np.int32, scores.shape, scores.ndim - 2)
        column = lax.broadcasted_iota(np.int32, scores.shape, scores.ndim - 1)
        scores = lax.select(row >= column, scores, lax.full_like(scores, -np.inf))
    if mask is None:
        return scores
    if mask.dtype == np.bool_:
        allowed = lax.broadcast_in_dim(mask, scores.shape, tuple(range(scores.ndim - mask.ndim, scores.ndim)))
        return lax.select(allowed, scores, lax.full_like(scores, -np.inf))
    return scores + wide(mask)


def _column(v: Any) -> Any:
    return lax.expand_dims(v, (v.ndim,))


@op(backward_name="ScaledDotProductFlashAttentionForCpuBackward0")
def attention(
    q, k, v, mask=None, scale: Scalar = 1.0, p: Scalar = 0.0, seed: Index = 0, offset: Index = 0, *, causal, dropout
):
    """(softmax(q k^T scale + mask) v, log-sum-exp of each row of scores); rows with nothing allowed give zeros."""
    scores = _scores(q, k, mask, scale, causal)
    top = lax.reduce_max(scores, (scores.ndim - 1,))
    top = lax.select(top == -np.inf, lax.full_like(top, 0), top)
    e = lax.exp(scores - _column(top))
    total = lax.reduce_sum(e, (e.ndim - 1,))
    lse = lax.select(total > 0, top + lax.log(total), lax.full_like(top, np.inf))
    if dropout:
        keep = keep_mask(seed, offset, p, e.shape)
        e = lax.select(keep, e * lax.convert_element_type(1 / (1 - p), e.dtype), lax.full_like(e, 0))
    weights = e * _column(lax.select(total > 0, 1 / total, lax.full_like(total, 0)))
    return _product(weights.astype(v.dtype), v, 1, 0).astype(v.dtype), lse


def _probabilities(q: Any, k: Any, mask: Any, scale: Any, lse: Any, causal: bool) -> Any:
    return lax.exp(_scores(q, k, mask, scale, causal) - _column(lse))


def _dropped(a: Any, p: Any, seed: Any, offset: Any, dropout: bool) -> Any:
    if not dropout:
        return a
    keep = keep_mask(seed, offset, p, a.shape)
    return lax.select(keep, a * lax.convert_element_type(1 / (1 - p), a.dtype), lax.full_like(a, 0))


def _score_ct(ct, q, k, v, mask, scale, p, seed, offset, out, lse, causal, dropout):
    """The cotangent of the scores before scaling: P * (dP - row sum of P dP), and that row sum is ct . out."""
    probabilities = _probabilities(q, k, mask, scale, lse, causal)
    ct_p = _dropped(_product(ct, v, 1, 1), p, seed, offset, dropout)
    row = lax.reduce_sum(wide(ct) * wide(out), (ct.ndim - 1,))
    return probabilities * (ct_p - _column(row))


@attention.grad("q")
def _(ct0, q, k, v, mask, scale, p, seed, offset, out0, out1, causal, dropout):
    ct = _score_ct(ct0, q, k, v, mask, scale, p, seed, offset, out0, out1, causal, dropout)
    return _product((ct * lax.convert_element_type(scale, ct.dtype)).astype(k.dtype), k, 1, 0)


@attention.grad("k")
def _(ct0, q, k, v, mask, scale, p, seed, offset, out0, out1, causal, dropout):
    ct = _score_ct(ct0, q, k, v, mask, scale, p, seed, offset, out0, out1, causal, dropout)
    return _product((ct * lax.convert_element_type(scale, ct.dtype)).astype(q.dtype), q, 0, 0)


@attention.grad("v")
def _(ct0, q, k, mask, scale, p, seed, offset, out1, causal, dropout):
    weights = _dropped(_probabilities(q, k, mask, scale, out1, causal), p, seed, offset, dropout)
    return _product(weights.astype(ct0.dtype), ct0, 0, 0)


@attention.grad("mask")
def _(ct0, q, k, v, mask, scale, p, seed, offset, out0, out1, causal, dropout):
    return _score_ct(ct0, q, k, v, mask, scale, p, seed, offset, out0, out1, causal, dropout)


@attention.validate
def _(q, k, v, mask, scale, p, seed, offset, *, causal, dropout):
    if not q.dtype == k.dtype == v.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{type_name(q.dtype)} key.dtype: {type_name(k.dtype)} and value.dtype: {type_name(v.dtype)} instead."
        )
    if min(len(q.shape), len(k.shape), len(v.shape)) < 2:
        raise RuntimeError("Expected query, key, and value to all be at least 2 dimensional")
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2] or q.shape[:-2] != k.shape[:-2] != v.shape[:-2]:
        raise RuntimeError(
            f"the sizes of query {size_text(q.shape)}, key {size_text(k.shape)} and value {size_text(v.shape)} "
            "do not fit"
        )
    if mask is not None and mask.dtype not in (np.bool_, q.dtype, np.float32):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{type_name(mask.dtype)} and query.dtype: {type_name(q.dtype)} instead."
        )
