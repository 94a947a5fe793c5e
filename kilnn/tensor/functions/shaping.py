"""Views: the same elements in another shape. Shapes and strides are computed here, as PyTorch's would be."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from kilnn.base import shapes
from kilnn.base.shapes import normalize_dim, normalize_dims
from kilnn.engine.handle import Handle
from kilnn.engine.views import share_a_group
from kilnn.ops import shaping as ops
from kilnn.tensor.doors import geometry, record, unsupported, view

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor

Shape = tuple[int, ...]


def sizes_of(sizes: tuple[Any, ...]) -> Shape:
    """The sizes of a call `f(2, 3)`, `f((2, 3))` or `f([2, 3])`."""
    if not sizes:
        raise TypeError("missing 1 required positional argument: the sizes or dimensions")
    if len(sizes) == 1 and not hasattr(sizes[0], "__index__"):
        sizes = tuple(sizes[0])
    return tuple(map(operator.index, sizes))


# Geometry is cached: a training step asks for the same shapes again and again.


@lru_cache(maxsize=4096)
def _reshaped(shape: Shape, strides: Shape, wanted: Shape) -> tuple[Shape, Shape | None]:
    sizes = shapes.infer_size(wanted, prod(shape))
    return sizes, shapes.view_strides(shape, strides, sizes)


@lru_cache(maxsize=4096)
def _reordered(shape: Shape, strides: Shape, dims: Shape) -> tuple[Shape, Shape]:
    return tuple(shape[d] for d in dims), tuple(strides[d] for d in dims)


@lru_cache(maxsize=4096)
def _widened(shape: Shape, strides: Shape, dim: int) -> tuple[Shape, Shape]:
    place = normalize_dim(dim, len(shape) + 1)
    step = shape[place] * strides[place] if place < len(shape) else 1
    return (*shape[:place], 1, *shape[place:]), (*strides[:place], step, *strides[place:])


@lru_cache(maxsize=4096)
def _narrowed(shape: Shape, strides: Shape, dim: Any) -> tuple[Shape, Shape]:
    if dim is None:
        named: Sequence[int] = range(len(shape))
    else:
        named = normalize_dims(dim if isinstance(dim, tuple) else (dim,), len(shape))
    return _reordered(shape, strides, tuple(d for d, n in enumerate(shape) if n != 1 or d not in named))


_stretched = lru_cache(maxsize=4096)(shapes.expand_strides)


def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements in another shape: a view where the strides allow it, else a copy.

    Args:
        input: tensor.
        sizes, shape: the sizes, by position or name; one of them may be -1, which is then inferred.

    Raises: RuntimeError if the number of elements does not fit.

    Example:
        >>> import kilnn
        >>> kilnn.arange(6).reshape(2, -1).shape
        kilnn.Size([2, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.reshape.html
    """
    old, old_strides, offset = geometry(input)
    sizes, strides = _reshaped(old, old_strides, sizes_of(sizes if shape is None else (shape,)))
    if strides is None:
        return record(ops.reshape_copy, (record(ops.contiguous, (input,), (old,)),), (sizes,))
    return view(ops.reshape, input, (input,), (sizes,), sizes, strides, offset)


