"""PyTorch's place for the layers of `torch.nn.modules.adaptive`."""

from kilnn.nn.layers.class_loss import AdaptiveLogSoftmaxWithLoss

__all__ = ["AdaptiveLogSoftmaxWithLoss"]
