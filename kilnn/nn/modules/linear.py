"""PyTorch's place for the layers of `torch.nn.modules.linear`."""

from kilnn.nn.layers.lazy import LazyLinear
from kilnn.nn.layers.linear import Bilinear, Identity, Linear

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]
