"""Indexing by name: gather, scatter, index_select, masks, and what else reads or writes by position."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.shapes import broadcast_shapes, normalize_dim
from kilnn.engine import views
from kilnn.engine.handle import Handle, new_handle
from kilnn.engine.host import value_from
from kilnn.ops import arithmetic, creation, gathering, indexing as ops, masking
from kilnn.tensor.convert import observed
from kilnn.tensor.doors import number_for, number_tensor, record
from kilnn.tensor.functions.subscripts import bounds_text, index_tensors

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def _extent(input: Tensor, dim: int) -> tuple[int, int]:
    """A dimension counted from 0, and its size."""
    place = normalize_dim(dim, input.ndim)
    return place, input.aval.shape[place] if input.ndim else 1


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices along `dim` named by a vector of indices.

    Raises: IndexError for an index out of range, at the latest when a value is looked at.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.index_select.html
    """
    return record(ops.index_select, (input, index), (normalize_dim(dim, input.ndim),))


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """For every element of index, the element of input at that position along `dim`.

    Formula (dim 0): out[i, j] = input[index[i, j], j].

    Args:
        input: tensor.
        dim: dimension.
        index: int64 or int32 tensor of the same rank, no larger than input in other dimensions.
        sparse_grad: accepted; gradients are dense.

    Raises: RuntimeError for an index out of range, at the latest when a value is looked at.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.gather.html
    """
    return record(gathering.gather, (input, index), _extent(input, dim))


