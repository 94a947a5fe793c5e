"""PyTorch's place for the layers of `torch.nn.modules.upsampling`."""

from kilnn.nn.layers.interpolation import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]
