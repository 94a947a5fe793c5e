"""Padding layers: the modes of `kilnn.nn.functional.pad` for one to three dimensions."""

from __future__ import annotations

from typing import Any

from kilnn.nn import functional as F
from kilnn.nn.module import Module
from kilnn.tensor.tensor import Tensor


class _Pad(Module):
    """What the padding layers share: one size for all ends, or (left, right, top, bottom, ...)."""

    rank = 0
    mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self.rank) if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != 2 * self.rank:
            raise ValueError(f"{type(self).__name__}: expected {2 * self.rank} paddings, got {len(self.padding)}")

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _Constant(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_Constant):
    """Adds `value` at the ends of the last dimension.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConstantPad1d.html
    """

    rank = 1


class ConstantPad2d(_Constant):
    """Adds `value` around the last two dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConstantPad2d.html
    """

    rank = 2


class ConstantPad3d(_Constant):
    """Adds `value` around the last three dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConstantPad3d.html
    """

    rank = 3


class ZeroPad1d(_Pad):
    """Adds zeros at the ends of the last dimension.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ZeroPad1d.html
    """

    rank = 1


class ZeroPad2d(_Pad):
    """Adds zeros around the last two dimensions.

    Example:
        >>> import kilnn
        >>> kilnn.nn.ZeroPad2d(1)(kilnn.ones(1, 1, 2, 2)).shape
        kilnn.Size([1, 1, 4, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ZeroPad2d.html
    """

    rank = 2


class ZeroPad3d(_Pad):
    """Adds zeros around the last three dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ZeroPad3d.html
    """

    rank = 3


class ReflectionPad1d(_Pad):
    """Mirrors the input at both ends. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReflectionPad1d.html"""

    rank = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Mirrors the input around the last two dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReflectionPad2d.html
    """

    rank = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """Mirrors the input around the last three dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReflectionPad3d.html
    """

    rank = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """Repeats the outermost elements. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReplicationPad1d.html"""

    rank = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """Repeats the outermost elements around the last two dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReplicationPad2d.html
    """

    rank = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """Repeats the outermost elements around the last three dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReplicationPad3d.html
    """

    rank = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """Continues the input periodically. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CircularPad1d.html"""

    rank = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """Continues the last two dimensions periodically.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CircularPad2d.html
    """

    rank = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """Continues the last three dimensions periodically.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CircularPad3d.html
    """

    rank = 3
    mode = "circular"
