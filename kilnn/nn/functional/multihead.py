"""Multi-head attention: projections, masks, scaled dot-product attention for each head, projection."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from kilnn.base import dtypes
from kilnn.nn.functional.activation import softmax
from kilnn.nn.functional.attention import scaled_dot_product_attention
from kilnn.nn.functional.dropout import dropout
from kilnn.nn.functional.linear import linear
from kilnn.nn.functional.padding import pad
from kilnn.tensor.functions.joining import cat
from kilnn.tensor.tensor import Tensor


def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float,
    out_proj_weight: Tensor, out_proj_bias: Tensor | None, training: bool = True,
    key_padding_mask: Tensor | None = None, need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None, k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None, static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Attention of several heads: head_h = softmax(Q W_q (K W_k)^T / sqrt(d) + mask) V W_v, joined and projected.

    Args:
        query: (L, N, E) or (L, E).
        key, value: (S, N, E) or (S, E); other last sizes with use_separate_proj_weight.
        embed_dim_to_check: E.
        num_heads: a divisor of E; d = E / num_heads.
        in_proj_weight, in_proj_bias: (3 E, E) and (3 E): W_q, W_k, W_v one above the other.
        bias_k, bias_v: (1, 1, E), one more key and value after the projections; both or none.
        add_zero_attn: one more key and value of zeros.
        dropout_p: probability with which an attention weight is dropped while training.
        out_proj_weight, out_proj_bias: (E, E) and (E) of the last projection.
        key_padding_mask: (N, S) or (S): bool, True is ignored; or float, added to the scores.
        need_weights: also return the weights; computing without them is faster.
        attn_mask: (L, S) or (N num_heads, L, S): bool, True is not seen; or float, added to the scores.
        use_separate_proj_weight: q_proj_weight (E, E), k_proj_weight (E, K), v_proj_weight (E, V) are used.
        static_k, static_v: (N num_heads, S, d) in the place of projected keys and values.
        average_attn_weights: weights (N, L, S), the mean over heads, instead of (N, num_heads, L, S).
        is_causal: attn_mask is the causal mask, which then needs no array where it is the only mask.

    Returns: (L, N, E), and the weights or None. A row in which every key is masked has zeros before the last
    projection without need_weights, and NaN with it, as in PyTorch.

    Raises: AssertionError when shapes or masks do not fit, RuntimeError for is_causal without attn_mask.

    Example:
        >>> import kilnn
        >>> x, w = kilnn.ones(3, 2, 4), kilnn.eye(4)
        >>> attend = kilnn.nn.functional.multi_head_attention_forward
        >>> y, weights = attend(x, x, x, 4, 2, kilnn.ones(12, 4), None, None, None, False, 0.0, w, None)
        >>> y.shape, weights.shape
        (kilnn.Size([3, 2, 4]), kilnn.Size([2, 3, 3]))

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.multi_head_attention_forward.html
    """
    _check_ranks(query, key, value, key_padding_mask, attn_mask)
    batched = query.dim() == 3
    if not batched:
        query, key, value = _each(lambda t: t.unsqueeze(1), query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint: pass the mask that is meant, for example "
            "nn.Transformer.generate_square_subsequent_mask(L)"
        )
    causal = is_causal and key_padding_mask is None and not need_weights
    length, batch, width = query.shape
    _check_sizes(query, key, embed_dim_to_check, num_heads)
    if use_separate_proj_weight:
        q, k, v = _separate(query, key, value, (q_proj_weight, k_proj_weight, v_proj_weight), in_proj_bias)
    else:
        q, k, v = _packed(query, key, value, in_proj_weight, in_proj_bias)
    given = None if causal or attn_mask is None else _fit_mask(attn_mask, num_heads, length, batch, key.size(0))
    mask = None if given is None else _additive(given, "attn_mask", query)
    padding = None
    if key_padding_mask is not None:
        expected = batch, key.size(0) if static_k is None else static_k.size(1)
        if tuple(key_padding_mask.shape) != expected:
            raise AssertionError(
                f"Expected key_padding_mask of shape {expected}, but got {tuple(key_padding_mask.shape)}"
            )
        padding = _additive(key_padding_mask, "key_padding_mask", query)

    extra = int(add_zero_attn)
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k and bias_v must be given together, but one is None")
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias_k and bias_v cannot be added to static_k and static_v")
        k, v = (cat([t, b.expand(1, batch, width)]) for t, b in ((k, bias_k), (v, bias_v)))
        extra += 1
    q = _heads(q, num_heads)
    k = _heads(k, num_heads) if static_k is None else _static(static_k, "static_k", batch, num_heads, q.size(-1))
    v = _heads(v, num_heads) if static_v is None else _static(static_v, "static_v", batch, num_heads, q.size(-1))
    if add_zero_attn:
        k, v = pad(k, (0, 0, 0, 1)), pad(v, (0, 0, 0, 1))
    if extra:
        mask = None if mask is None else pad(mask, (0, extra))
        padding = None if padding is None else pad(padding, (0, extra))
    if padding is not None:
        padding = padding.view(batch, 1, 1, -1)
        mask = padding if mask is None else mask + padding
    out, seen = _attend(q, k, v, mask, dropout_p if training else 0.0, causal, need_weights)
    out = linear(out.permute(2, 0, 1, 3).reshape(length, batch, width), out_proj_weight, out_proj_bias)
    if seen is not None and average_attn_weights:
        seen = seen.mean(1)
    if batched:
        return out, seen
    return out.squeeze(1), None if seen is None else seen.squeeze(0)


