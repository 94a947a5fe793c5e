"""Convolution layers and their transposes."""

from __future__ import annotations

import math
from typing import Any

from kilnn.nn import functional as F, init
from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter
from kilnn.nn.sizes import ints
from kilnn.tensor.create import empty
from kilnn.tensor.tensor import Tensor

_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions share: arguments, parameters, initial values, text."""

    rank = 0
    transposed = False
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, output_padding: Any,
        dilation: Any, groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        rank = self.rank
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = ints(kernel_size, rank, "kernel_size")
        self.stride = ints(stride, rank, "stride")
        self.padding = padding if isinstance(padding, str) else ints(padding, rank, "padding")
        self.dilation = ints(dilation, rank, "dilation")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _MODES:
            raise ValueError(f"padding_mode must be one of {set(_MODES)}, but got padding_mode='{padding_mode}'")
        self.output_padding = ints(output_padding, rank, "output_padding")
        self.groups = groups
        self.padding_mode = padding_mode
        outer, inner = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(empty((outer, inner // groups, *self.kernel_size), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw initial values again: uniform in +-1 / sqrt(fan in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _padded(self, input: Tensor) -> Tensor:
        """The input continued at its ends, for the padding modes other than zeros."""
        ends: list[int] = []
        for axis in reversed(range(self.rank)):
            if self.padding == "same":
                total = self.dilation[axis] * (self.kernel_size[axis] - 1)
                ends += [total // 2, total - total // 2]
            elif isinstance(self.padding, tuple):
                ends += [self.padding[axis], self.padding[axis]]
            else:
                ends += [0, 0]
        return F.pad(input, ends, self.padding_mode)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self.rank:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.rank:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * self.rank:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Conv(_ConvNd):
    """Layers that call `F.conv1d`, `F.conv2d` or `F.conv3d`."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            0,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _run(self, function: Any, input: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = self._padded(input), 0
        result: Tensor = function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        return result


class Conv1d(_Conv):
    """Convolution over one dimension.

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size: places in a window.
        stride, padding, dilation, groups: see `kilnn.nn.functional.conv1d`.
        bias: whether a number is added to each output channel.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Shape: (N, in_channels, L) to (N, out_channels, L_out).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv1d.html
    """

    rank = 1

    def forward(self, input: Tensor) -> Tensor:
        return self._run(F.conv1d, input)


class Conv2d(_Conv):
    """Convolution over two dimensions (images).

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size, stride, padding, dilation: one number, or a pair (height, width).
        groups, bias, padding_mode: as in `Conv1d`.

    Shape: (N, in_channels, H, W) to (N, out_channels, H_out, W_out), each size
    floor((n + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Attributes: `weight` (out_channels, in_channels / groups, *kernel_size) and `bias` (out_channels), uniform in
    +-1 / sqrt(in_channels / groups * places) at first.

    Example:
        >>> import kilnn
        >>> kilnn.nn.Conv2d(3, 8, 3, padding=1)(kilnn.ones(1, 3, 5, 5)).shape
        kilnn.Size([1, 8, 5, 5])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv2d.html
    """

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        return self._run(F.conv2d, input)


class Conv3d(_Conv):
    """Convolution over three dimensions: (N, in_channels, D, H, W).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv3d.html
    """

    rank = 3

    def forward(self, input: Tensor) -> Tensor:
        return self._run(F.conv3d, input)


class _ConvTranspose(_ConvNd):
    """Layers that call `F.conv_transpose1d`, `F.conv_transpose2d` or `F.conv_transpose3d`."""

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def _run(self, function: Any, input: Tensor, output_size: Any) -> Tensor:
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        result: Tensor = function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )
        return result

    def _extra(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output_padding that gives `output_size`."""
        rank = self.rank
        wanted = tuple(output_size)
        wanted = wanted[2:] if len(wanted) == rank + 2 else wanted
        if len(wanted) != rank:
            raise ValueError(
                f"ConvTranspose{rank}D: for {input.dim()}D input, output_size must have {rank} or {input.dim()} "
                f"elements (got {len(output_size)})"
            )
        smallest = []
        for axis, n in enumerate(tuple(input.shape)[-rank:]):
            reach = self.dilation[axis] * (self.kernel_size[axis] - 1)
            pad = self.padding[axis] if isinstance(self.padding, tuple) else 0
            smallest.append((n - 1) * self.stride[axis] - 2 * pad + reach + 1)
        largest = [m + s - 1 for m, s in zip(smallest, self.stride, strict=True)]
        if any(not low <= w <= high for w, low, high in zip(wanted, smallest, largest, strict=True)):
            raise ValueError(
                f"requested an output size of {list(wanted)}, but valid sizes range from {smallest} to {largest} "
                f"(for an input of {list(input.shape)[2:]})"
            )
        return tuple(w - m for w, m in zip(wanted, smallest, strict=True))


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over one dimension.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias: as in `Conv1d`.
        output_padding: places added at one end of the output.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose1d.html
    """

    rank = 1

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self._run(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over two dimensions; see `ConvTranspose1d`.

    Example:
        >>> import kilnn
        >>> kilnn.nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)(kilnn.ones(1, 8, 5, 5)).shape
        kilnn.Size([1, 3, 10, 10])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose2d.html
    """

    rank = 2

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self._run(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over three dimensions; see `ConvTranspose1d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose3d.html
    """

    rank = 3

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self._run(F.conv_transpose3d, input, output_size)
