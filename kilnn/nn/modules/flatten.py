"""PyTorch's place for the layers of `torch.nn.modules.flatten`."""

from kilnn.nn.layers.shaping import Flatten, Unflatten

__all__ = ["Flatten", "Unflatten"]
