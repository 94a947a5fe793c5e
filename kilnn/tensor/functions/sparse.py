"""The functions of `kilnn.sparse`: products and sums of sparse tensors."""

from __future__ import annotations

from typing import Any

from kilnn.tensor.doors import is_tensor
from kilnn.tensor.functions.products import mm as dense_mm
from kilnn.tensor.sparse import SparseTensor


def _checked(function: str, x: Any) -> SparseTensor:
    if not isinstance(x, SparseTensor):
        raise TypeError(
            f"{function}: expected a sparse tensor (kilnn.sparse_coo_tensor, to_sparse), got {type(x).__name__}"
        )
    return x


def mm(mat1: Any, mat2: Any) -> Any:
    """The product of two matrices, of which either may be sparse; gradients reach dense matrices and sparse values.

    Args:
        mat1, mat2: matrices. The result is sparse if both are.

    Example:
        >>> import kilnn
        >>> graph = kilnn.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0])
        >>> kilnn.sparse.mm(graph, kilnn.tensor([[1.0], [5.0]])).tolist()
        [[5.0], [2.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.sparse.mm.html
    """
    return dense_mm(mat1, mat2)


def addmm(mat: Any, mat1: Any, mat2: Any, *, beta: float = 1.0, alpha: float = 1.0) -> Any:
    """beta * mat + alpha * (mat1 @ mat2) for a sparse mat1.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.sparse.addmm.html
    """
    if not is_tensor(mat):
        raise TypeError(f"sparse.addmm: expected mat to be a dense tensor, got {type(mat).__name__}")
    return mat * beta + _checked("sparse.addmm: mat1", mat1).mm(mat2) * alpha


def sum(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    """The sum of all elements of a sparse tensor, or of those along some dimensions.

    Args:
        input: a sparse tensor.
        dim: a dimension or several; None for all.
        dtype: to add up in.

    Returns: a sparse tensor; a dense one if no sparse dimension is left.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.sparse.sum.html
    """
    return _checked("sparse.sum", input).sum(dim, dtype)
