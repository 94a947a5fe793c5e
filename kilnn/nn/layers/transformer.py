"""Transformer, its encoder and decoder, and their layers."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from kilnn.nn import functional as F, init
from kilnn.nn.layers.attention import MultiheadAttention
from kilnn.nn.layers.container import ModuleList
from kilnn.nn.layers.dropout import Dropout
from kilnn.nn.layers.linear import Linear
from kilnn.nn.layers.normalization import LayerNorm
from kilnn.nn.module import Module
from kilnn.tensor.create import full
from kilnn.tensor.tensor import Tensor

Activation = str | Callable[[Tensor], Tensor]


def _activation(activation: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return F.relu if activation == "relu" else F.gelu


def _clones(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoderLayer(Module):
    """x = norm1(x + self-attention(x)); x = norm2(x + linear2(activation(linear1(x)))), with dropout on the way.

    Args:
        d_model: size of x.
        nhead: heads, a divisor of d_model.
        dim_feedforward: size between linear1 and linear2.
        dropout: probability in [0, 1].
        activation: "relu", "gelu" or a function of a tensor.
        layer_norm_eps: eps of the norms.
        batch_first: x is (N, S, d_model) instead of (S, N, d_model).
        norm_first: x + self-attention(norm1(x)) and x + feed-forward(norm2(x)) instead.
        bias: whether linear layers and norms have biases.
        device, dtype: of the parameters.

    Example:
        >>> import kilnn
        >>> kilnn.nn.TransformerEncoderLayer(4, 2, 8)(kilnn.ones(3, 2, 4)).shape
        kilnn.Size([3, 2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerEncoderLayer.html
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: Activation = F.relu, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **factory)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **factory)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **factory)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **factory)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **factory)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """One layer; masks as in `MultiheadAttention`."""

        def attend(x: Tensor) -> Tensor:
            y = self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]
            return self.dropout1(y)  # type: ignore[no-any-return]  # a Tensor

        def feed(x: Tensor) -> Tensor:
            y = self.linear2(self.dropout(self.activation(self.linear1(x))))
            return self.dropout2(y)  # type: ignore[no-any-return]  # a Tensor

        x = src
        for block, norm in ((attend, self.norm1), (feed, self.norm2)):
            x = x + block(norm(x)) if self.norm_first else norm(x + block(x))
        return x


