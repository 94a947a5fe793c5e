"""PyTorch's place for the layers of `torch.nn.modules.lazy`."""

from kilnn.nn.lazy import LazyModuleMixin

__all__ = ["LazyModuleMixin"]
