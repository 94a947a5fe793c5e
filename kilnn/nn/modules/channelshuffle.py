"""PyTorch's place for the layers of `torch.nn.modules.channelshuffle`."""

from kilnn.nn.layers.shaping import ChannelShuffle

__all__ = ["ChannelShuffle"]
