"""x[...]: reading a subscript into one view and, if it holds tensors, one indexing operation on that view.

Whole numbers, slices, None and `...` make a view; their starts are run-time inputs, so `x[i]` in a loop compiles once.
Tensors, lists, arrays and masks make a copy (reading) or a write by position.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kilnn.engine.handle import Handle, new_handle
from kilnn.engine.host import value_from
from kilnn.engine.mutation import refuse_overlapping
from kilnn.ops import creation, indexing, masking, selection, shaping
from kilnn.tensor.doors import geometry, inplace, number_for, number_tensor, record, view
from kilnn.tensor.functions import casting

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


class _Basic(NamedTuple):
    """The view that a subscript begins with: the block of the tensor, and the shape it is seen in."""

    dims: tuple[int, ...]
    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: tuple[int, ...]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    op: Any  # None: no view is needed
    whole: bool  # nor is it for writing: slices that leave nothing out


def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key]."""
    if key.__class__ is int:
        return _at(x, key)
    basic, indices = _read(x, key)
    base = _view_of(x, basic, alias=not indices)
    return _take(base, indices) if indices else base


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """x[key] = value."""
    if key is False:
        return
    basic, indices = _read(x, None if key is True else key)
    base = _view_of(x, basic, alias=False)
    if not isinstance(value, Handle):
        if isinstance(value, np.generic):
            value = value.item()
        elif not isinstance(value, bool | int | float):
            raise TypeError(f"can't assign a {type(value).__name__} to a tensor of {x.dtype!r}")
    if indices:
        _put(base, indices, value)
    elif not isinstance(value, Handle):
        refuse_overlapping(base)
        inplace(base, creation.fill_like, (base, number_for(base.dtype, value)))
    else:
        inplace(base, creation.copy, (base, _without_leading_ones(casting.to(value, base.device), base.ndim)))  # type: ignore[arg-type]  # a Tensor


def _at(x: Tensor, index: int) -> Tensor:
    shape, strides, offset = geometry(x)
    if not shape:
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
            "0-dim tensor to a number"
        )
    size = shape[0]
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for dimension 0 with size {size}")
    place = index % size
    rest = shape[1:]
    return view(
        shaping.select,
        x,
        (x, place),
        ((0,), (1,), (1,), rest),
        rest,
        strides[1:],
        offset + place * strides[0],
    )


def _without_leading_ones(value: Any, rank: int) -> Any:
    """A value may have more dimensions than the place it is written to, if they are of size 1."""
    shape = value.aval.shape
    extra = len(shape) - rank
    return value.reshape(shape[extra:]) if extra > 0 and all(n == 1 for n in shape[:extra]) else value


def _items(key: Any) -> list[Any]:
    """The parts of a subscript, with arrays, lists and ranges as tensors."""
    if isinstance(key, tuple):
        parts = list(key)
    elif isinstance(key, list) and len(key) < 32 and any(_is_structured(x) for x in key):
        parts = key  # a short list of sequences, slices or tensors is a tuple, as in old NumPy
    else:
        parts = [key]
    return [_item(part) for part in parts]


def _is_structured(x: Any) -> bool:
    return x is None or x is Ellipsis or isinstance(x, slice | list | tuple | range | np.ndarray | Handle)


def _item(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, bool | int | slice | Handle):
        return part
    if isinstance(part, np.bool_):
        return bool(part)
    if isinstance(part, np.integer):
        return int(part)
    if isinstance(part, np.ndarray | list | tuple | range):
        return _positions(part)
    if hasattr(part, "__index__"):
        return operator.index(part)
    if isinstance(part, str):
        raise TypeError("new(): invalid data type 'str'")
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {type(part).__name__})"
    )


def _positions(part: Any) -> Tensor:
    plain = list(part) if isinstance(part, range) else part
    if isinstance(plain, list | tuple):
        plain = [x.tolist() if isinstance(x, Handle) else x for x in plain]  # type: ignore[attr-defined]  # Tensors
    array = np.array(plain)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    made: Tensor = new_handle(value_from(array if array.dtype.kind == "b" else array.astype(np.int64)))
    return made