def _attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float, causal: bool, need_weights: bool
) -> tuple[Tensor, Tensor | None]:
    """(N, heads, L, d), and the weights (N, heads, L, S) where they are needed."""
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, mask, p, causal), None
    scores = (q * math.sqrt(1.0 / q.size(-1))) @ k.transpose(-2, -1)
    weights = softmax(scores if mask is None else scores + mask, -1)
    if p > 0.0:
        weights = dropout(weights, p)
    return weights @ v, weights


def _additive(mask: Tensor, name: str, query: Tensor) -> Tensor:
    """A mask as numbers to add to scores: -inf where a bool mask is True."""
    if mask.is_floating_point():
        return mask
    if mask.dtype is not dtypes.bool:
        raise AssertionError(f"only bool and floating types of {name} are supported, but got {mask.dtype}")
    return mask.new_zeros(mask.shape, dtype=query.dtype).masked_fill(mask, -math.inf)


def _each(change: Callable[[Tensor], Tensor], *tensors: Tensor) -> list[Tensor]:
    """The same change for each tensor, once for those that are one tensor."""
    done: dict[int, Tensor] = {}
    for t in tensors:
        if id(t) not in done:
            done[id(t)] = change(t)
    return [done[id(t)] for t in tensors]


def _check_ranks(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None
) -> None:
    rank = query.dim()
    if rank not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor")
    kind = f"For {'batched (3-D)' if rank == 3 else 'unbatched (2-D)'} `query`"
    if key.dim() != rank or value.dim() != rank:
        raise AssertionError(
            f"{kind}, expected `key` and `value` to be {rank}-D but found {key.dim()}-D and {value.dim()}-D tensors"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != rank - 1:
        raise AssertionError(
            f"{kind}, expected `key_padding_mask` to be `None` or {rank - 1}-D but found {key_padding_mask.dim()}-D"
        )
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(f"{kind}, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D")


def _check_sizes(query: Tensor, key: Tensor, expected: int, num_heads: int) -> None:
    _, batch, width = query.shape
    if width != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {width}")
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if key.size(1) != batch:
        raise RuntimeError(f"query has the batch size {batch}, but key and value have {key.size(1)}")


def _fit_mask(mask: Tensor, heads: int, length: int, batch: int, keys: int) -> Tensor:
    """attn_mask with four dimensions: (1, 1, L, S) or (N, heads, L, S)."""
    expected = (length, keys) if mask.dim() == 2 else (batch * heads, length, keys)
    if tuple(mask.shape) != expected:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {tuple(mask.shape)}, but should be {expected}."
        )
    return mask.reshape((1, 1, length, keys) if mask.dim() == 2 else (batch, heads, length, keys))


def _thirds(bias: Tensor | None) -> Sequence[Tensor | None]:
    return (None, None, None) if bias is None else bias.chunk(3)


def _packed(query: Tensor, key: Tensor, value: Tensor, weight: Tensor | None, bias: Tensor | None) -> Sequence[Tensor]:
    """The projections with weights one above the other: one product for inputs that are one tensor."""
    if weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    if key.shape != value.shape:
        raise AssertionError(f"key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}")
    if query is key and key is value:
        return linear(query, weight, bias).chunk(3, -1)
    if key is value:
        width = query.size(-1)
        ours, theirs = weight.split([width, 2 * width])
        b, rest = (None, None) if bias is None else bias.split([width, 2 * width])
        return linear(query, ours, b), *linear(key, theirs, rest).chunk(2, -1)
    inputs = (query, key, value)
    return [linear(x, w, b) for x, w, b in zip(inputs, weight.chunk(3), _thirds(bias), strict=True)]


def _separate(
    query: Tensor, key: Tensor, value: Tensor, weights: Sequence[Tensor | None], bias: Tensor | None
) -> Sequence[Tensor]:
    if key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {tuple(key.shape[:2])} do not match value's {tuple(value.shape[:2])}"
        )
    width = query.size(-1)
    out = []
    for name, x, w, b in zip("qkv", (query, key, value), weights, _thirds(bias), strict=True):
        if w is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        if tuple(w.shape) != (width, x.size(-1)):
            raise AssertionError(
                f"expecting {name}_proj_weight of shape {(width, x.size(-1))}, but got {tuple(w.shape)}"
            )
        out.append(linear(x, w, b))
    return out


def _heads(t: Tensor, heads: int) -> Tensor:
    """(L, N, E) as (N, heads, L, E / heads)."""
    return t.reshape(t.size(0), t.size(1), heads, t.size(2) // heads).permute(1, 2, 0, 3)


def _static(t: Tensor, name: str, batch: int, heads: int, width: int) -> Tensor:
    if t.size(0) != batch * heads or t.size(2) != width:
        raise AssertionError(f"expecting {name} of shape ({batch * heads}, S, {width}), but got {tuple(t.shape)}")
    return t.reshape(batch, heads, t.size(1), width)
