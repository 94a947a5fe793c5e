"""Sorting, the k largest, and running sums, products and extremes along a dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.base.shapes import normalize_dim
from kilnn.engine.handle import Handle
from kilnn.ops import sorting as ops
from kilnn.tensor.doors import cast, number_tensor, record, record_many
from kilnn.tensor.functions import results
from kilnn.tensor.functions.joining import cat

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> results.sort:
    """The elements along `dim` in order, and the indices they had. Equal elements always keep their order.

    Args:
        input: tensor.
        dim: dimension.
        descending: from large to small.
        stable: accepted; the sort is always stable.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.sort.html
    """
    return results.sort(*record_many(ops.sort, (input,), (normalize_dim(dim, input.ndim), bool(descending))))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort `input` along `dim`."""
    return sort(input, dim, descending).indices


def msort(input: Tensor) -> Tensor:
    """The elements sorted along the first dimension."""
    return sort(input, 0).values


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> results.topk:
    """The k largest (or smallest) elements along `dim`, in order, and their indices.

    Args:
        input: tensor.
        k: how many; part of the compiled program.
        dim: dimension.
        largest: False for the smallest.
        sorted: accepted; the result is always in order.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.topk.html
    """
    return results.topk(*record_many(ops.topk, (input,), (int(k), normalize_dim(dim, input.ndim), bool(largest))))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> results.kthvalue:
    """The k-th smallest element along `dim` (counted from 1), and its index."""
    return results.kthvalue(*record_many(ops.kthvalue, (input,), (k, normalize_dim(dim, input.ndim), keepdim)))


def cumsum(
    input: Tensor, dim: int | None = None, *, dtype: dtypes.DType | None = None, axis: int | None = None
) -> Tensor:
    """Running sums along `dim`; integers are summed in int64."""
    return _running(ops.cumsum, input, dim if axis is None else axis, dtype)


def cumprod(
    input: Tensor, dim: int | None = None, *, dtype: dtypes.DType | None = None, axis: int | None = None
) -> Tensor:
    """Running products along `dim`; integers are multiplied in int64."""
    return _running(ops.cumprod, input, dim if axis is None else axis, dtype)


def _running(op: Any, input: Tensor, dim: int | None, dtype: dtypes.DType | None) -> Tensor:
    if dim is None:
        raise TypeError(f'{op.name}() missing 1 required positional arguments: "dim"')
    if dtype is not None and dtype.category >= dtypes.FLOAT:
        input = cast(input, dtype)
    return cast(record(op, (input,), (normalize_dim(dim, input.ndim),)), dtype)


def cummax(input: Tensor, dim: int) -> results.cummax:
    """The largest elements so far along `dim`, and their indices."""
    return results.cummax(*record_many(ops.cummax, (input,), (normalize_dim(dim, input.ndim),)))


def cummin(input: Tensor, dim: int) -> results.cummin:
    """The smallest elements so far along `dim`, and their indices."""
    return results.cummin(*record_many(ops.cummin, (input,), (normalize_dim(dim, input.ndim),)))


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences between neighbours along `dim`, taken n times: RuntimeError for n < 0 and for a number."""
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional: got a tensor with no dimension")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    dim = normalize_dim(dim, input.ndim)
    parts = [x for x in (prepend, input, append) if x is not None]
    out = cat(parts, dim) if len(parts) > 1 else input
    for _ in range(n):
        size = out.shape[dim]
        late, early = out.narrow(dim, min(1, size), max(size - 1, 0)), out.narrow(dim, 0, max(size - 1, 0))
        out = late ^ early if out.dtype is dtypes.bool else late - early
    return out


def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Where elements would go in a sorted sequence so that it stays sorted.

    Args:
        sorted_sequence: increasing along its last dimension.
        input: tensor or number; leading dimensions as in `sorted_sequence`, unless that has one dimension.
        out_int32: int32 indices instead of int64.
        right: the last place instead of the first.
        side: "left" or "right", another way to say `right`.
        sorter: the indices that sort `sorted_sequence`, if it is not sorted itself.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.searchsorted.html
    """
    if not isinstance(input, Handle):
        input = number_tensor(input, sorted_sequence.dtype)
    if sorter is not None:
        if sorter.shape != sorted_sequence.shape:
            raise RuntimeError(
                "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
                f"{list(sorted_sequence.shape)} and got sorter tensor {list(sorter.shape)}"
            )
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if right and side == "left":
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    last = right if side is None else side == "right"
    steps = sorted_sequence if sorted_sequence.ndim == 1 else sorted_sequence.unsqueeze(-2)
    values = input.unsqueeze(-1)
    before = steps <= values if last else steps < values
    count: Tensor = before.sum(-1)
    return count.to(dtypes.int32) if out_int32 else count


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The number of the bucket, between sorted boundaries, that each element falls into."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