def _consumed(part: Any) -> int:
    """How many dimensions of the tensor a part of a subscript stands for."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    if isinstance(part, Handle) and _is_mask(part):
        return len(part.aval.shape)  # type: ignore[attr-defined]  # a Tensor
    return 1


def _is_mask(part: Any) -> bool:
    return part.aval.dtype in (np.bool_, np.uint8)


class _Reader:
    """Goes through a subscript from left to right; `dim` is the dimension of the tensor it has come to."""

    def __init__(self, x: Tensor, parts: list[Any]) -> None:
        self.shape, self.strides, self.offset = geometry(x)
        self.dim = 0
        self.left = len(self.shape) - sum(map(_consumed, parts))  # dimensions that an ellipsis stands for
        self.blocks: list[tuple[int, int, int, int]] = []  # dim, start, size, step
        self.out_shape: list[int] = []
        self.out_strides: list[int] = []
        self.indices: list[tuple[int, Any]] = []
        self.op: Any = None
        self.whole_slices = True  # `:` and the like; not -1:, even where it leaves nothing out

    def whole(self, count: int) -> None:
        """The next `count` dimensions as they are."""
        self.out_shape += self.shape[self.dim : self.dim + count]
        self.out_strides += self.strides[self.dim : self.dim + count]
        self.dim += count

    def new_dimension(self) -> None:
        inner = self.shape[self.dim] * self.strides[self.dim] if self.dim < len(self.shape) else 1
        self.out_shape.append(1)
        self.out_strides.append(inner)
        self.op = self.op or shaping.unsqueeze

    def slice(self, part: slice) -> None:
        dim = self.dim
        start, size, step = _bounds(part, self.shape[dim])
        if size != self.shape[dim] or step != 1:
            self.blocks.append((dim, start, size, step))
        if self.op is not shaping.select:
            self.op = shaping.slice_
        self.whole_slices &= (
            not part.start and step == 1 and (part.stop is None or operator.index(part.stop) >= self.shape[dim])
        )
        self.offset += start * self.strides[dim]
        self.out_shape.append(size)
        self.out_strides.append(self.strides[dim] * step)
        self.dim += 1

    def number(self, part: Any) -> None:
        dim, index = self.dim, operator.index(part)
        size = self.shape[dim]
        if not -size <= index < size:
            raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")
        self.blocks.append((dim, index % size, 1, 1))
        self.op = shaping.select
        self.offset += (index % size) * self.strides[dim]
        self.dim += 1

    def positions(self, part: Any, count: int) -> None:
        """An index tensor that stands for `count` dimensions of the view."""
        self.indices.append((len(self.out_shape), part))
        if count:
            self.whole(count)

    def basic(self) -> _Basic:
        self.whole(len(self.shape) - self.dim)
        op = self.op
        if self.indices and not self.blocks and op is shaping.slice_ and len(self.out_shape) == len(self.shape):
            op = None  # only whole dimensions beside the index tensors
        whole = op is shaping.slice_ and self.whole_slices and len(self.out_shape) == len(self.shape)
        columns: Any = zip(*self.blocks, strict=True) if self.blocks else ((), (), (), ())
        dims, starts, sizes, steps = (tuple(column) for column in columns)
        return _Basic(
            dims, starts, sizes, steps, tuple(self.out_shape), tuple(self.out_strides), self.offset, op, whole
        )


def _read(x: Tensor, key: Any) -> tuple[_Basic, list[tuple[int, Any]]]:
    """A subscript as a view and the (dimension of the view, index tensor) pairs that are applied to it."""
    parts = _items(key)
    reader = _Reader(x, parts)
    if reader.left < 0:
        if not reader.shape:
            _refuse_scalar(parts)
        raise IndexError(f"too many indices for tensor of dimension {len(reader.shape)}")
    for part in parts:
        if part is Ellipsis:
            reader.whole(reader.left)
            reader.left = 0  # a second ellipsis stands for nothing
        elif part is None:
            reader.new_dimension()
        elif isinstance(part, slice):
            reader.slice(part)
        elif isinstance(part, bool) or (isinstance(part, Handle) and _is_flag(part)):
            reader.positions(np.zeros(int(bool(part)), np.int64), 0)
            reader.new_dimension()
        elif isinstance(part, Handle) and (part.aval.shape or _is_mask(part)):  # type: ignore[attr-defined]  # a Tensor
            reader.positions(part, _consumed(part))
        else:
            reader.number(part)
    return reader.basic(), reader.indices


def _is_flag(part: Any) -> bool:
    """A zero-dimensional mask: it adds a dimension of size 1 or 0."""
    return not part.aval.shape and _is_mask(part)


def _refuse_scalar(parts: list[Any]) -> None:
    if any(isinstance(part, slice) for part in parts):
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    raise IndexError(
        "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
        "0-dim tensor to a number"
    )


def _bounds(part: slice, size: int) -> tuple[int, int, int]:
    """Start, number of elements and step of a slice of a dimension."""
    step = 1 if part.step is None else operator.index(part.step)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if step < 0:
        raise ValueError("step must be greater than zero")
    start, stop, _ = part.indices(size)
    return start, max(0, -(-(stop - start) // step)), step


def _view_of(x: Tensor, basic: _Basic, alias: bool) -> Tensor:
    if basic.op is None or (basic.whole and not alias):
        if not alias:
            return x
        return view(shaping.alias, x, (x,), (basic.shape,), basic.shape, basic.strides, basic.offset)
    if basic.op is shaping.unsqueeze and not basic.dims:
        return view(basic.op, x, (x,), (basic.shape,), basic.shape, basic.strides, basic.offset)
    attributes = (basic.dims, basic.sizes, basic.steps, basic.shape)
    return view(basic.op, x, (x, *basic.starts), attributes, basic.shape, basic.strides, basic.offset)


# Index tensors. ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def bounds_text(dims: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """The end of the message for a position out of range."""
    if len(dims) == 1:
        return f"dimension {dims[0]} with size {shape[dims[0]]}"
    sizes = ", ".join(str(shape[d]) for d in dims)
    return f"dimensions {', '.join(map(str, dims))} with sizes {sizes}"


def _mask(part: Any) -> Any:
    return part if part.aval.dtype == np.bool_ else part != 0


def _places(base: Tensor, indices: list[tuple[int, Any]]) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The dimensions and the position tensors of an index; masks become the positions of their true elements."""
    dims: list[int] = []
    tensors: list[Any] = []
    for dim, part in indices:
        if isinstance(part, np.ndarray):
            dims.append(dim)
            tensors.append(new_handle(value_from(part)))
        elif _is_mask(part):
            mask = _mask(part)
            _check_mask(base, mask, dim)
            found = record(masking.nonzero, (mask,))
            dims += range(dim, dim + mask.ndim)
            tensors += [found[:, k] for k in range(mask.ndim)]
        else:
            dims.append(dim)
            tensors.append(part)
    return tuple(dims), tuple(tensors)


