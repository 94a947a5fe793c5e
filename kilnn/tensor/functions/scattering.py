"""Writes by position that combine what meets at one place; and reads whose size is promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.base.shapes import normalize_dim
from kilnn.ops import gathering as ops
from kilnn.tensor.doors import record
from kilnn.tensor.functions import indexing
from kilnn.tensor.functions.joining import cat

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor

_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """input with the elements of src combined with what stands at the positions that index names along `dim`.

    Args:
        input: tensor.
        dim: dimension.
        index: int64 tensor of the same rank.
        src: of the same dtype.
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: whether the element of input at a position takes part.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.scatter_reduce.html
    """
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            f"reduce argument must be either {', '.join(_REDUCTIONS[:-1])} or {_REDUCTIONS[-1]}, got {reduce}"
        )
    place = normalize_dim(dim, input.ndim)
    size = input.shape[place] if input.ndim else 1
    if reduce not in ("sum", "mean"):
        return record(ops.scatter_combined, (input, index, src), (place, size, reduce, bool(include_self)))
    start = input if include_self else indexing.scatter(input, dim, index, value=0)
    total = indexing.scatter_add(start, dim, index, src)
    if reduce == "sum":
        return total
    count = input.new_ones(input.shape) if include_self else input.new_ones(input.shape).scatter(dim, index, value=0)
    count = indexing.scatter_add(count, dim, index, src.new_ones(src.shape)).clamp(min=1)
    if input.dtype.is_floating_point or input.dtype.is_complex:
        return total / count
    return total.div(count, rounding_mode="floor")


def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """input with the slices of source combined ("prod", "mean", "amax", "amin") with its own at the indices.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.index_reduce_.html
    """
    place = normalize_dim(dim, input.ndim)
    if reduce not in _REDUCTIONS[1:]:
        raise RuntimeError(f"reduce argument must be either {', '.join(_REDUCTIONS[1:])}, got {reduce}")
    shape = [1] * input.ndim
    shape[place : place + 1] = [-1] if shape else []
    positions = index.long().reshape(shape).expand(source.shape)
    return scatter_reduce(input, place, positions, source, reduce, include_self=include_self)


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """input with elements written to (or added at) these positions of its flattened form.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.put_.html
    """
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {dtypes.word_of(index.dtype)}")
    if index.numel() != source.numel():
        raise RuntimeError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {index.numel()}"
        )
    return record(ops.put, (input, index, source), (input.numel(), bool(accumulate)))


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` indices of nonzero elements; rows of `fill_value` where there are fewer.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nonzero_static.html
    """
    found = indexing.nonzero(input)[:size]
    missing = size - found.shape[0]
    if not missing:
        return found  # type: ignore[no-any-return]  # a Tensor
    return cat([found, found.new_full((missing, input.ndim), fill_value)])


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Positions in a flattened array as coordinates in its shape.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.unravel_index.html
    """
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    found = []
    rest = indices
    for n in reversed(sizes):
        found.append(rest % n)
        rest = rest.div(n, rounding_mode="floor")
    return tuple(reversed(found))
