"""MultiheadAttention."""

from __future__ import annotations

from typing import Any

from kilnn.nn import functional as F, init
from kilnn.nn.layers.linear import NonDynamicallyQuantizableLinear
from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter
from kilnn.tensor.create import empty
from kilnn.tensor.tensor import Tensor


class MultiheadAttention(Module):
    """softmax(Q K^T / sqrt(embed_dim / num_heads) + mask) V for each head, on projections of query, key and value;
    the heads are joined and projected once more.

    Args:
        embed_dim: size of query and output, a multiple of num_heads.
        num_heads: how many heads.
        dropout: probability in [0, 1] with which an attention weight is dropped while training.
        bias: whether the projections have biases.
        add_bias_kv: one learnt key and value after the projections.
        add_zero_attn: one key and value of zeros.
        kdim, vdim: last sizes of key and value; default embed_dim.
        batch_first: inputs and output are (N, L, size) instead of (L, N, size).
        device, dtype: of the parameters.

    Attributes: `in_proj_weight` (3 embed_dim, embed_dim), or `q_proj_weight`, `k_proj_weight`, `v_proj_weight` with
    another kdim or vdim: xavier_uniform_ at first; `in_proj_bias`: zeros; `out_proj`, a linear layer; `bias_k`,
    `bias_v`.

    Example:
        >>> import kilnn
        >>> attention = kilnn.nn.MultiheadAttention(4, 2, batch_first=True)
        >>> x = kilnn.ones(2, 3, 4)
        >>> y, weights = attention(x, x, x)
        >>> y.shape, weights.shape
        (kilnn.Size([2, 3, 4]), kilnn.Size([2, 3, 3]))

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MultiheadAttention.html
    """

    in_proj_weight: Tensor | None
    q_proj_weight: Tensor | None
    k_proj_weight: Tensor | None
    v_proj_weight: Tensor | None
    in_proj_bias: Tensor | None
    bias_k: Tensor | None
    bias_v: Tensor | None

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn

        def parameter(*shape: int, there: bool = True) -> Parameter | None:
            return Parameter(empty(shape, device=device, dtype=dtype)) if there else None

        packed = self._qkv_same_embed_dim
        self.register_parameter("q_proj_weight", parameter(embed_dim, embed_dim, there=not packed))
        self.register_parameter("k_proj_weight", parameter(embed_dim, self.kdim, there=not packed))
        self.register_parameter("v_proj_weight", parameter(embed_dim, self.vdim, there=not packed))
        self.register_parameter("in_proj_weight", parameter(3 * embed_dim, embed_dim, there=packed))
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim, there=bias))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.register_parameter("bias_k", parameter(1, 1, embed_dim, there=add_bias_kv))
        self.register_parameter("bias_v", parameter(1, 1, embed_dim, there=add_bias_kv))
        self._reset_parameters()

    @property
    def _qkv_same_embed_dim(self) -> bool:
        """Whether the weights of query, key and value are one parameter."""
        return self.kdim == self.embed_dim and self.vdim == self.embed_dim

    def _reset_parameters(self) -> None:
        for w in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if w is not None:
                init.xavier_uniform_(w)
        for b in (self.in_proj_bias, self.out_proj.bias):
            if b is not None:
                init.zeros_(b)
        for b in (self.bias_k, self.bias_v):
            if b is not None:
                init.xavier_normal_(b)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Attend.

        Args:
            query: (L, N, embed_dim), (N, L, embed_dim) with batch_first, or (L, embed_dim).
            key, value: the same with S, kdim and vdim.
            key_padding_mask: (N, S) or (S): bool, True is ignored; or float, added to the scores.
            need_weights: also return the weights; False is faster.
            attn_mask: (L, S) or (N num_heads, L, S): bool, True is not seen; or float, added to the scores.
            average_attn_weights: weights (N, L, S), the mean over heads, instead of (N, num_heads, L, S).
            is_causal: says that attn_mask is the causal mask.

        Returns: (output, weights or None).

        Raises: AssertionError when shapes or masks do not fit, RuntimeError for is_causal without attn_mask.
        """
        swap = self.batch_first and query.dim() == 3
        if swap:
            one, pair = query is key, key is value
            query, key, value = query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)
            # Inputs that are one tensor stay one: they are projected together.
            key = query if one else key
            value = key if pair else value
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training,
            key_padding_mask, need_weights, attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight,
            self.k_proj_weight, self.v_proj_weight, average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return output.transpose(0, 1) if swap else output, weights
