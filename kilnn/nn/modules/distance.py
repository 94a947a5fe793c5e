"""PyTorch's place for the layers of `torch.nn.modules.distance`."""

from kilnn.nn.layers.distance import CosineSimilarity, PairwiseDistance

__all__ = ["CosineSimilarity", "PairwiseDistance"]
