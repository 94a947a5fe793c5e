"""PyTorch's place for the layers of `torch.nn.modules.batchnorm`."""

from kilnn.nn.layers.lazy import LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d
from kilnn.nn.layers.normalization import BatchNorm as _BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, _NormBase
from kilnn.nn.layers.sync_batch_norm import SyncBatchNorm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
    "_BatchNorm",
    "_NormBase",
]
