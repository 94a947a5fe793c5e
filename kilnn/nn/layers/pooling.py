"""Pooling layers."""

from __future__ import annotations

from typing import Any

from kilnn.nn import functional as F
from kilnn.nn.module import Module
from kilnn.tensor.tensor import Tensor


class _MaxPool(Module):
    """What the max-pooling layers share."""

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def _run(self, function: Any, input: Tensor) -> Any:
        return function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The maximum of each window of (N, C, L); the arguments are those of `kilnn.nn.functional.max_pool1d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool1d.html
    """

    def forward(self, input: Tensor) -> Any:
        return self._run(F.max_pool1d, input)


class MaxPool2d(_MaxPool):
    """The maximum of each window of (N, C, H, W).

    Args:
        kernel_size: one number or (height, width).
        stride: step of the window, default kernel_size.
        padding: places of -inf added at both ends, at most half of the kernel.
        dilation: distance of the window's places.
        return_indices: also return where the maxima were.
        ceil_mode: also windows that reach over the end.

    Example:
        >>> import kilnn
        >>> kilnn.nn.MaxPool2d(2)(kilnn.ones(1, 1, 4, 4)).shape
        kilnn.Size([1, 1, 2, 2])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool2d.html
    """

    def forward(self, input: Tensor) -> Any:
        return self._run(F.max_pool2d, input)


class MaxPool3d(_MaxPool):
    """The maximum of each window of (N, C, D, H, W); see `MaxPool2d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool3d.html
    """

    def forward(self, input: Tensor) -> Any:
        return self._run(F.max_pool3d, input)


class AvgPool1d(Module):
    """The mean of each window of (N, C, L).

    Args:
        kernel_size, stride, padding, ceil_mode: as in `MaxPool1d`; the padding is zeros.
        count_include_pad: whether padding counts in the mean.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool1d.html
    """

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = (kernel_size,) if isinstance(kernel_size, int) else tuple(kernel_size)
        given = self.kernel_size if stride is None else stride
        self.stride = (given,) if isinstance(given, int) else tuple(given)
        self.padding = (padding,) if isinstance(padding, int) else tuple(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """What the two- and three-dimensional mean layers share."""

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def _run(self, function: Any, input: Tensor) -> Tensor:
        result: Tensor = function(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip
        return result

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window of (N, C, H, W).

    Args:
        kernel_size, stride, padding, ceil_mode, count_include_pad: as in `AvgPool1d`.
        divisor_override: divide the sums by this.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool2d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return self._run(F.avg_pool2d, input)


class AvgPool3d(_AvgPool):
    """The mean of each window of (N, C, D, H, W); see `AvgPool2d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool3d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return self._run(F.avg_pool3d, input)


class _AdaptiveAvgPool(Module):
    """What the adaptive mean layers share."""

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means over windows chosen so that the last dimension becomes `output_size`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveAvgPool1d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means over windows chosen so that the last two dimensions become `output_size` (None keeps a size).

    Example:
        >>> import kilnn
        >>> kilnn.nn.AdaptiveAvgPool2d((1, None))(kilnn.ones(1, 2, 5, 7)).shape
        kilnn.Size([1, 2, 1, 7])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveAvgPool2d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means over windows chosen so that the last three dimensions become `output_size`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveAvgPool3d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)
