"""PyTorch's place for the layers of `torch.nn.modules.normalization`."""

from kilnn.nn.layers.normalization import GroupNorm, LayerNorm, RMSNorm
from kilnn.nn.layers.response_normalization import CrossMapLRN2d, LocalResponseNorm

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]