def _check_mask(base: Tensor, mask: Tensor, dim: int) -> None:
    shape = mask.aval.shape
    for d, n in enumerate(shape):
        if base.aval.shape[dim + d] != n:
            raise IndexError(
                f"The shape of the mask {list(shape)} at index {d} does not match the shape of the indexed tensor "
                f"{list(base.shape)} at index {dim + d}"
            )


def _take(base: Tensor, indices: list[tuple[int, Any]]) -> Tensor:
    if len(indices) == 1 and isinstance(indices[0][1], Handle) and _is_mask(indices[0][1]):
        dim, part = indices[0]
        mask = _mask(part)
        _check_mask(base, mask, dim)
        return record(masking.index_mask, (base, mask, record(masking.true_places, (mask,))), (dim,))
    dims, tensors = _places(base, indices)
    return record(indexing.index, (base, *tensors), (dims, bounds_text(dims, base.aval.shape)))


def _put(base: Tensor, indices: list[tuple[int, Any]], value: Any) -> None:
    if not isinstance(value, Handle):
        value = number_tensor(value, base.dtype)
    if len(indices) == 1 and isinstance(indices[0][1], Handle) and _is_mask(indices[0][1]):
        dim, part = indices[0]
        mask = _mask(part)
        rest = base.ndim - dim - mask.ndim
        if value.aval.size == 1 or (not dim and value.ndim <= rest):
            # No element depends on how many are true: a select, which needs no values.
            _check_mask(base, mask, dim)
            wide = mask.reshape((*mask.aval.shape, *(1,) * rest))
            part_value = value.reshape(()) if value.aval.size == 1 else value
            part_value = mask_value(base, mask, part_value)
            _same_dtype(base, part_value)
            inplace(base, selection.masked_write, (base, wide, part_value))
            return
    dims, tensors = _places(base, indices)
    put_at(base, dims, tensors, value, False)


def _same_dtype(base: Tensor, value: Any) -> None:
    if value.dtype is not base.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, "
            f"got {value.dtype!r} for the source and {base.dtype!r} for the destination."
        )


def mask_value(base: Tensor, mask: Any, value: Any) -> Any:
    """A single element written through a mask is a number: it takes the target's dtype."""
    if value.aval.size != 1 or value.dtype is base.dtype or not (isinstance(mask, Handle) and _is_mask(mask)):
        return value
    return record(creation.cast, (value,), (base.dtype.np,))


def put_at(base: Tensor, dims: tuple[int, ...], tensors: tuple[Any, ...], value: Any, accumulate: bool) -> Tensor:
    """Write, or add, a value at positions of a tensor, in place."""
    _same_dtype(base, value)
    rank = len(indexing.result_shape(base.aval.shape, dims, indexing.index_shape([t.aval.shape for t in tensors])))
    value = _without_leading_ones(value, rank)
    attributes = (dims, bounds_text(dims, base.aval.shape), accumulate)
    return inplace(base, indexing.index_put, (base, value, *tensors), attributes)


def index_tensors(x: Tensor, indices: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The dims and position tensors of `index_put(indices)`: one tensor, mask or None for each leading dimension."""
    pairs: list[tuple[int, Any]] = []
    dim = 0
    for part in indices:
        if part is None:
            dim += 1
            continue
        item = _item(part)
        pairs.append((dim, item))
        dim += _consumed(item)
    return _places(x, pairs)