class TransformerDecoderLayer(Module):
    """x = norm1(x + self-attention(x)); x = norm2(x + attention(x, memory)); x = norm3(x + feed-forward(x)).

    Args:
        d_model: size of x and memory.
        nhead: heads, a divisor of d_model.
        dim_feedforward: size between linear1 and linear2.
        dropout: probability in [0, 1].
        activation: "relu", "gelu" or a function of a tensor.
        layer_norm_eps: eps of the norms.
        batch_first: x is (N, T, d_model) instead of (T, N, d_model).
        norm_first: norms before the blocks instead of after the sums.
        bias: whether linear layers and norms have biases.
        device, dtype: of the parameters.

    Example:
        >>> import kilnn
        >>> kilnn.nn.TransformerDecoderLayer(4, 2, 8)(kilnn.ones(3, 2, 4), kilnn.ones(5, 2, 4)).shape
        kilnn.Size([3, 2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerDecoderLayer.html
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: Activation = F.relu, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **factory)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **factory)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **factory)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **factory)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **factory)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **factory)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **factory)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """One layer; masks as in `MultiheadAttention`."""

        def attend(x: Tensor) -> Tensor:
            y = self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]
            return self.dropout1(y)  # type: ignore[no-any-return]  # a Tensor

        def look(x: Tensor) -> Tensor:
            y = self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal
            )[0]
            return self.dropout2(y)  # type: ignore[no-any-return]  # a Tensor

        def feed(x: Tensor) -> Tensor:
            y = self.linear2(self.dropout(self.activation(self.linear1(x))))
            return self.dropout3(y)  # type: ignore[no-any-return]  # a Tensor

        x = tgt
        for block, norm in ((attend, self.norm1), (look, self.norm2), (feed, self.norm3)):
            x = x + block(norm(x)) if self.norm_first else norm(x + block(x))
        return x


class TransformerEncoder(Module):
    """num_layers copies of a layer, one after the other, and a norm.

    Args:
        encoder_layer: the layer; the copies start with its values.
        num_layers: how many.
        norm: a last module, or None.
        enable_nested_tensor: in PyTorch, whether evaluation leaves out padded positions; these then hold what the norm
            makes of zeros. Here padded positions are computed like others, whatever this says; what is at other
            positions is the same.
        mask_check: in PyTorch, whether it first looks if padding is at the end. Nothing is looked at here.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.TransformerEncoderLayer(4, 2, 8)
        >>> kilnn.nn.TransformerEncoder(layer, num_layers=2)(kilnn.ones(3, 2, 4)).shape
        kilnn.Size([3, 2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerEncoder.html
    """

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None, enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:  # fmt: skip
        """All layers.

        Args:
            src: (S, N, d_model), or (N, S, d_model) with layers that are batch_first.
            mask, src_key_padding_mask: as attn_mask and key_padding_mask of `MultiheadAttention`.
            is_causal: True says that mask is the causal mask. None is False: the mask is not looked at, because the
                result is the same.
        """
        x = src
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=bool(is_causal), src_key_padding_mask=src_key_padding_mask)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """num_layers copies of a layer, one after the other, and a norm.

    Args:
        decoder_layer: the layer; the copies start with its values.
        num_layers: how many.
        norm: a last module, or None.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.TransformerDecoderLayer(4, 2, 8)
        >>> kilnn.nn.TransformerDecoder(layer, num_layers=2)(kilnn.ones(3, 2, 4), kilnn.ones(5, 2, 4)).shape
        kilnn.Size([3, 2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerDecoder.html
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """All layers; every layer attends to the same memory. Masks and hints as in `TransformerEncoder`."""
        x = tgt
        for layer in self.layers:
            x = layer(
                x, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )  # fmt: skip
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """Encoder and decoder (Vaswani et al., "Attention is all you need", https://arxiv.org/abs/1706.03762).

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias: as in
            `TransformerEncoderLayer`.
        num_encoder_layers, num_decoder_layers: how many layers.
        custom_encoder, custom_decoder: modules to be taken instead.
        device, dtype: of the parameters.

    All weights with two or more dimensions are xavier_uniform_ at first.

    Example:
        >>> import kilnn
        >>> model = kilnn.nn.Transformer(4, 2, 1, 1, 8)
        >>> model(kilnn.ones(5, 2, 4), kilnn.ones(3, 2, 4)).shape
        kilnn.Size([3, 2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Transformer.html
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: Activation = F.relu,
        custom_encoder: Any = None, custom_decoder: Any = None, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        if custom_encoder is None:
            encoder_layer = TransformerEncoderLayer(*sizes, **factory)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **factory)
            custom_encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm)
        self.encoder = custom_encoder
        if custom_decoder is None:
            decoder_layer = TransformerDecoderLayer(*sizes, **factory)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **factory)
            custom_decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.dim() > 1:
                init.xavier_uniform_(p)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask (sz, sz): -inf above the diagonal, 0 elsewhere.

        Example:
            >>> import kilnn
            >>> kilnn.nn.Transformer.generate_square_subsequent_mask(2).tolist()
            [[0.0, -inf], [0.0, 0.0]]

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Transformer.html
        """
        return full((sz, sz), -math.inf, device=device, dtype=dtype).triu(1)

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None, tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """Encode src, decode tgt.

        Args:
            src: (S, N, d_model), (N, S, d_model) with batch_first, or (S, d_model).
            tgt: the same with T.
            src_mask, tgt_mask, memory_mask: (S, S), (T, T), (T, S), or one for each sequence and head.
            src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: (N, S), (N, T), (N, S).
            src_is_causal, tgt_is_causal, memory_is_causal: the mask is the causal mask.

        Returns: the shape of tgt.

        Raises: RuntimeError when batches differ or sizes are not d_model.
        """
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch_dim) != tgt.size(batch_dim):
            raise RuntimeError(
                "the batch number of src and tgt must be equal, but got "
                f"{src.size(batch_dim)} and {tgt.size(batch_dim)} (dimension {batch_dim})"
            )
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError(
                f"the feature number of src and tgt must be equal to d_model={self.d_model}, but got {src.size(-1)} "
                f"and {tgt.size(-1)}"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )  # fmt: skip
        return self.decoder(  # type: ignore[no-any-return]  # a Tensor
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip
