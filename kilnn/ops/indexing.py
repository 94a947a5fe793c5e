"""Indexing with tensors of positions or masks: reads, writes, sums. The attribute `size` is the size of `dim`.

Positions out of range are an error of PyTorch that depends on values: each operation states it as a `check`, and reads
or writes something harmless meanwhile.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import size_text, type_name
from kilnn.ops.spec import op

IN_BOUNDS = lax.GatherScatterMode.PROMISE_IN_BOUNDS
_INT64 = np.dtype(np.int64)


# x[i, j, ...]: `dims` says which dimensions the index tensors stand for. ---------------------------------------------


def _wrapped(indices: Any, shape: Any, dims: tuple[int, ...]) -> list[Any]:
    """The index tensors broadcast together, negative positions counted from the end, in bounds."""
    out = []
    for i, d in zip(jnp.broadcast_arrays(*indices), dims, strict=True):
        size = shape[d]
        out.append(jnp.clip(jnp.where(i < 0, i + size, i), 0, max(size - 1, 0)).astype(_INT64))
    return out


def _place(dims: tuple[int, ...]) -> int:
    """Where the dimensions of the index go in the result: in place of adjacent dims, else to the front."""
    return dims[0] if dims[-1] - dims[0] == len(dims) - 1 else 0


def _window(rank: int, dims: tuple[int, ...], index_rank: int) -> tuple[int, ...]:
    """The dimensions of the result that are whole dimensions of x."""
    place = _place(dims)
    rest = rank - len(dims)
    return tuple(d if d < place else d + index_rank for d in range(rest))


def result_shape(shape: Any, dims: tuple[int, ...], index_shape: Any) -> tuple[int, ...]:
    rest = [n for d, n in enumerate(shape) if d not in dims]
    place = _place(dims)
    return (*rest[:place], *index_shape, *rest[place:])


def take(x: Any, indices: Any, dims: tuple[int, ...]) -> Any:
    """x[..., indices, ...] on JAX arrays."""
    places = _wrapped(indices, x.shape, dims)
    if not x.size:
        return lax.full(result_shape(x.shape, dims, places[0].shape), 0, x.dtype)
    numbers = lax.GatherDimensionNumbers(_window(x.ndim, dims, places[0].ndim), dims, dims)
    sizes = tuple(1 if d in dims else n for d, n in enumerate(x.shape))
    return lax.gather(x, jnp.stack(places, -1), numbers, sizes, mode=IN_BOUNDS)


def write(x: Any, value: Any, indices: Any, dims: tuple[int, ...], accumulate: bool) -> Any:
    """x with x[..., indices, ...] replaced by (or increased by) value, broadcast to the shape of the read."""
    if not x.size:
        return x
    places = _wrapped(indices, x.shape, dims)
    shape = result_shape(x.shape, dims, places[0].shape)
    numbers = lax.ScatterDimensionNumbers(_window(x.ndim, dims, places[0].ndim), dims, dims)
    scatter = lax.scatter_add if accumulate else lax.scatter
    if accumulate and x.dtype == np.bool_:
        return write(x.astype(np.uint8), value.astype(np.uint8), indices, dims, True) != 0
    return scatter(x, jnp.stack(places, -1), jnp.broadcast_to(value, shape), numbers, mode=IN_BOUNDS)


def _host_key(x: Any, indices: Any, dims: tuple[int, ...]) -> tuple[Any, ...]:
    key: list[Any] = [slice(None)] * x.ndim
    for i, d in zip(indices, dims, strict=True):
        key[d] = i
    return tuple(key)


def index_shape(shapes: list[Any]) -> tuple[int, ...]:
    """The common shape of index tensors."""
    try:
        return np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            + ", ".join(map(size_text, shapes))
        ) from None


def _check_positions(x: Any, indices: Any, dims: tuple[int, ...]) -> None:
    for i in indices:
        if i.dtype.kind not in "iu":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    shape = index_shape([i.shape for i in indices])
    if 0 not in shape and any(x.shape[d] == 0 for d in dims):
        raise IndexError("index is out of bounds for dimension with size 0")


def _out_of_bounds(indices: Any, shape: Any, dims: tuple[int, ...]) -> tuple[Any, Any]:
    bad, values = [], []
    read = all(n for d, n in enumerate(shape) if d not in dims)  # PyTorch looks at no position if nothing is read
    for i, d in zip(indices, dims, strict=True):
        bad.append((((i < -shape[d]) | (i >= shape[d])) & read).reshape(-1))
        values.append(i.reshape(-1))
    if len(bad) == 1:
        return bad[0], values[0]
    join = np.concatenate if isinstance(bad[0], np.ndarray) else jnp.concatenate
    return join(bad), join(values)


def _index_on_host(x: Any, *indices: Any, dims: tuple[int, ...], bounds: str) -> Any:
    bad, values = _out_of_bounds(indices, x.shape, dims)
    if bad.any():
        raise IndexError(f"index {values[bad.argmax()]} is out of bounds for {bounds}")
    shape = result_shape(x.shape, dims, index_shape([i.shape for i in indices]))
    return np.empty(shape, x.dtype) if 0 in shape else x[_host_key(x, indices, dims)]


@op(host=_index_on_host)
def index(x, *indices, dims, bounds):
    """x[indices]. `bounds` is the end of the message for a position out of range."""
    return take(x, indices, dims)


@index.grad("x")
def _(ct, indices, x_shape, dims):
    return write(lax.full(x_shape, 0, ct.dtype), ct, indices, dims, True)


@index.validate
def _(x, *indices, dims, bounds):
    _check_positions(x, indices, dims)


@index.check(IndexError, "index {value} is out of bounds for {bounds}")
def _(indices, x_shape, dims, bounds):
    return _out_of_bounds(indices, x_shape, dims)


@op(backward_name="IndexPutBackward0")
def index_put(x, value, *indices, dims, bounds, accumulate):
    """x with x[indices] replaced by value, or increased by it."""
    return write(x, value, indices, dims, accumulate)


@index_put.grad("x")
def _(ct, indices, dims, accumulate):
    return ct if accumulate else write(ct, jnp.zeros((), ct.dtype), indices, dims, False)


@index_put.grad("value")
def _(ct, indices, dims):
    return take(ct, indices, dims)


@index_put.validate
def _(x, value, *indices, dims, bounds, accumulate):
    _check_positions(x, indices, dims)
    if value.dtype != x.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, "
            f"got {type_name(x.dtype)} for the destination and {type_name(value.dtype)} for the source."
        )
    target = result_shape(x.shape, dims, index_shape([i.shape for i in indices]))
    shape = tuple(value.shape)
    fits = len(shape) <= len(target) and all(n in (1, m) for n, m in zip(shape[::-1], target[::-1], strict=False))
    if not fits:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {size_text(shape)} cannot be broadcast to indexing result of "
            f"shape {size_text(target)}"
        )


@index_put.check(IndexError, "index {value} is out of bounds for {bounds}")
def _(indices, x_shape, dims, bounds):
    return _out_of_bounds(indices, x_shape, dims)


# One index tensor along one dimension. -------------------------------------------------------------------------------


def _check_vector(name: str, x: Any, index: Any) -> None:
    if len(index.shape) > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector")
    if index.dtype not in (np.int32, np.int64):
        raise RuntimeError(f"{name}(): Expected dtype int32 or int64 for index")
    count = index.shape[0] if index.shape else 1
    if not x.shape and count != 1:
        raise RuntimeError(f"{name}(): Index to scalar can have only 1 value, got {count} value(s)")


def _line(index: Any) -> Any:
    return index.reshape((1,)) if index.ndim == 0 else index


def _take_on_host(x: Any, index: Any, *, dim: int) -> Any:
    if ((index < 0) | (index >= (x.shape[dim] if x.ndim else 1))).any():
        raise IndexError("index out of range in self")
    return np.take(x, _line(index), dim) if x.ndim else x


@op(host=_take_on_host)
def index_select(x, index, *, dim):
    return take(x, (_line(index),), (dim,)) if x.ndim else x


@index_select.grad("x")
def _(ct, index, x_shape, dim):
    return write(lax.full(x_shape, 0, ct.dtype), ct, (_line(index),), (dim,), True) if x_shape else ct


index_select.validate(lambda x, index, *, dim: _check_vector("index_select", x, index))


@index_select.check(IndexError, "index out of range in self")
def _(index, x_shape, dim):
    return (index < 0) | (index >= (x_shape[dim] if x_shape else 1)), index


@op
def index_add(x, index, source, *, dim, size):
    """x with the slices of source added at the places named by index."""
    return write(x, source, (_line(index),), (dim,), True) if x.ndim else x + source.reshape(-1).sum(dtype=x.dtype)


@index_add.grad("x")
def _(ct):
    return ct


# PyTorch's node saves the source, of which it needs the rank only.
@index_add.grad("source")
def _(ct, index, source, dim):
    return take(ct, (_line(index),), (dim,)).reshape(source.shape) if ct.ndim else jnp.broadcast_to(ct, source.shape)


@op
def index_copy(x, index, source, *, dim, size):
    """x with the slices named by index replaced by those of source."""
    return write(x, source, (_line(index),), (dim,), False) if x.ndim else source.reshape(())


@index_copy.grad("x")
def _(ct, index, dim):
    return write(ct, jnp.zeros((), ct.dtype), (_line(index),), (dim,), False) if ct.ndim else jnp.zeros_like(ct)


@index_copy.grad("source")
def _(ct, index, source, dim):
    return take(ct, (_line(index),), (dim,)).reshape(source.shape) if ct.ndim else ct.reshape(source.shape)


@op
def index_fill(x, index, value, *, dim, size):
    """x with the slices named by index filled with a value."""
    return write(x, value, (_line(index),), (dim,), False) if x.ndim else value


@index_fill.grad("x")
def _(ct, index, dim):
    return write(ct, jnp.zeros((), ct.dtype), (_line(index),), (dim,), False) if ct.ndim else jnp.zeros_like(ct)


@index_fill.grad("value")
def _(ct, index, x_shape, dim):
    if not x_shape:
        return ct
    hit = write(jnp.zeros(x_shape, np.bool_), jnp.ones((), np.bool_), (_line(index),), (dim,), False)
    return lax.reduce_sum(jnp.where(hit, ct, 0), tuple(range(ct.ndim)))


def _check_slices(name: str, x: Any, index: Any, source: Any, dim: int, error: type[Exception], end: str) -> None:
    if len(index.shape) > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got dim: {len(index.shape)} with type: Long")
    count = index.shape[0] if index.shape else 1
    if source.shape and x.shape and source.shape[dim] != count:
        found = source.shape[dim]
        raise error(
            f"{name}(): Number of indices ({count}) should be equal to source.size(dim){end.format(found, dim)}"
        )


@index_add.validate
def _(x, index, source, *, dim, size):
    if index.dtype not in (np.int32, np.int64):
        raise RuntimeError(f"index_add_(): Expected dtype int32/int64 for index but got: {type_name(index.dtype)}")
    if x.dtype != source.dtype:
        raise RuntimeError(
            f"index_add_(): self ({type_name(x.dtype)}) and source ({type_name(source.dtype)}) "
            "must have the same scalar type"
        )
    _check_slices("index_add_", x, index, source, dim, RuntimeError, ": ({}), for dim: {}")
    if _other_sizes(x.shape, dim) != _other_sizes(source.shape, dim):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{size_text(x.shape)} source.shape = {size_text(source.shape)}"
        )


@index_copy.validate
def _(x, index, source, *, dim, size):
    if index.dtype != np.int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {type_name(index.dtype)}")
    if x.dtype != source.dtype:
        raise RuntimeError(
            f"index_copy_(): self and source expected to have the same dtype, but got (self) {type_name(x.dtype)} "
            f"and (source) {type_name(source.dtype)}"
        )
    mine, theirs = _other_sizes(x.shape, dim), _other_sizes(source.shape, dim)
    if mine != theirs:
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{' '.join(map(str, mine))} at dimension {dim} and source slice shape: {' '.join(map(str, theirs))} "
            f"at dimension {dim}."
        )
    _check_slices("index_copy_", x, index, source, dim, IndexError, " ({})")


def _other_sizes(shape: Any, dim: int) -> tuple[int, ...]:
    return tuple(n for d, n in enumerate(shape) if d != dim)


@index_fill.validate
def _(x, index, value, *, dim, size):
    if index.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if len(index.shape) > 1:
        raise RuntimeError("Index has to be a vector/scalar")


@index_add.check(RuntimeError, "index {value} is out of bounds for dimension {dim} with size {size}")
def _(index, dim, size):
    return (index < 0) | (index >= size), index


@index_copy.check(IndexError, "index_copy_(): index {value} is out of bounds for dimension {dim} with size {size}")
def _(index, dim, size):
    return (index < 0) | (index >= size), index


@index_fill.check(IndexError, "index {value} is out of bounds for dimension {dim} with size {size}")
def _(index, dim, size):
    return (index < -size) | (index >= size), index


@op
def one_hot(index, *, num_classes):
    """1 at the class named by each element along a new last dimension, 0 elsewhere."""
    classes = lax.broadcasted_iota(_INT64, (*index.shape, num_classes), index.ndim)
    return (lax.expand_dims(index, (index.ndim,)) == classes).astype(_INT64)


@one_hot.validate
def _(index, *, num_classes):
    if index.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")


@one_hot.check(
    RuntimeError, "Class values must be non-negative and smaller than num_classes ({num_classes}), but got {value}."
)
def _(index, num_classes):
    return (index < 0) | (index >= num_classes), index
