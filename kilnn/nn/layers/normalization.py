"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kilnn.base import dtypes
from kilnn.engine.grad_mode import no_grad
from kilnn.nn import functional as F, init
from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter
from kilnn.tensor.create import empty, tensor
from kilnn.tensor.tensor import Tensor


class _NormBase(Module):
    """Parameters and running statistics of batch and instance normalisation."""

    _version = 2
    ranks: tuple[int, ...] = ()
    expected = ""
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, track_running_stats: bool,
        bias: bool, device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, there in (("weight", affine), ("bias", affine and bias)):
            made = Parameter(empty(num_features, device=device, dtype=dtype)) if there else None
            self.register_parameter(name, made)
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, empty(num_features, device=device, dtype=dtype) if track_running_stats else None)
        count = tensor(0, dtype=dtypes.int64, device=device) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Running mean 0, running variance 1, no batches seen."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)  # type: ignore[arg-type]  # there when tracking
            init.ones_(self.running_var)  # type: ignore[arg-type]
            init.zeros_(self.num_batches_tracked)  # type: ignore[arg-type]

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and fresh running statistics."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)  # type: ignore[arg-type]  # there when affine
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in self.ranks:
            raise ValueError(f"expected {self.expected} input (got {input.dim()}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: Any, unexpected_keys: Any,
        error_msgs: Any,
    ) -> None:  # fmt: skip
        version = local_metadata.get("version", None)
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked  # checkpoints of the first version do not have it
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class BatchNorm(_NormBase):
    """The forward pass of batch normalisation."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        training = self.training
        mean, var = self.running_mean, self.running_var
        share = 0.0 if self.momentum is None else self.momentum
        if training and self.track_running_stats:
            count = self.num_batches_tracked
            if count is not None:
                with no_grad():
                    count.add_(1)  # held on the host: this never enters the step's program
                if self.momentum is None:
                    share = 1.0 / float(count.item())
        if training and not self.track_running_stats:
            mean = var = None
        by_batch = training or (self.running_mean is None and self.running_var is None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, by_batch, share, self.eps)


class BatchNorm1d(BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L).

    y = (x - mean) / sqrt(var + eps) * weight + bias with the statistics of the batch for each channel when training,
    the running statistics in evaluation.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: share of each batch in the running statistics; None for the plain mean of all batches.
        affine: whether there are `weight` (ones at first) and `bias` (zeros).
        track_running_stats: False uses the batch in evaluation too.
        bias: False leaves out the bias.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm1d.html
    """

    ranks = (2, 3)
    expected = "2D or 3D"


class BatchNorm2d(BatchNorm):
    """Batch normalisation of (N, C, H, W); see `BatchNorm1d`.

    Example:
        >>> import kilnn
        >>> kilnn.nn.BatchNorm2d(3)(kilnn.randn(2, 3, 4, 4)).shape
        kilnn.Size([2, 3, 4, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm2d.html
    """

    ranks = (4,)
    expected = "4D"


class BatchNorm3d(BatchNorm):
    """Batch normalisation of (N, C, D, H, W); see `BatchNorm1d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm3d.html
    """

    ranks = (5,)
    expected = "5D"


class _InstanceNorm(_NormBase):
    """The forward pass of instance normalisation."""

    unbatched = 0

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        single = input.dim() == self.ranks[0]
        by_input = self.training or not self.track_running_stats
        out = F.instance_norm(
            input.unsqueeze(0) if single else input, self.running_mean, self.running_var, self.weight, self.bias,
            by_input, self.momentum if self.momentum is not None else 0.0, self.eps,
        )  # fmt: skip
        return out.squeeze(0) if single else out


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of each channel of each sample of (N, C, L).

    Args:
        num_features: C.
        eps, momentum: as in `BatchNorm1d`.
        affine, track_running_stats: both False by default.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm1d.html
    """

    ranks = (2, 3)
    expected = "2D or 3D"


class InstanceNorm2d(_InstanceNorm):
    """Normalisation of each channel of each sample of (N, C, H, W); see `InstanceNorm1d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm2d.html
    """

    ranks = (3, 4)
    expected = "3D or 4D"


class InstanceNorm3d(_InstanceNorm):
    """Normalisation of each channel of each sample of (N, C, D, H, W); see `InstanceNorm1d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm3d.html
    """

    ranks = (4, 5)
    expected = "4D or 5D"


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last dimensions.

    Args:
        normalized_shape: sizes of the dimensions normalised together; one number means the last.
        eps: added to the variance.
        elementwise_affine: whether there are `weight` (ones at first) and `bias` (zeros) of that shape.
        bias: False leaves out the bias.

    Example:
        >>> import kilnn
        >>> kilnn.nn.LayerNorm(4)(kilnn.randn(2, 3, 4)).shape
        kilnn.Size([2, 3, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LayerNorm.html
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        self.register_parameter(
            "weight", Parameter(empty(shape, device=device, dtype=dtype)) if elementwise_affine else None
        )
        self.register_parameter(
            "bias", Parameter(empty(shape, device=device, dtype=dtype)) if elementwise_affine and bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """y = x / sqrt(mean(x**2) + eps) * weight over the last dimensions.

    Args:
        normalized_shape: sizes of the dimensions normalised together.
        eps: default the dtype's machine epsilon.
        elementwise_affine: whether there is a `weight` (ones at first).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.RMSNorm.html
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalisation of each group of channels of each sample of (N, C, ...).

    Args:
        num_groups: divides num_channels.
        num_channels: C.
        eps: added to the variance.
        affine: whether there are `weight` (ones at first) and `bias` (zeros) for each channel.

    Raises: ValueError when num_groups does not divide num_channels.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.GroupNorm.html
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError("num_channels must be divisible by num_groups")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        made = [
            Parameter(empty(num_channels, device=device, dtype=dtype)) if on else None
            for on in (affine, affine and bias)
        ]
        self.register_parameter("weight", made[0])
        self.register_parameter("bias", made[1])
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
