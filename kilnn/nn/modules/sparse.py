"""PyTorch's place for the layers of `torch.nn.modules.sparse`."""

from kilnn.nn.layers.embedding import Embedding
from kilnn.nn.layers.embedding_bag import EmbeddingBag

__all__ = ["Embedding", "EmbeddingBag"]
