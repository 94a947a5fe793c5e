"""Look-up tables and one-hot vectors."""

from __future__ import annotations

from kilnn.engine.grad_mode import no_grad
from kilnn.ops import embedding as ops, indexing
from kilnn.tensor.doors import inplace, record
from kilnn.tensor.tensor import Tensor


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """Rows of `weight` at the whole numbers `input`.

    Args:
        input: whole numbers in [0, num_embeddings), any shape.
        weight: (num_embeddings, embedding_dim).
        padding_idx: the row that gets no gradient.
        max_norm: rows that are looked up and whose norm is larger are scaled down to it, in place.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide gradients by how often the row occurs in `input`.
        sparse: accepted when False only.

    Returns: (*input.shape, embedding_dim).

    Raises: IndexError for a number out of range, when the program has run.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.embedding(kilnn.tensor([1, 0]), kilnn.tensor([[1.0], [2.0]])).tolist()
        [[2.0], [1.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.embedding.html
    """
    if sparse:
        raise NotImplementedError("sparse gradients are not supported; leave sparse=False")
    if padding_idx is not None:
        rows = weight.size(0)
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if max_norm is not None:
        with no_grad():
            inplace(weight, ops.renorm_rows, (weight, input, max_norm), (float(norm_type),))
    return record(ops.embedding, (weight, input), (padding_idx, bool(scale_grad_by_freq)))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Vectors of zeros with a one at the class number.

    Args:
        tensor: whole numbers >= 0, int64, any shape.
        num_classes: length of the vectors; -1 takes the largest number + 1 (this reads the values).

    Returns: (*tensor.shape, num_classes), int64.

    Raises: RuntimeError for a number outside [0, num_classes).

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.one_hot(kilnn.tensor([1, 0]), 3).tolist()
        [[0, 1, 0], [1, 0, 0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.one_hot.html
    """
    if tensor.dtype.name != "int64":
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if num_classes == -1:
        if tensor.numel() == 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = int(tensor.max().item()) + 1
    if num_classes <= 0:
        raise RuntimeError("num_classes should be positive")
    return record(indexing.one_hot, (tensor,), (num_classes,))
