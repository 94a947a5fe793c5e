"""Distances and similarities between vectors."""

from __future__ import annotations

import numpy as np

from kilnn.tensor.create import tensor
from kilnn.tensor.functions.shaping import broadcast_tensors
from kilnn.tensor.tensor import Tensor


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """||x1 - x2 + eps||_p along the last dimension.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pairwise_distance.html
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`.

    Example:
        >>> import kilnn
        >>> x = kilnn.tensor([[3.0, 4.0]])
        >>> kilnn.nn.functional.cosine_similarity(x, x * 2).tolist()
        [1.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.cosine_similarity.html
    """
    if x1.shape != x2.shape:
        x1, x2 = broadcast_tensors(x1, x2)
    first = x1 / x1.norm(2, dim, True).clamp_min(eps)
    second = x2 / x2.norm(2, dim, True).clamp_min(eps)
    return (first * second).sum(dim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """||x_i - x_j||_p for each pair i < j of the rows of a matrix.

    Args:
        input: (N, M).
        p: at least 0.

    Returns: (N (N - 1) / 2), pairs in the order (0, 1), (0, 2), ..., (1, 2), ...

    Raises: RuntimeError for other dimensions or a negative p.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.pdist(kilnn.tensor([[0.0, 0.0], [3.0, 4.0]])).tolist()
        [5.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pdist.html
    """
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = (tensor(i, device=input.device) for i in np.triu_indices(input.size(0), 1))
    return (input.index_select(0, first) - input.index_select(0, second)).norm(p, -1)