def view_(input: Tensor, *shape: Any, dtype: Any = None, size: Any = None) -> Tensor:
    """The same memory in another shape; refuses when only a copy could have it."""
    if dtype is not None or (len(shape) == 1 and hasattr(shape[0], "itemsize") and hasattr(shape[0], "category")):
        raise unsupported("view", "dtype", "the bits of a tensor cannot be read as another dtype")
    old, old_strides, offset = geometry(input)
    sizes, strides = _reshaped(old, old_strides, sizes_of(shape if size is None else (size,)))
    if strides is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return view(ops.reshape, input, (input,), (sizes,), sizes, strides, offset)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`reshape` to the shape of another tensor."""
    return reshape(input, other.shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`view` in the shape of another tensor."""
    return view_(input, other.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from start_dim to end_dim as one."""
    shape = input.aval.shape
    first, last = normalize_dim(start_dim, len(shape)), normalize_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last and shape:
        return input
    return reshape(input, (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return view_(contiguous(input), -1)


def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension split into several; one size may be -1."""
    shape = input.aval.shape
    place = normalize_dim(dim, len(shape))
    wanted = sizes_of((sizes,))
    if wanted.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    known = prod(n for n in wanted if n != -1)
    fits = known and shape[place] % known == 0 if -1 in wanted else known == shape[place]
    if not fits:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(wanted)} don't multiply up to the size of dim {place} ({shape[place]}) "
            "in the input tensor"
        )
    filled = tuple(shape[place] // known if n == -1 else n for n in wanted)
    return view_(input, (*shape[:place], *filled, *shape[place + 1 :]))


def contiguous(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """The tensor itself if its elements lie in memory in the order of their indices, else a copy."""
    if input.is_contiguous():
        return input
    return record(ops.contiguous, (input,), (input.aval.shape,))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new dimension of size 1 at `dim`."""
    old, old_strides, offset = geometry(input)
    shape, strides = _widened(old, old_strides, operator.index(dim))
    return view(ops.unsqueeze, input, (input,), (shape,), shape, strides, offset)


def squeeze(input: Tensor, dim: Any = None, *, axis: Any = None) -> Tensor:
    """Without the dimensions of size 1: all of them, or those named by `dim`."""
    old, old_strides, offset = geometry(input)
    dim = axis if dim is None else dim
    shape, strides = _narrowed(old, old_strides, tuple(dim) if isinstance(dim, list | tuple) else dim)
    return view(ops.squeeze, input, (input,), (shape,), shape, strides, offset)


def _permuted(op: Any, input: Tensor, dims: Shape) -> Tensor:
    old, old_strides, offset = geometry(input)
    shape, strides = _reordered(old, old_strides, dims)
    return view(op, input, (input,), (dims,), shape, strides, offset)


def permute(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """The dimensions in another order.

    Args:
        input: tensor.
        order, dims: each dimension once, by position or name.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.permute.html
    """
    order = sizes_of(order if dims is None else (dims,))
    if len(order) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(order)}"
        )
    places = tuple(normalize_dim(d, len(order)) for d in order)
    if len(set(places)) < len(places):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return _permuted(ops.permute, input, places)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    rank = input.ndim
    a, b = normalize_dim(dim0, rank), normalize_dim(dim1, rank)
    order = list(range(rank))
    if rank:
        order[a], order[b] = b, a
    return _permuted(ops.transpose, input, tuple(order))


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors stay as they are."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return _permuted(ops.t, input, tuple(reversed(range(input.ndim))))


def reversed_dims(input: Tensor) -> Tensor:
    """The dimensions in reverse order (`T`)."""
    return _permuted(ops.permute, input, tuple(reversed(range(input.ndim))))


def matrix_transpose(input: Tensor) -> Tensor:
    """The last two dimensions exchanged (`mT`)."""
    if not input.ndim:
        return input
    if input.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )
    return transpose(input, -2, -1)


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to new places; the others keep their order."""
    rank = input.ndim
    sources = normalize_dims((source,) if isinstance(source, int) else source, rank)
    targets = normalize_dims((destination,) if isinstance(destination, int) else destination, rank)
    if len(sources) != len(targets):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source "
            f"({list(sources)} dims) should contain the same number of dims as destination ({list(targets)} dims)"
        )
    rest = iter(d for d in range(rank) if d not in sources)
    placed = dict(zip(targets, sources, strict=True))
    return _permuted(ops.permute, input, tuple(placed[d] if d in placed else next(rest) for d in range(rank)))


def expand(input: Tensor, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """Dimensions of size 1 stretched, and new ones added in front, without a copy; -1 keeps a size.

    Args:
        input: tensor.
        sizes, size: the new shape, by position or name.
        implicit: accepted; PyTorch's tracer uses it.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.expand.html
    """
    old, old_strides, offset = geometry(input)
    shape, strides = _stretched(old, old_strides, sizes_of(sizes if size is None else (size,)))
    return view(ops.expand, input, (input,), (shape,), shape, strides, offset)


def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """`expand` to a shape."""
    return expand(input, size)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`expand` to the shape of another tensor."""
    return expand(input, other.shape)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Tensors expanded to their common shape."""
    tensors = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    shape = shapes.broadcast_shapes(*[x.shape for x in tensors])
    return tuple(x if x.aval.shape == shape else expand(x, shape) for x in tensors)


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The sum over the dimensions in which `size` would have to be stretched to the tensor's shape.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.sum_to_size.html
    """
    shape, wanted = input.aval.shape, sizes_of(size)
    lead = len(shape) - len(wanted)
    if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, shape[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(shape)}}}.")
    dims = [d for d, m in enumerate(shape) if d < lead or (wanted[d - lead] == 1 and m != 1)]
    if not wanted:
        return input.sum()
    summed: Any = input.sum(dims, keepdim=True) if dims else input
    return view_(summed, wanted) if lead else summed


# Parts. --------------------------------------------------------------------------------------------------------------


def select_part(op: Any, input: Tensor, dim: int, index: int, creation: str = "single") -> Tensor:
    """The view of one index along a dimension, both counted from 0."""
    shape, strides, offset = geometry(input)
    out_shape = (*shape[:dim], *shape[dim + 1 :])
    return view(
        op, input, (input, index), ((dim,), (1,), (1,), out_shape), out_shape,
        (*strides[:dim], *strides[dim + 1 :]), offset + index * strides[dim], creation,
    )  # fmt: skip


def slice_part(op: Any, input: Tensor, dim: int, start: int, size: int, creation: str = "single") -> Tensor:
    """The view of `size` elements from `start` on along a dimension, counted from 0."""
    shape, strides, offset = geometry(input)
    out_shape = (*shape[:dim], size, *shape[dim + 1 :])
    return view(
        op, input, (input, start), ((dim,), (size,), (1,), out_shape), out_shape, strides,
        offset + start * strides[dim], creation,
    )  # fmt: skip


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The part at one index along `dim`, without that dimension."""
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    place, number = normalize_dim(dim, input.ndim), operator.index(index)
    size = input.aval.shape[place]
    if not -size <= number < size:
        raise IndexError(
            f"select(): index {number} out of range for tensor of size {list(input.shape)} at dimension {place}"
        )
    return select_part(ops.select, input, place, number % size)


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` elements from `start` on along `dim`."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    place, first = normalize_dim(dim, input.ndim), operator.index(start)
    size = input.aval.shape[place]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= first <= size:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-size}, {size}], but got {first})")
    first = first + size if first < 0 else first
    if first + length > size:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({size}).")
    return slice_part(ops.slice_, input, place, first, length)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts along `dim`: all of one size but the last, or of the sizes in a list.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.split.html
    """
    if not tensor.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    place = normalize_dim(dim, tensor.ndim)
    size = tensor.aval.shape[place]
    if isinstance(split_size_or_sections, list | tuple):
        sections = list(split_size_or_sections)
        if any(n < 0 for n in sections):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sections}"
            )
        if sum(sections) != size:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension "
                f"{place}), but got split_sizes={sections}"
            )
        return _parts(tensor, place, sections)
    step = operator.index(split_size_or_sections)
    if step < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
    if step == 0 and size:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}")
    return _parts(tensor, place, [min(step, size - start) for start in range(0, size, step)] if size else [0])


def _parts(input: Tensor, dim: int, sections: list[int]) -> tuple[Tensor, ...]:
    parts, start = [], 0
    for size in sections:
        parts.append(slice_part(ops.split, input, dim, start, size, "multi"))
        start += size
    share_a_group(parts)
    return tuple(parts)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most `chunks` parts of one size along `dim`; the last may be smaller."""
    if not input.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    place = normalize_dim(dim, input.ndim)
    size = input.aval.shape[place]
    step = -(-size // chunks)
    return split(input, step, place) if step else _parts(input, place, [0] * chunks)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of n parts whose sizes differ by one at the most, or of the parts between given indices."""
    place = normalize_dim(dim, input.ndim)
    size = input.aval.shape[place]
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if count <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {count}")
        bounds = [0]
        for k in range(count):
            bounds.append(bounds[-1] + size // count + (k < size % count))
    else:
        if isinstance(indices_or_sections, Handle):
            if not indices_or_sections.ndim:  # type: ignore[attr-defined]  # a Tensor
                return tensor_split(input, int(indices_or_sections), dim)  # type: ignore[call-overload]  # a Tensor
            indices_or_sections = indices_or_sections.tolist()  # type: ignore[attr-defined]  # a Tensor
        bounds = [0, *[slice(i).indices(size)[1] for i in indices_or_sections], size]
    return tuple(slice_part(ops.slice_, input, place, a, max(b - a, 0)) for a, b in pairwise(bounds))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of every index along `dim`, without that dimension."""
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    place = normalize_dim(dim, input.ndim)
    parts = tuple(select_part(ops.unbind, input, place, k, "multi") for k in range(input.aval.shape[place]))
    share_a_group(parts)
    return parts


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The view of the diagonal of two dimensions, as the last dimension."""
    shape, strides = input.aval.shape, input.stride()
    a, b = normalize_dim(dim1, len(shape)), normalize_dim(dim2, len(shape))
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    length = max(min(shape[a] + min(offset, 0), shape[b] - max(offset, 0)), 0)
    kept = [d for d in range(len(shape)) if d not in (a, b)]
    start = input.storage_offset() + (max(-offset, 0) * strides[a] + max(offset, 0) * strides[b] if length else 0)
    return view(
        ops.diagonal, input, (input,), (offset, a, b), (*[shape[d] for d in kept], length),
        (*[strides[d] for d in kept], strides[a] + strides[b]), start,
    )  # fmt: skip


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """The view of all windows of `size` elements along a dimension, `step` apart; windows become the last dimension."""
    shape, strides = input.aval.shape, input.stride()
    place = normalize_dim(dimension, len(shape))
    extent = shape[place] if shape else 1
    if size > extent:
        raise RuntimeError(f"maximum size for tensor at dimension {place} is {extent} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not shape:
        return view(ops.unfold, input, (input,), (0, size, step), (size,), (1,), input.storage_offset())
    count = (extent - size) // step + 1
    new_strides = (*strides[:place], strides[place] * step, *strides[place + 1 :], strides[place])
    return view(
        ops.unfold, input, (input,), (place, size, step), (*shape[:place], count, *shape[place + 1 :], size),
        new_strides, input.storage_offset(),
    )  # fmt: skip


swapaxes = swapdims = transpose
moveaxis = movedim
