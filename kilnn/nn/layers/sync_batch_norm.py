"""SyncBatchNorm."""

from __future__ import annotations

from typing import Any

from kilnn.nn.layers.normalization import BatchNorm
from kilnn.nn.module import Module
from kilnn.tensor.tensor import Tensor


class SyncBatchNorm(BatchNorm):
    """Batch normalisation of (N, C, ...) with the statistics of all processes. In one process: batch normalisation.

    Args:
        num_features, eps, momentum, affine, track_running_stats, bias: as in `BatchNorm1d`.
        process_group: None only; there is one process.

    Raises: NotImplementedError for a process_group.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.SyncBatchNorm.html
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, process_group: Any = None, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        if process_group is not None:
            raise NotImplementedError("SyncBatchNorm: there is one process; leave process_group=None")
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.size(1) == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with every batch normalisation in it replaced by one of these that holds the same tensors.

        Source:
        https://docs.pytorch.org/docs/2.13/generated/torch.nn.SyncBatchNorm.html#torch.nn.SyncBatchNorm.convert_sync_batchnorm
        """
        made = module
        if isinstance(module, BatchNorm):
            made = SyncBatchNorm(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group, bias=module.bias is not None,
            )  # fmt: skip
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(made, name, getattr(module, name))
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made
