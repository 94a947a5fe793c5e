"""Joining, repeating, mirroring, triangles and grids: the results are copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base.dtypes import int64 as _INT64
from kilnn.base.shapes import normalize_dim, normalize_dims
from kilnn.engine.handle import Handle
from kilnn.ops import joining as ops
from kilnn.tensor.convert import observed
from kilnn.tensor.doors import is_tensor, number_for, number_tensor, record, same_dtype, tensor_list
from kilnn.tensor.functions.shaping import broadcast_tensors, diagonal, sizes_of

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def cat(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors joined along an existing dimension.

    Args:
        tensors: tensors of equal shapes but for `dim`; empty one-dimensional ones are skipped.
        dim: dimension.

    Raises: ValueError for an empty list, RuntimeError for shapes that do not fit.

    Example:
        >>> import kilnn
        >>> kilnn.cat([kilnn.zeros(2, 3), kilnn.ones(1, 3)]).shape
        kilnn.Size([3, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cat.html
    """
    if is_tensor(tensors):
        raise TypeError("cat(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    tensors = tuple(tensors)
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for n, x in enumerate(tensors):
        if not x.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {n}) cannot be concatenated")
    tensors = same_dtype(tensors)
    full = [x for x in tensors if x.aval.shape != (0,)] or list(tensors[:1])
    return record(ops.cat, tuple(full), (normalize_dim(dim if axis is None else axis, full[0].ndim),))


concat = concatenate = cat