def scatter_plan(input: Tensor, dim: int, index: Tensor, src: Any, value: Any, reduce: Any) -> tuple[Any, Any, Any]:
    """(operation, operands, attributes) of `scatter`; a number is written as a tensor."""
    src = value if src is None else src
    source: Any = src if isinstance(src, Handle) else number_tensor(src, input.dtype)
    if reduce is None:
        return gathering.scatter, (input, index, source), _extent(input, dim)
    if not source.ndim:
        source = source.expand(index.shape)
    if reduce == "add":
        return gathering.scatter_add, (input, index, source), _extent(input, dim)
    if reduce == "multiply":
        return gathering.scatter_combined, (input, index, source), (*_extent(input, dim), "prod", True)
    raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce}")


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """input with the elements of src (or one number) written at the positions that index names along `dim`.

    Formula (dim 0): out[index[i, j], j] = src[i, j]. If a position is named twice, one of the values wins. With reduce
    "add" or "multiply" all are added to, or multiplied into, what stands there.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.scatter.html
    """
    return record(*scatter_plan(input, dim, index, src, value, reduce))


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """input with the elements of src added at the positions that index names along `dim`."""
    return record(gathering.scatter_add, (input, index, src), _extent(input, dim))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` whose index is broadcast with the tensor, and whose negative indices count from the end."""
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    place, size = _extent(input, dim)
    if indices.ndim != input.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    wide = broadcast_shapes(*[(*x.shape[:place], 1, *x.shape[place + 1 :]) for x in (input, indices)])
    index = indices.expand((*wide[:place], indices.shape[place], *wide[place + 1 :]))
    whole = input.expand((*wide[:place], size, *wide[place + 1 :]))
    return gather(whole, place, record(arithmetic.remainder, (index, size)))


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at these positions of the flattened tensor."""
    return record(gathering.take_flat, (input, index), (input.numel(),))


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is true, as a vector. Its size depends on values: what is pending runs."""
    if mask.dtype is not dtypes.bool:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    if input.shape != mask.shape:
        shape = broadcast_shapes(input.shape, mask.shape)
        input, mask = input.expand(shape), mask.expand(shape)
    return record(masking.masked_select, (input, mask, record(masking.true_places, (mask,))))


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the nonzero elements.

    The number of them depends on values: what is pending runs.

    Args:
        input: tensor.
        as_tuple: one vector for each dimension instead of one row for each element.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nonzero.html
    """
    found = argwhere(input if not as_tuple or input.ndim else input.reshape(1))
    return found.unbind(1) if as_tuple else found


def argwhere(input: Tensor) -> Tensor:
    """The indices of the nonzero elements, one row each."""
    found = record(masking.nonzero, (input,))
    return views.with_strides(found, (1, found.shape[0]))  # type: ignore[no-any-return]  # a Tensor; PyTorch's layout


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """input with alpha times the slices of source added at the indices along `dim`."""
    scaled = source if alpha == 1 else record(arithmetic.mul, (source, number_for(source.dtype, alpha)))
    return record(ops.index_add, (input, index, scaled), _extent(input, dim))


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """input with the slices at the indices along `dim` replaced by those of source."""
    return record(ops.index_copy, (input, index, source), _extent(input, dim))


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """input with the slices at the indices along `dim` filled with a value."""
    return record(ops.index_fill, (input, index, filling(input, value)), _extent(input, dim))


def filling(input: Tensor, value: Any) -> Any:
    """A number or zero-dimensional tensor as a tensor in the dtype of `input`."""
    if not isinstance(value, Handle):
        return number_tensor(value, input.dtype)
    return value if value.dtype is input.dtype else record(creation.cast, (value,), (input.dtype.np,))  # type: ignore[attr-defined]  # a Tensor


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """input with values written (or added) at positions given by a tuple of index tensors."""
    dims, tensors = index_tensors(input, indices)
    return record(ops.index_put, (input, values, *tensors), (dims, bounds_text(dims, input.aval.shape), accumulate))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """input with its elements at the true places of the mask replaced, in order, by those of source."""
    shape = broadcast_shapes(input.shape, mask.shape)
    return record(masking.masked_scatter, (input.expand(shape), mask, source))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of input with the part at one index along `dim` replaced."""
    out = input.clone()
    out.select(dim, index).copy_(src)
    return out


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of input with a slice along `dim` replaced."""
    out = input.clone()
    out[(slice(None),) * normalize_dim(dim, input.ndim) + (slice(start, end, step),)] = src
    return out


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """True where an element is one of the test elements."""
    if not isinstance(test_elements, Handle):
        found = elements == test_elements
    elif not isinstance(elements, Handle):
        found = (test_elements == elements).any()
    else:
        found = (elements.unsqueeze(-1) == test_elements.reshape(-1)).any(-1)  # type: ignore[attr-defined]  # Tensors
    return ~found if invert else found  # type: ignore[no-any-return]  # a Tensor


# Results whose size depends on values: computed at once, in NumPy. ---------------------------------------------------


def _host(array: Any, like: Tensor) -> Tensor:
    return new_handle(value_from(np.asarray(array), like.aval.device))  # type: ignore[no-any-return]  # a Tensor


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements (or slices along `dim`), in order. Reads the values.

    Args:
        input: tensor.
        sorted: accepted; the result is always sorted.
        return_inverse: also the index of each element in the result.
        return_counts: also how often each occurs.
        dim: dimension whose slices are compared; None for the elements.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.unique.html
    """
    found = np.unique(observed(input), return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    shape = input.shape if dim is None else (input.shape[dim],)
    results = [_host(found[0], input)]
    if return_inverse:
        results.append(_host(found[1].reshape(shape).astype(np.int64), input))
    if return_counts:
        results.append(_host(found[2].astype(np.int64), input))
    return results[0] if len(results) == 1 else tuple(results)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along `dim`) without immediate repetitions. Reads the values."""
    array = observed(input)
    if dim is None:
        rows = array.reshape(-1, 1)
    else:
        rows = np.moveaxis(array, dim, 0)
        rows = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    fresh = np.ones(len(rows), np.bool_)
    fresh[1:] = (rows[1:] != rows[:-1]).any(1)
    starts = np.flatnonzero(fresh)
    results = [_host(array.reshape(-1)[starts] if dim is None else np.take(array, starts, dim), input)]
    if return_inverse:
        inverse = np.cumsum(fresh) - 1
        results.append(_host((inverse.reshape(array.shape) if dim is None else inverse).astype(np.int64), input))
    if return_counts:
        results.append(_host(np.diff(np.append(starts, len(rows))).astype(np.int64), input))
    return results[0] if len(results) == 1 else tuple(results)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each whole number occurs, or the sum of its weights. Reads the values."""
    array = observed(input)
    if input.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return _host(np.bincount(array, minlength=minlength).astype(np.int64), input)
    counted = np.bincount(array, observed(weights), minlength)
    return _host(counted.astype(np.float32 if weights.dtype is dtypes.float32 else np.float64), input)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` equal intervals between min and max. Reads the values."""
    array = observed(input)
    low, high = float(min), float(max)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = low - 1, high + 1
    return _host(np.histogram(array, bins, (low, high))[0].astype(array.dtype), input)
