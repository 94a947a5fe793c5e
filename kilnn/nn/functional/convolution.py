"""Convolutions and transposed convolutions over one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kilnn.nn.sizes import ints
from kilnn.ops import convolution as ops
from kilnn.tensor.doors import record
from kilnn.tensor.tensor import Tensor

Size = int | Sequence[int]


def _pads(padding: Any, weight: Tensor, stride: Any, dilation: Any, rank: int) -> tuple[tuple[int, int], ...]:
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * rank
        if padding != "same":
            raise RuntimeError(f"conv{rank}d(): padding must be 'same', 'valid' or whole numbers, but got {padding!r}")
        if any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    sizes = ints(padding, rank, "padding")
    if any(p < 0 for p in sizes):
        raise RuntimeError("negative padding is not supported")
    return tuple((p, p) for p in sizes)


def _positive(name: str, sizes: tuple[int, ...]) -> None:
    if any(s <= 0 for s in sizes):
        raise RuntimeError(f"non-positive {name} is not supported")


def _conv(x: Tensor, w: Tensor, b: Any, stride: Any, padding: Any, dilation: Any, groups: int, rank: int) -> Tensor:
    strides, dilations = ints(stride, rank, "stride"), ints(dilation, rank, "dilation")
    _positive("stride", strides)
    _positive("dilation", dilations)
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if w.dim() != rank + 2:
        pads: tuple[tuple[int, int], ...] = ((0, 0),) * rank  # the operation's own check words the error
    else:
        pads = _pads(padding, w, strides, dilations, rank)
    return record(ops.conv, (x, w, b), (strides, pads, dilations, groups))


def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size | str = 0,
    dilation: Size = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation over one dimension.

    Args:
        input: (N, C_in, L) or (C_in, L).
        weight: (C_out, C_in / groups, K).
        bias: (C_out), or None.
        stride: step of the window, >= 1.
        padding: zeros added at both ends, or "valid" (0), or "same" (the output has the input's length; stride 1).
        dilation: distance of the window's places, >= 1.
        groups: blocks of channels that see each other only; divides C_in and C_out.

    Returns: (N, C_out, L_out), L_out = floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1.

    Raises: RuntimeError when sizes or dtypes do not fit.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.conv1d(kilnn.ones(1, 2, 5), kilnn.ones(3, 2, 3)).shape
        kilnn.Size([1, 3, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv1d.html
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, 1)


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size | str = 0,
    dilation: Size = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation over two dimensions.

    Args:
        input: (N, C_in, H, W) or (C_in, H, W).
        weight: (C_out, C_in / groups, KH, KW).
        bias, stride, padding, dilation, groups: as in `conv1d`; a pair gives (height, width).

    Returns: (N, C_out, H_out, W_out).

    Raises: RuntimeError when sizes or dtypes do not fit.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.conv2d(kilnn.ones(1, 3, 8, 8), kilnn.ones(4, 3, 3, 3), padding=1).shape
        kilnn.Size([1, 4, 8, 8])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv2d.html
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, 2)


def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size | str = 0,
    dilation: Size = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation over three dimensions: input (N, C_in, D, H, W), weight (C_out, C_in / groups, KD, KH, KW).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv3d.html
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, 3)


def _conv_transpose(
    x: Tensor, w: Tensor, b: Any, stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any, rank: int
) -> Tensor:
    strides, dilations = ints(stride, rank, "stride"), ints(dilation, rank, "dilation")
    _positive("stride", strides)
    _positive("dilation", dilations)
    pads, extra = ints(padding, rank, "padding"), ints(output_padding, rank, "output_padding")
    return record(ops.conv_transpose, (x, w, b), (strides, pads, extra, dilations, groups))


def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size = 0,
    output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
) -> Tensor:  # fmt: skip
    """The gradient of `conv1d` with respect to its input, as a layer of its own.

    Args:
        input: (N, C_in, L) or (C_in, L).
        weight: (C_in, C_out / groups, K).
        stride, padding, dilation: those of the convolution it turns round.
        output_padding: places added at one end of the output, < max(stride, dilation).

    Returns: (N, C_out, (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv_transpose1d.html
    """
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 1)


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size = 0,
    output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
) -> Tensor:  # fmt: skip
    """`conv_transpose1d` over two dimensions: input (N, C_in, H, W), weight (C_in, C_out / groups, KH, KW).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv_transpose2d.html
    """
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 2)


def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Size = 1, padding: Size = 0,
    output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
) -> Tensor:  # fmt: skip
    """`conv_transpose1d` over three dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv_transpose3d.html
    """
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 3)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Convolution over one dimension of inputs (T, N, C).

    Args:
        input: (T, N, in_channels).
        weight: (kernel, in_channels, out_channels).
        bias: (out_channels).
        pad: zeros at both ends.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.conv_tbc.html
    """
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)