def stack(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    tensors = tensor_list(tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    place = normalize_dim(dim if axis is None else axis, tensors[0].ndim + 1)
    return record(ops.stack, same_dtype(tensors), (place,))


def _raised(x: Tensor, rank: int) -> Tensor:
    shape = tuple(x.aval.shape)
    if len(shape) >= rank:
        return x
    before = 1 if rank > 1 and len(shape) == 1 else rank if not shape else 0
    wide = (1,) * before + shape
    return x.reshape(wide + (1,) * (rank - len(wide)))


def _at_least(tensors: tuple[Any, ...], rank: int) -> Any:
    if len(tensors) == 1:
        if isinstance(tensors[0], Handle):
            return _raised(tensors[0], rank)  # type: ignore[arg-type]  # a Tensor
        tensors = tuple(tensors[0])
    return tuple(_raised(x, rank) for x in tensors)


def atleast_1d(*tensors: Any) -> Any:
    """Tensors with at least one dimension."""
    return _at_least(tensors, 1)


def atleast_2d(*tensors: Any) -> Any:
    """Tensors with at least two dimensions."""
    return _at_least(tensors, 2)


def atleast_3d(*tensors: Any) -> Any:
    """Tensors with at least three dimensions."""
    return _at_least(tensors, 3)


def _some(name: str, tensors: Any) -> list[Any]:
    found = list(tensors)
    if not found:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return found


def hstack(tensors: Any) -> Tensor:
    """Tensors joined side by side: along dim 1, or dim 0 for vectors."""
    raised = atleast_1d(_some("hstack", tensors))
    return cat(raised, 0 if raised[0].ndim == 1 else 1)


def vstack(tensors: Any) -> Tensor:
    """Tensors joined on top of each other: along dim 0, vectors as rows."""
    return cat(atleast_2d(_some("vstack", tensors)), 0)


row_stack = vstack


def dstack(tensors: Any) -> Tensor:
    """Tensors joined along dim 2."""
    return cat(atleast_3d(_some("dstack", tensors)), 2)


def column_stack(tensors: Any) -> Tensor:
    """Tensors joined as columns."""
    return hstack([x.reshape(-1, 1) if x.ndim <= 1 else x for x in tensors])


def flip(input: Tensor, *places: Any, dims: Any = None) -> Tensor:
    """The elements in reverse order along dims: flip(0, 1), flip((0, 1)) or flip(dims=(0, 1))."""
    places = normalize_dims(sizes_of(places if dims is None else (dims,)), input.ndim)
    return record(ops.flip, (input,), (places if input.ndim else (),))


def fliplr(input: Tensor) -> Tensor:
    """The columns in reverse order."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """The rows in reverse order."""
    if not input.ndim:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """A rotation by k right angles in the plane of two dimensions."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = dims
    if normalize_dim(a, input.ndim) == normalize_dim(b, input.ndim):
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}")
    turn = k % 4
    if turn == 0:
        return input.clone()
    if turn == 2:
        return flip(input, (a, b))
    return flip(input, b).transpose(a, b) if turn == 1 else flip(input.transpose(a, b), b)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved along dims; what falls off at one end comes in at the other.

    Args:
        input: tensor.
        shifts: how far, one number for each of dims; run-time inputs.
        dims: dimensions; None rolls the flattened tensor.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.roll.html
    """
    moves = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or dims == ():
        if len(moves) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:0")
        return record(ops.roll, (input.reshape(-1), *moves), ((0,),)).reshape(input.shape)
    places = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(moves) != len(places):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(places)}")
    return record(ops.roll, (input, *moves), (tuple(normalize_dim(d, input.ndim) for d in places),))


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The last two dimensions with zeros above a diagonal."""
    return record(ops.tril, (input, diagonal))


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The last two dimensions with zeros below a diagonal."""
    return record(ops.triu, (input, diagonal))


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension of `input` on their diagonal."""
    rank = input.ndim + 1
    places = normalize_dim(dim1, rank), normalize_dim(dim2, rank)
    if places[0] == places[1]:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return record(ops.diag_embed, (input,), (offset, *places))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with a vector as its diagonal."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim == 2:
        return diagonal_copy(input, diagonal)
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")


def diagonal_copy(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of the diagonal of two dimensions."""
    return diagonal(input, offset, dim1, dim2).clone()


def repeat(input: Tensor, *counts: Any, repeats: Any = None) -> Tensor:
    """The tensor laid side by side, repeats[d] times along dimension d; new dimensions come first."""
    counts = sizes_of(counts if repeats is None else (repeats,))
    if len(counts) < input.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    whole = [n * size for n, size in zip(counts, (1,) * (len(counts) - input.ndim) + tuple(input.shape), strict=True)]
    if min(whole, default=0) < 0:
        negative = next(n for n in whole if n < 0)
        raise RuntimeError(f"Trying to create tensor with negative dimension {negative}: {whole}")
    return record(ops.repeat, (input,), (tuple([max(n, 0) for n in counts]),))


def tile(input: Tensor, *counts: Any, dims: Any = None) -> Tensor:
    """`repeat`, with ones put in front of too few counts."""
    counts = sizes_of(counts if dims is None else (dims,))
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element of a dimension several times in a row.

    Args:
        input: tensor (or, without `repeats`, the counts, for which the indices 0, 0, 1, ... are returned).
        repeats: a number, or a tensor of counts, whose values are read.
        dim: dimension; None flattens first.
        output_size: accepted.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.repeat_interleave.html
    """
    if repeats is None:
        return _repeated_places(input, input.shape[0])
    if dim is None:
        input, dim = input.reshape(-1), 0
    place = normalize_dim(dim, input.ndim)
    if not isinstance(repeats, Handle):
        return record(ops.repeat_interleave, (input,), (repeats, place))
    return input.index_select(place, _repeated_places(repeats, input.shape[place]))  # type: ignore[arg-type]  # a Tensor


def _repeated_places(counts: Tensor, size: int) -> Tensor:
    times = np.broadcast_to(observed(counts), (size,))
    return number_tensor(np.repeat(np.arange(size), times), _INT64)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Grids of coordinates from vectors.

    Args:
        tensors: vectors or numbers, or one list of them.
        indexing: "ij" (the default: the first vector runs along dim 0) or "xy" (along dim 1).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.meshgrid.html
    """
    vectors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if any(x.dtype is not vectors[0].dtype for x in vectors):
        raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    lines = [x.reshape(-1) for x in vectors]
    swap = indexing == "xy" and len(lines) >= 2
    if swap:
        lines[0], lines[1] = lines[1], lines[0]
    rank = len(lines)
    grids = list(broadcast_tensors(*[x.reshape((1,) * d + (-1,) + (1,) * (rank - d - 1)) for d, x in enumerate(lines)]))
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of the elements of vectors, one row each."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([grid.reshape(-1) for grid in meshgrid(*tensors)], 1)


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices along its diagonal."""
    blocks = atleast_2d(list(tensors))
    width = sum(block.shape[1] for block in blocks)
    rows, start = [], 0
    for block in blocks:
        rows.append(
            record(ops.pad, (block, number_for(block.dtype, 0)), (((0, 0), (start, width - start - block.shape[1])),))
        )
        start += block.shape[1]
    return cat(rows, 0)
