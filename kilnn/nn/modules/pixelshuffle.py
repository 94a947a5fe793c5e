"""PyTorch's place for the layers of `torch.nn.modules.pixelshuffle`."""

from kilnn.nn.layers.shaping import PixelShuffle, PixelUnshuffle

__all__ = ["PixelShuffle", "PixelUnshuffle"]
