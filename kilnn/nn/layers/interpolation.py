"""Upsampling layers."""

from __future__ import annotations

from typing import Any

from kilnn.nn import functional as F
from kilnn.nn.module import Module
from kilnn.tensor.tensor import Tensor


class Upsample(Module):
    """The input at another resolution; see `kilnn.nn.functional.interpolate`.

    Args:
        size: the output's spatial sizes; or
        scale_factor: the factors by which they grow.
        mode: "nearest", "linear", "bilinear", "bicubic" or "trilinear".
        align_corners: the middles of the corner elements stay.
        recompute_scale_factor: use the factors of the whole sizes.

    Example:
        >>> import kilnn
        >>> kilnn.nn.Upsample(scale_factor=2)(kilnn.ones(1, 1, 2, 2)).shape
        kilnn.Size([1, 1, 4, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Upsample.html
    """

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(f) for f in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        size = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of (N, C, H, W) that repeats the nearest element.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.UpsamplingNearest2d.html
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of (N, C, H, W) by bilinear interpolation with aligned corners.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.UpsamplingBilinear2d.html
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
