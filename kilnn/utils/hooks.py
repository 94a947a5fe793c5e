"""kilnn.utils.hooks: PyTorch's place of the handle that removes a hook."""

from kilnn.nn.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
