"""Reductions: sums, means, extremes, moments and norms.

`dims` is a tuple of dimensions counted from 0, or None for all.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import type_name
from kilnn.ops.operands import is_integral, is_nan
from kilnn.ops.powers import power_of
from kilnn.ops.rounding import sign_of
from kilnn.ops.spec import op

Dims = tuple[int, ...] | None


def axes_of(shape: Any, dims: Dims) -> tuple[int, ...]:
    if not shape:
        return ()
    return tuple(range(len(shape))) if dims is None else dims


def spread(reduced: Any, shape: Any, dims: Dims, keepdim: bool) -> Any:
    """A reduced array stretched back to `shape`: the gradient of a sum."""
    if keepdim and reduced.shape:
        return lax.broadcast_in_dim(reduced, shape, tuple(range(len(shape))))
    axes = axes_of(shape, dims)
    return lax.broadcast_in_dim(reduced, shape, tuple(d for d in range(len(shape)) if d not in axes))


def _kept(reduced: Any, shape: Any, axes: tuple[int, ...], keepdim: bool) -> Any:
    """The reduced array, with dimensions of size 1 in place of the reduced ones if they are kept."""
    if not keepdim:
        return reduced
    return lax.reshape(reduced, tuple(1 if d in axes else n for d, n in enumerate(shape)))


def _whole(x: Any) -> Any:
    """bool and small integers as int64, in which PyTorch sums and multiplies them."""
    return lax.convert_element_type(x, np.dtype(np.int64)) if x.dtype.kind in "iub" else x


def _count(shape: Any, dims: Dims) -> int:
    return math.prod(shape[d] for d in axes_of(shape, dims))


def _on_host(function: Any) -> Any:
    """The NumPy twin of a reduction with the attributes dims and keepdim."""

    def twin(x: Any, *, dims: Dims, keepdim: bool) -> Any:
        return function(x, axis=axes_of(x.shape, dims), keepdims=keepdim)

    return twin


def _sum_on_host(x: Any, *, dims: Dims, keepdim: bool) -> Any:
    dtype = np.dtype(np.int64) if x.dtype.kind in "iub" else x.dtype
    return np.sum(x, axis=axes_of(x.shape, dims), keepdims=keepdim, dtype=dtype)


@op(name="sum", half="upcast", host=_sum_on_host)
def sum_(x, *, dims, keepdim):
    axes = axes_of(x.shape, dims)
    return _kept(lax.reduce_sum(_whole(x), axes), x.shape, axes, keepdim)


@sum_.grad("x")
def _(ct, x_shape, dims, keepdim):
    return spread(ct, x_shape, dims, keepdim)


def _mean_on_host(x: Any, *, dims: Dims, keepdim: bool) -> Any:
    return np.asarray(np.sum(x, axis=axes_of(x.shape, dims), keepdims=keepdim)) / np.array(
        _count(x.shape, dims), x.dtype
    )


@op(half="upcast", host=_mean_on_host)
def mean(x, *, dims, keepdim):
    axes = axes_of(x.shape, dims)
    return _kept(lax.reduce_sum(x, axes) / _count(x.shape, dims), x.shape, axes, keepdim)


@mean.grad("x")
def _(ct, x_shape, dims, keepdim):
    return spread(ct / max(_count(x_shape, dims), 1), x_shape, dims, keepdim)


@mean.validate
def _(x, *, dims, keepdim):
    if is_integral(x):
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {type_name(x.dtype)}"
        )


@op(half="upcast")
def nansum(x, *, dims, keepdim):
    """The sum of what is not NaN."""
    axes = axes_of(x.shape, dims)
    return _kept(lax.reduce_sum(_whole(jnp.where(is_nan(x), 0, x)), axes), x.shape, axes, keepdim)


@nansum.grad("x")
def _(ct, x, x_shape, dims, keepdim):
    return jnp.where(is_nan(x), 0, spread(ct, x_shape, dims, keepdim))


@op(half="upcast")
def prod(x, *, dims, keepdim):
    axes = axes_of(x.shape, dims)
    return _kept(lax.reduce_prod(_whole(x), axes), x.shape, axes, keepdim)


# JAX's rule is right where elements are zero, which ct * out / x is not; `out` is named because PyTorch saves it.
@prod.grad("x")
def _(ct, x, out, x_shape, dims, keepdim):
    axes = axes_of(x_shape, dims)
    dropped = lax.reshape(ct, tuple(n for d, n in enumerate(x_shape) if d not in axes))
    found = jax.vjp(lambda y: lax.reduce_prod(y, axes), x)[1](dropped)[0]
    if axes and all(x_shape[d] == 1 for d in axes):  # depends on x in PyTorch, though its derivative is zero
        found = found * jnp.where(x == 0, jnp.ones_like(x), x / x)
    return found


def _require_elements(name: str, shape: Any, dims: Dims) -> None:
    if dims is None:
        if 0 in shape:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        return
    for d in dims:
        if shape and shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


@op(host=_on_host(np.max))
def amax(x, *, dims, keepdim):
    return jnp.max(x, axes_of(x.shape, dims), keepdims=keepdim)


@op(host=_on_host(np.min))
def amin(x, *, dims, keepdim):
    return jnp.min(x, axes_of(x.shape, dims), keepdims=keepdim)


def to_equals(ct: Any, x: Any, out: Any, dims: Dims, keepdim: bool) -> Any:
    """The cotangent of an extreme, shared evenly by the elements that are equal to it."""
    chosen = x == spread(out, x.shape, dims, keepdim)
    if x.dtype.kind not in "iub":
        chosen = chosen | is_nan(x)
    axes = axes_of(x.shape, dims)
    ties = lax.reduce_sum(chosen.astype(ct.dtype), axes)
    share = lax.reshape(ct, ties.shape) / ties
    return jnp.where(chosen, spread(share, x.shape, dims, False), 0)


amax.grad("x")(to_equals)
amin.grad("x")(to_equals)
amax.validate(lambda x, *, dims, keepdim: _require_elements("amax", x.shape, dims))
amin.validate(lambda x, *, dims, keepdim: _require_elements("amin", x.shape, dims))


@op(name="max", host=np.max, backward_name="MaxBackward1")
def max_(x):
    """The largest of all elements."""
    return jnp.max(x)


@op(name="min", host=np.min, backward_name="MinBackward1")
def min_(x):
    """The smallest of all elements."""
    return jnp.min(x)


max_.grad("x")(lambda ct, x, out: to_equals(ct, x, out, None, False))
min_.grad("x")(lambda ct, x, out: to_equals(ct, x, out, None, False))
max_.validate(lambda x: _require_elements("max", x.shape, None))
min_.validate(lambda x: _require_elements("min", x.shape, None))


def moment(x: Any, axes: tuple[int, ...], correction: float) -> Any:
    """The variance with `count - correction` in the denominator (NaN or infinity where that is not positive)."""
    count = math.prod(x.shape[d] for d in axes)
    center = lax.reduce_sum(x, axes) / count
    away = x - spread(center, x.shape, axes, False)
    return lax.reduce_sum(away * away, axes) / max(count - correction, 0)


def _moment_gradient(ct: Any, x: Any, dims: Dims, keepdim: bool, correction: float) -> Any:
    axes = axes_of(x.shape, dims)
    count = math.prod(x.shape[d] for d in axes)
    center = lax.reduce_sum(x, axes) / count
    slope = 2 / (count - correction) if count != correction else math.inf
    return spread(ct, x.shape, dims, keepdim) * slope * (x - spread(center, x.shape, dims, False))


def _require_float(x: Any, *, dims: Dims, correction: float, keepdim: bool) -> None:
    if is_integral(x):
        raise RuntimeError("std and var only support floating point and complex dtypes")


@op(half="upcast")
def var(x, *, dims, correction, keepdim):
    axes = axes_of(x.shape, dims)
    return _kept(moment(x, axes, correction), x.shape, axes, keepdim)


@var.grad("x")
def _(ct, x, dims, correction, keepdim):
    return _moment_gradient(ct, x, dims, keepdim, correction)


@op(half="upcast")
def std(x, *, dims, correction, keepdim):
    axes = axes_of(x.shape, dims)
    return _kept(lax.sqrt(moment(x, axes, correction)), x.shape, axes, keepdim)


@std.grad("x")
def _(ct, x, out, dims, correction, keepdim):
    return _moment_gradient(
        jnp.where(out == 0, 0, ct / (2 * jnp.where(out == 0, 1, out))), x, dims, keepdim, correction
    )


var.validate(_require_float)
std.validate(_require_float)


def _magnitude_power(x: Any, exponent: float) -> Any:
    size = abs(x)
    if exponent == round(2 * exponent) / 2:
        return power_of(size, exponent)
    return lax.pow(size, lax.full_like(size, exponent))


@op(half="upcast", backward_name="LinalgVectorNormBackward0")
def norm(x, *, ord, dims, keepdim):
    """(sum of |x|**ord) ** (1 / ord); the count of nonzeros for 0, extremes for the infinities."""
    axes = axes_of(x.shape, dims)
    if ord == math.inf:
        out = jnp.max(abs(x), axes)
    elif ord == -math.inf:
        out = jnp.min(abs(x), axes)
    elif ord == 0:
        out = lax.reduce_sum((x != 0).astype(x.dtype), axes)
    elif ord == 1:
        out = lax.reduce_sum(abs(x), axes)
    elif ord == 2:
        out = lax.sqrt(lax.reduce_sum(x * x, axes))
    else:
        out = _magnitude_power(lax.reduce_sum(_magnitude_power(x, ord), axes), 1 / ord)
    return _kept(out, x.shape, axes, keepdim)


@norm.grad("x")
def _(ct, x, out, ord, dims, keepdim):
    if ord == 0:
        return jnp.zeros_like(x)
    full, total = spread(ct, x.shape, dims, keepdim), spread(out, x.shape, dims, keepdim)
    divisor = jnp.where(total == 0, 1, total)  # no 0 / 0, which would make the second derivative NaN
    if ord == 1:
        return full * sign_of(x)
    if ord == 2:
        return jnp.where(total == 0, 0, full * (x / divisor))
    if math.isinf(ord):
        chosen = abs(x) == total
        ties = lax.reduce_sum(chosen.astype(x.dtype), axes_of(x.shape, dims))
        return jnp.where(chosen, full * sign_of(x) / spread(ties, x.shape, dims, False), 0)
    slope = sign_of(x) * _magnitude_power(jnp.where(x == 0, 1, x), ord - 1) / _magnitude_power(divisor, ord - 1)
    return jnp.where((total == 0) | (x == 0), 0, full * slope)


@norm.validate
def _(x, *, ord, dims, keepdim):
    if is_integral(x):
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {type_name(x.dtype)}"
        )


@op(promote="float")
def logsumexp(x, *, dims, keepdim):
    axes = axes_of(x.shape, dims)
    if 0 in x.shape:
        return _kept(lax.log(lax.reduce_sum(lax.exp(x), axes)), x.shape, axes, keepdim)
    peak = lax.stop_gradient(lax.reduce_max(x, axes))
    peak = jnp.where(lax.is_finite(peak), peak, 0)
    total = lax.reduce_sum(lax.exp(x - spread(peak, x.shape, dims, False)), axes)
    return _kept(lax.log(total) + peak, x.shape, axes, keepdim)


@logsumexp.grad("x")
def _(ct, x, out, dims, keepdim):
    return spread(ct, x.shape, dims, keepdim) * lax.exp(x - spread(out, x.shape, dims, keepdim))


def _nonzero(x: Any) -> Any:
    return x if x.dtype == np.bool_ else x != 0


def _as_logic(result: Any, x: Any) -> Any:
    """any and all answer in bool, but in uint8 for uint8."""
    return result.astype(np.uint8) if x.dtype == np.uint8 else result


@op(name="any", host=lambda x, *, dims, keepdim: _as_logic(np.any(x, axes_of(x.shape, dims), keepdims=keepdim), x))
def any_(x, *, dims, keepdim):
    axes = axes_of(x.shape, dims)
    return _as_logic(_kept(lax.reduce_or(_nonzero(x), axes), x.shape, axes, keepdim), x)


@op(name="all", host=lambda x, *, dims, keepdim: _as_logic(np.all(x, axes_of(x.shape, dims), keepdims=keepdim), x))
def all_(x, *, dims, keepdim):
    axes = axes_of(x.shape, dims)
    return _as_logic(_kept(lax.reduce_and(_nonzero(x), axes), x.shape, axes, keepdim), x)


@op(host=lambda x, *, dims: np.asarray(np.count_nonzero(x, axis=axes_of(x.shape, dims)), np.int64))
def count_nonzero(x, *, dims):
    return lax.reduce_sum(_nonzero(x).astype(np.int64), axes_of(x.shape, dims))
