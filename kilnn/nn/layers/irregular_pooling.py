"""Layers of adaptive and fractional max pooling, power-average pooling, and unpooling."""

from __future__ import annotations

from typing import Any

from kilnn.nn import functional as F
from kilnn.nn.module import Module
from kilnn.nn.sizes import ints
from kilnn.tensor.tensor import Tensor


class _AdaptiveMaxPool(Module):
    """What the adaptive max-pooling layers share."""

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima over windows chosen so that the last dimension becomes `output_size`.

    Args:
        output_size: the length wanted.
        return_indices: also return where the maxima were.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveMaxPool1d.html
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima over windows chosen so that the last two dimensions become `output_size` (None keeps a size).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveMaxPool2d.html
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima over windows chosen so that the last three dimensions become `output_size` (None keeps a size).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveMaxPool3d.html
    """

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class _FractionalMaxPool(Module):
    """What the fractional max-pooling layers share."""

    rank = 0

    def __init__(
        self, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        rank, name = self.rank, type(self).__name__
        self.kernel_size = ints(kernel_size, rank, "kernel_size")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else ints(output_size, rank, "output_size")
        if output_ratio is None or isinstance(output_ratio, tuple):
            self.output_ratio = output_ratio
        else:
            self.output_ratio = (output_ratio,) * rank
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maxima over windows at random places of (N, C, H, W); see `kilnn.nn.functional.fractional_max_pool2d`.

    Args:
        kernel_size: one number or (height, width).
        output_size: height and width of the result; or
        output_ratio: they as shares, in (0, 1), of those of the input.
        return_indices: also return where the maxima were.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.FractionalMaxPool2d.html
    """

    rank = 2

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool2d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip


class FractionalMaxPool3d(_FractionalMaxPool):
    """Maxima over windows at random places of (N, C, D, H, W); see `FractionalMaxPool2d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.FractionalMaxPool3d.html
    """

    rank = 3

    def forward(self, input: Tensor) -> Any:
        return F.fractional_max_pool3d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip


class _MaxUnpool(Module):
    """What the unpooling layers share."""

    rank = 0

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = ints(kernel_size, self.rank, "kernel_size")
        self.stride = ints(kernel_size if stride is None else stride, self.rank, "stride")
        self.padding = ints(padding, self.rank, "padding")

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Puts maxima back where `MaxPool1d(..., return_indices=True)` found them; zeros elsewhere.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxUnpool1d.html
    """

    rank = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpool):
    """Puts maxima back where `MaxPool2d(..., return_indices=True)` found them; zeros elsewhere.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxUnpool2d.html
    """

    rank = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpool):
    """Puts maxima back where `MaxPool3d(..., return_indices=True)` found them; zeros elsewhere.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxUnpool3d.html
    """

    rank = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class _LPPool(Module):
    """What the power-average layers share."""

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(sum of x**p)**(1/p) of each window of (N, C, L), p = norm_type.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LPPool1d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPool):
    """(sum of x**p)**(1/p) of each window of (N, C, H, W), p = norm_type.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LPPool2d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPool):
    """(sum of x**p)**(1/p) of each window of (N, C, D, H, W), p = norm_type.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LPPool3d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)
