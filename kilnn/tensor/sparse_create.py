"""Where sparse tensors come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kilnn.base.dtypes import int64
from kilnn.base.layout import sparse_coo
from kilnn.tensor.create import tensor, zeros
from kilnn.tensor.doors import is_tensor
from kilnn.tensor.sparse import SparseTensor, coordinates


def to_sparse(
    self: Any, sparse_dim: int | None = None, *, layout: Any = None, blocksize: Any = None, dense_dim: Any = None
) -> SparseTensor:
    """The values that are not zero, and their places. Reads the tensor.

    Args:
        sparse_dim: how many of the first dimensions to count places in; all by default. A value is then what the rest
            holds, kept if any of it is not zero.
        layout: `kilnn.sparse_coo` or None; the other layouts raise NotImplementedError.
        blocksize, dense_dim: of other layouts: None only.

    Example:
        >>> import kilnn
        >>> kilnn.eye(2).to_sparse().indices().tolist()
        [[0, 1], [0, 1]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.to_sparse.html
    """
    if isinstance(sparse_dim, type(sparse_coo)):
        sparse_dim, layout = None, sparse_dim
    if (layout is not None and layout is not sparse_coo) or blocksize is not None or dense_dim is not None:
        raise NotImplementedError("to_sparse(): of the sparse layouts, only kilnn.sparse_coo is there")
    return coordinates(self, sparse_dim)


def sparse_coo_tensor(
    indices: Any, values: Any = None, size: Sequence[int] | None = None, *, dtype: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseTensor:  # fmt: skip
    """A tensor given by some of its values; all others are zero.

    Formula: out[indices[:, k]] = sum of the values[k] with these indices.

    Args:
        indices: places, (sparse_dim, nnz), from 0 on; or the size alone, for a tensor of zeros.
        values: values, (nnz, *dense sizes).
        size: the shape; by default just large enough.
        dtype, device: of the values.
        pin_memory: accepted.
        requires_grad: make the values a leaf that asks for its gradient.
        check_invariants: False does not look at the indices.
        is_coalesced: True promises that places are unique and in order.

    Raises: RuntimeError for as many indices as there are no values, and for indices outside of size.

    Example:
        >>> import kilnn
        >>> kilnn.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense().tolist()
        [[0.0, 0.0, 3.0], [4.0, 0.0, 0.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.sparse_coo_tensor.html
    """
    if values is None:
        shape = tuple(indices if size is None else size)
        values = zeros(0, dtype=dtype, device=device)
        places = zeros(len(shape), 0, dtype=int64, device=values.device)
        return SparseTensor(places, values.requires_grad_(requires_grad), shape, True)
    if not is_tensor(values):
        values = tensor(values, dtype=dtype, device=device)
    values = values.to(device=device, dtype=dtype)
    places = (indices if is_tensor(indices) else tensor(indices)).to(device=values.device, dtype=int64)
    if places.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(places.shape)}")
    if values.ndim < 1 or places.shape[1] != values.shape[0]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {places.shape[1]}, nnz from values: "
            f"{values.shape[0] if values.ndim else 0}"
        )
    largest = (
        [-1] * len(places) if not places.numel() else places.amax(1).tolist() if check_invariants is not False else []
    )
    if size is None:
        largest = largest or places.amax(1).tolist()
        size = [n + 1 for n in largest] + list(values.shape[1:])
    elif len(size) != places.shape[0] + values.ndim - 1 or tuple(size[places.shape[0] :]) != tuple(values.shape[1:]):
        raise RuntimeError(
            f"number of dimensions must be sparse_dim ({places.shape[0]}) + dense_dim ({values.ndim - 1}), with values "
            f"of the size's last dimensions, but got size {list(size)} and values of size {list(values.shape)}"
        )
    if largest and places.numel() and places.min().item() < 0:
        raise RuntimeError("found negative index among the indices of sparse_coo_tensor")
    for n, (found, limit) in enumerate(zip(largest, size, strict=False)):
        if found >= limit:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {n}, size is {limit} but found index {found}"
            )
    if requires_grad:
        values = values.detach().requires_grad_()
    return SparseTensor(places, values, size, bool(is_coalesced))
