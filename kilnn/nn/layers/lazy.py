"""Layers whose input size is taken from the first input."""

from __future__ import annotations

from typing import Any

from kilnn.base import dtypes
from kilnn.engine.grad_mode import no_grad
from kilnn.nn.layers.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)  # fmt: skip
from kilnn.nn.layers.linear import Linear
from kilnn.nn.layers.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)  # fmt: skip
from kilnn.nn.lazy import LazyModuleMixin
from kilnn.nn.parameter import UninitializedBuffer, UninitializedParameter
from kilnn.tensor.create import tensor
from kilnn.tensor.tensor import Tensor


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` whose in_features are the last dimension of the first input.

    Args:
        out_features, bias, device, dtype: as in `Linear`.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.LazyLinear(4)
        >>> layer(kilnn.ones(2, 3)).shape, layer
        (kilnn.Size([2, 4]), Linear(in_features=3, out_features=4, bias=True))

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyLinear.html
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw initial values, once the sizes are known."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take in_features from the input."""
        if self.has_uninitialized_params():
            with no_grad():
                self.in_features = input.shape[-1]
                _materialize(self.weight, self.out_features, self.in_features)
                _materialize(self.bias, self.out_features)
                self.reset_parameters()
        elif self.in_features == 0:  # the shapes came from a checkpoint
            self.in_features = self.weight.shape[-1]


def _materialize(target: Any, *shape: int) -> None:
    if target is not None:
        target.materialize(shape)


class _LazyConv(LazyModuleMixin):
    """What the lazy convolutions share; it stands before one of the convolution classes."""

    def _begin(self: Any, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self: Any) -> None:
        """Draw initial values, once the sizes are known."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]  # of the convolution behind this class

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take in_channels from the input."""
        rank = self.rank
        if self.has_uninitialized_params():
            if input.dim() not in (rank + 1, rank + 2):
                raise RuntimeError(
                    f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {type(self).__name__}, "
                    f"but got input of size: {input.shape}"
                )
            self.in_channels = input.shape[-rank - 1]
            if self.in_channels % self.groups:
                raise ValueError("in_channels must be divisible by groups")
            outer, inner = self.out_channels, self.in_channels
            if self.transposed:
                outer, inner = inner, outer
            with no_grad():
                _materialize(self.weight, outer, inner // self.groups, *self.kernel_size)
                _materialize(self.bias, self.out_channels)
                self.reset_parameters()
        elif self.in_channels == 0:  # the shapes came from a checkpoint
            self.in_channels = self.weight.shape[0] if self.transposed else self.weight.shape[1] * self.groups


class _LazyForward(_LazyConv):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self._begin(out_channels, bias, device, dtype)


class _LazyTransposed(_LazyConv):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
        groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype
        )
        self._begin(out_channels, bias, device, dtype)


class LazyConv1d(_LazyForward, Conv1d):  # type: ignore[misc]  # the mixin's methods are typed for any convolution
    """A `Conv1d` whose in_channels come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConv1d.html
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyForward, Conv2d):  # type: ignore[misc]  # as above
    """A `Conv2d` whose in_channels come from the first input.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.LazyConv2d(8, 3)
        >>> layer(kilnn.ones(1, 3, 5, 5)).shape, layer
        (kilnn.Size([1, 8, 3, 3]), Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1)))

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConv2d.html
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyForward, Conv3d):  # type: ignore[misc]  # as above
    """A `Conv3d` whose in_channels come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConv3d.html
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyTransposed, ConvTranspose1d):  # type: ignore[misc]  # as above
    """A `ConvTranspose1d` whose in_channels come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConvTranspose1d.html
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposed, ConvTranspose2d):  # type: ignore[misc]  # as above
    """A `ConvTranspose2d` whose in_channels come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConvTranspose2d.html
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposed, ConvTranspose3d):  # type: ignore[misc]  # as above
    """A `ConvTranspose3d` whose in_channels come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConvTranspose3d.html
    """

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin):
    """What the lazy normalisations share; it stands before one of the normalisation classes."""

    def _begin(self: Any, affine: bool, tracking: bool, bias: bool, device: Any, dtype: Any) -> None:
        self.affine = affine
        self.track_running_stats = tracking
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if tracking:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tensor(0, dtype=dtypes.int64, device=device)

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=False)
        self._begin(affine, track_running_stats, bias, device, dtype)

    def reset_parameters(self: Any) -> None:
        """Weight 1, bias 0 and fresh running statistics, once the sizes are known."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()  # type: ignore[misc]  # of the normalisation behind this class

    def initialize_parameters(self: Any, input: Tensor) -> None:
        """Take num_features from dimension 1 of the input."""
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            with no_grad():
                for held in (self.weight, self.bias, self.running_mean, self.running_var):
                    _materialize(held, self.num_features)
                self.reset_parameters()
        elif self.num_features == 0:  # the shapes came from a checkpoint, or there are none
            self.num_features = input.shape[1]


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):  # type: ignore[misc]  # as above
    """A `BatchNorm1d` whose num_features come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyBatchNorm1d.html
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):  # type: ignore[misc]  # as above
    """A `BatchNorm2d` whose num_features come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyBatchNorm2d.html
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):  # type: ignore[misc]  # as above
    """A `BatchNorm3d` whose num_features come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyBatchNorm3d.html
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):  # type: ignore[misc]  # as above
    """An `InstanceNorm1d` whose num_features come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyInstanceNorm1d.html
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):  # type: ignore[misc]  # as above
    """An `InstanceNorm2d` whose num_features come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyInstanceNorm2d.html
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):  # type: ignore[misc]  # as above
    """An `InstanceNorm3d` whose num_features come from the first input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyInstanceNorm3d.html
    """

    cls_to_become = InstanceNorm3d
