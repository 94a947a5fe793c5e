"""Fold and Unfold."""

from __future__ import annotations

from typing import Any

from kilnn.nn import functional as F
from kilnn.nn.module import Module
from kilnn.tensor.tensor import Tensor


class Fold(Module):
    """Adds columns of windows up to an image; the arguments are those of `kilnn.nn.functional.fold`.

    Shape: (N, C * places, windows) to (N, C, *output_size).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Fold.html
    """

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Lays each window of an image out as a column; the arguments are those of `kilnn.nn.functional.unfold`.

    Shape: (N, C, H, W) to (N, C * places, windows).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Unfold.html
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
