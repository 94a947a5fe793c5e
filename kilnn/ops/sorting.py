"""Operations that rank elements or run along a dimension: extremes with their places, sorting, medians, running sums.

Those that return (values, indices) save the indices only; the gradient goes back to the places they name.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import wide as wide_of
from kilnn.ops.gathering import pick
from kilnn.ops.operands import is_bool, is_nan
from kilnn.ops.reduction import to_equals
from kilnn.ops.spec import op

_INT64 = np.dtype(np.int64)


def _line(x: Any) -> Any:
    """A zero-dimensional array as one of one dimension, so that it can be worked on along dim 0."""
    return lax.reshape(x, (1,)) if x.ndim == 0 else x


def _require_size(name: str, x: Any, dim: int | None) -> None:
    if dim is None:
        if 0 in x.shape:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    elif x.shape and x.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


def _first_equal(x: Any, extreme: Any, dim: int) -> Any:
    """The first place along `dim` of the largest or smallest element, or of NaN.

    Two plain reductions: XLA vectorises them, but not the one reduction of pairs that `lax.argmax` is.
    """
    chosen = x == extreme
    if x.dtype.kind not in "iub":
        chosen = chosen | is_nan(x)
    places = lax.broadcasted_iota(np.dtype(np.int32), x.shape, dim)
    found = lax.reduce_min(jnp.where(chosen, places, np.int32(x.shape[dim])), (dim,))
    return lax.convert_element_type(found, _INT64)


def _arg(x: Any, dim: int | None, keepdim: bool, largest: bool) -> Any:
    shape = x.shape
    flat = lax.reshape(x, (x.size,)) if dim is None else _line(x)
    axis = dim or 0
    found = _first_equal(flat, (jnp.max if largest else jnp.min)(flat, axis, keepdims=True), axis)
    if not shape:
        return lax.reshape(found, ())
    if keepdim:
        return lax.reshape(found, (1,) * len(shape) if dim is None else (*shape[:axis], 1, *shape[axis + 1 :]))
    return found


def _arg_on_host(function: Any) -> Any:
    def twin(x: Any, *, dim: int | None, keepdim: bool) -> Any:
        axis = None if x.ndim == 0 else dim
        return np.asarray(function(x, axis=axis, keepdims=keepdim), np.int64)

    return twin


@op(host=_arg_on_host(np.argmax))
def argmax(x, *, dim, keepdim):
    return _arg(x, dim, keepdim, True)


@op(host=_arg_on_host(np.argmin))
def argmin(x, *, dim, keepdim):
    return _arg(x, dim, keepdim, False)


def _check_arg(name: str, x: Any, dim: int | None) -> None:
    if is_bool(x):
        raise RuntimeError(f"{name}(): does not support bool input")
    _require_size(name, x, dim)


argmax.validate(lambda x, *, dim, keepdim: _check_arg("argmax", x, dim))
argmin.validate(lambda x, *, dim, keepdim: _check_arg("argmin", x, dim))


def to_places(ct: Any, out1: Any, x_shape: Any, dim: int, keepdim: bool) -> Any:
    """The cotangent of a reduction that picked one element along `dim`: all of it goes to that element."""
    if not x_shape:
        return ct
    if not keepdim:
        ct, out1 = lax.expand_dims(ct, (dim,)), lax.expand_dims(out1, (dim,))
    chosen = lax.broadcasted_iota(_INT64, x_shape, dim) == out1
    return jnp.where(chosen, ct, 0)


def _extreme_on_host(x: Any, dim: int, keepdim: bool, largest: bool) -> Any:
    if x.ndim == 0:
        return x, np.zeros((), np.int64)
    places = (np.argmax if largest else np.argmin)(x, axis=dim, keepdims=True)
    values = np.take_along_axis(x, places, dim)
    return (values, places) if keepdim else (values.squeeze(dim), places.squeeze(dim))


@op(host=lambda x, *, dim, keepdim: _extreme_on_host(x, dim, keepdim, True), backward_name="MaxBackward0")
def max_dim(x, *, dim, keepdim):
    """The largest along a dimension and its first place."""
    return jnp.max(x, dim if x.ndim else None, keepdims=keepdim), _arg(x, dim, keepdim, True)


@op(host=lambda x, *, dim, keepdim: _extreme_on_host(x, dim, keepdim, False), backward_name="MinBackward0")
def min_dim(x, *, dim, keepdim):
    """The smallest along a dimension and its first place."""
    return jnp.min(x, dim if x.ndim else None, keepdims=keepdim), _arg(x, dim, keepdim, False)


@op(backward_name="MedianBackward1")
def median_dim(x, *, dim, keepdim):
    """The lower median along a dimension and its place."""
    line = _line(x)
    values, places = _sorted(line, dim, False)
    size = line.shape[dim]
    middle = jnp.asarray((size - 1) // 2, _INT64)
    if x.dtype.kind not in "iub":
        # NaN sorts last, and one NaN makes the median NaN.
        has_nan = lax.reduce_or(is_nan(line), (dim,))
        first_nan = size - lax.reduce_sum(is_nan(line).astype(np.int64), (dim,))
        middle = jnp.where(has_nan, first_nan, middle)
    at = lax.expand_dims(jnp.broadcast_to(middle, line.shape[:dim] + line.shape[dim + 1 :]), (dim,))
    return _pick(values, at, dim, keepdim, x.shape), _pick(places, at, dim, keepdim, x.shape)


def _pick(values: Any, at: Any, dim: int, keepdim: bool, shape: Any) -> Any:
    chosen = lax.broadcasted_iota(_INT64, values.shape, dim) == at
    picked = lax.expand_dims(jnp.sum(jnp.where(chosen, values, 0), dim, dtype=values.dtype), (dim,))
    if not shape:
        return lax.reshape(picked, ())
    return picked if keepdim else lax.squeeze(picked, (dim,))


@op(backward_name="KthvalueBackward0")
def kthvalue(x, *, k, dim, keepdim):
    """The k-th smallest along a dimension and its place."""
    line = _line(x)
    values, places = _sorted(line, dim, False)
    out = [lax.slice_in_dim(a, k - 1, k, axis=dim) for a in (values, places)]
    if not x.ndim:
        return tuple(lax.reshape(a, ()) for a in out)
    return tuple(out) if keepdim else tuple(lax.squeeze(a, (dim,)) for a in out)


@kthvalue.validate
def _(x, *, k, dim, keepdim):
    if not 1 <= k <= (x.shape[dim] if x.shape else 1):
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(dim))


for _extreme, _name in ((max_dim, "max"), (min_dim, "min"), (median_dim, "median")):
    _extreme.grad("x")(to_places)
    _extreme.validate(lambda x, *, dim, keepdim, _name=_name: _require_size(_name, x, dim))


kthvalue.grad("x")(to_places)


@op
def median(x):
    """The lower median of all elements."""
    flat = lax.reshape(x, (x.size,))
    middle = _sorted(flat, 0, False)[0][(x.size - 1) // 2]
    if x.dtype.kind in "iub":
        return middle
    return jnp.where(lax.reduce_or(is_nan(flat), (0,)), np.nan, middle)


median.grad("x")(lambda ct, x, out: to_equals(ct, x, out, None, False))


def _keys(x: Any) -> Any:
    """int32 numbers in the order of the elements, NaN last; None for dtypes that do not fit."""
    if x.dtype.kind in "iub":
        return lax.convert_element_type(x, np.dtype(np.int32)) if x.dtype.itemsize <= 4 else None
    if x.dtype.itemsize > 4:
        return None
    wide = lax.convert_element_type(x, np.dtype(np.float32))
    bits = lax.bitcast_convert_type(jnp.where(wide == 0, 0, wide), np.dtype(np.int32))  # -0 equals 0
    # Negative floats are in reverse order as integers.
    ordered = jnp.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits)
    return jnp.where(is_nan(wide), np.int32(0x7FFFFFFF), ordered)


def _sorted(x: Any, dim: int, descending: bool) -> tuple[Any, Any]:
    """Sorted values and their places; equal elements keep their order, NaN counts as the largest."""
    keys = _keys(x)
    if keys is not None:
        # Key and place in one int64: XLA:CPU sorts plain integers five times faster than pairs.
        keys = ~keys if descending else keys
        places = lax.broadcasted_iota(_INT64, x.shape, dim)
        packed = lax.sort((keys.astype(_INT64) << 32) | places, dimension=dim, is_stable=False)
        places = packed & np.int64(0xFFFFFFFF)
        return pick(x, places, dim), places
    places = lax.broadcasted_iota(_INT64, x.shape, dim)
    if not descending:
        values, places = lax.sort((x, places), dimension=dim, is_stable=True, num_keys=1)
        return values, places
    # Reversed before and after, so that equal elements keep their order in a descending sort too.
    flipped = (lax.rev(x, (dim,)), lax.rev(places, (dim,)))
    values, places = lax.sort(flipped, dimension=dim, is_stable=True, num_keys=1)
    return lax.rev(values, (dim,)), lax.rev(places, (dim,))


def _put_back(ct: Any, places: Any, shape: Any, dim: int) -> Any:
    """Each cotangent at the place its value came from."""
    if not shape:
        return ct
    rank = len(shape)
    coordinates = [lax.broadcasted_iota(_INT64, places.shape, d) if d != dim else places for d in range(rank)]
    return jnp.zeros(shape, ct.dtype).at[tuple(coordinates)].add(ct, mode="promise_in_bounds")


@op
def sort(x, *, dim, descending):
    values, places = _sorted(_line(x), dim, descending)
    return lax.reshape(values, x.shape), lax.reshape(places, x.shape)


@sort.grad("x")
def _(ct, out1, x_shape, dim):
    return _put_back(ct, out1, x_shape, dim)


@op
def topk(x, *, k, dim, largest):
    """The k largest (or smallest) along a dimension in order, and their places."""
    line = _line(x)
    if largest and x.dtype.kind not in "iub" and 8 * k <= line.shape[dim]:
        # XLA has a fast selection for the largest few of float32.
        wide = wide_of(line)
        places = jnp.moveaxis(lax.top_k(jnp.moveaxis(wide, dim, -1), k)[1], -1, dim).astype(_INT64)
        out = [pick(line, places, dim), places]
    else:
        out = [lax.slice_in_dim(a, 0, k, axis=dim) for a in _sorted(line, dim, largest)]
    return tuple(out) if x.ndim else tuple(lax.reshape(a, () if k else (0,)) for a in out)


@topk.grad("x")
def _(ct, out1, x_shape, dim):
    return _put_back(ct, out1, x_shape, dim)


@topk.validate
def _(x, *, k, dim, largest):
    if is_bool(x):
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if not 0 <= k <= (x.shape[dim] if x.shape else 1):
        raise RuntimeError("selected index k out of range")


def _running(x: Any, dim: int, function: Any) -> Any:
    if x.dtype.kind in "iub":
        x = x.astype(_INT64)
    return function(x, axis=dim) if x.ndim else x


def _running_on_host(function: Any) -> Any:
    def twin(x: Any, *, dim: int) -> Any:
        dtype = np.dtype(np.int64) if x.dtype.kind in "iub" else x.dtype
        return function(x, axis=dim, dtype=dtype) if x.ndim else x.astype(dtype)

    return twin


@op(half="upcast", host=_running_on_host(np.cumsum))
def cumsum(x, *, dim):
    return _running(x, dim, lax.cumsum)


@cumsum.grad("x")
def _(ct, dim):
    return lax.cumsum(ct, axis=dim, reverse=True) if ct.ndim else ct


@op(half="upcast", host=_running_on_host(np.cumprod))
def cumprod(x, *, dim):
    return _running(x, dim, lax.cumprod)


# JAX's rule is right where elements are zero; `out` is named because PyTorch saves it.
@cumprod.grad("x")
def _(ct, x, out, dim):
    return jax.vjp(lambda y: lax.cumprod(y, axis=dim), x)[1](ct)[0] if ct.ndim else ct


def _running_extreme(x: Any, dim: int, largest: bool) -> Any:
    if not x.ndim:
        return x, jnp.zeros((), _INT64)

    def later(a: Any, b: Any) -> Any:
        better = (b[0] >= a[0]) if largest else (b[0] <= a[0])
        if x.dtype.kind not in "iub":
            better = (better & ~is_nan(a[0])) | is_nan(b[0])
        return jnp.where(better, b[0], a[0]), jnp.where(better, b[1], a[1])

    return lax.associative_scan(later, (x, lax.broadcasted_iota(_INT64, x.shape, dim)), axis=dim)


@op
def cummax(x, *, dim):
    """The largest so far along a dimension, and its last place."""
    return _running_extreme(x, dim, True)


@op
def cummin(x, *, dim):
    """The smallest so far along a dimension, and its last place."""
    return _running_extreme(x, dim, False)


for _scan in (cummax, cummin):
    # PyTorch saves the operand as well as the indices.
    _scan.grad("x")(lambda ct, x, out1, x_shape, dim: _put_back(ct, out1, x_shape, dim))


@op
def logcumsumexp(x, *, dim):
    """log(cumsum(exp(x))) along a dimension, without overflow."""
    return lax.cumlogsumexp(x, dim) if x.ndim else x


logcumsumexp.grad_by_jax("x")
