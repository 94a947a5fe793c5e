"""PyTorch's place for the layers of `torch.nn.modules.fold`."""

from kilnn.nn.layers.folding import Fold, Unfold

__all__ = ["Fold", "Unfold"]
