"""Activations and softmax. Tanh, sigmoid and other plain functions live in `arithmetic`."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
from jax import lax

from kilnn.ops.checks import require_dim, require_float, type_name
from kilnn.ops.spec import Op, Scalar, op


def _c(value: float, like: Any) -> Any:
    return np.asarray(value, like.dtype)


def _fill(value: Any, x: Any) -> Any:
    """A run-time number in the shape and dtype of x."""
    return lax.broadcast(lax.convert_element_type(value, x.dtype), x.shape)


def _zero(x: Any) -> Any:
    return lax.full_like(x, 0)


def _floats_only(operation: Op, name: str) -> None:
    @operation.validate
    def _(x, *rest, **attributes):
        require_float(name, x)


@op(host=lambda x: np.maximum(x, np.asarray(0, x.dtype)))
def relu(x):
    """max(x, 0); NaN stays NaN."""
    return lax.max(x, _zero(x))


@relu.validate
def _(x):
    if np.dtype(x.dtype) == np.bool_:
        raise RuntimeError("Boolean inputs not supported for relu")


@relu.grad("x")
def _(ct, out):
    return lax.select(out <= 0, _zero(ct), ct)


@op(half="upcast")
def leaky_relu(x, slope: Scalar):
    """x where positive, slope * x elsewhere."""
    return lax.select(x > 0, x, x * slope)


@leaky_relu.grad("x")
def _(ct, x, slope):
    return lax.select(x > 0, ct, ct * slope)


_floats_only(leaky_relu, "leaky_relu_cpu")


@op(half="upcast")
def elu(x, alpha: Scalar, scale: Scalar, input_scale: Scalar):
    """scale * x where positive, scale * alpha * (exp(input_scale * x) - 1) elsewhere."""
    return lax.select(x > 0, x * scale, lax.expm1(lax.min(x, _zero(x)) * input_scale) * (alpha * scale))


@elu.grad("x")
def _(ct, x, alpha, scale, input_scale):
    # Not min(x, 0), whose own derivative at 0 is a half: PyTorch's second derivative is 0 there.
    low = lax.select(x < 0, x, _zero(x))
    below = ct * (lax.exp(low * input_scale) * (alpha * scale * input_scale))
    return lax.select(x > 0, ct * scale, below)


_floats_only(elu, "elu_cpu")

_HALF_ROOT = 0.7071067811865476
_INV_ROOT_2PI = 0.3989422804014327
_ROOT_2_PI = 0.7978845608028654


def _inner(x: Any) -> Any:
    return (x + x * x * x * _c(0.044715, x)) * _c(_ROOT_2_PI, x)


_erf_on_host = np.frompyfunc(math.erf, 1, 1)


def _gelu_on_host(x, *, tanh):
    half = x * _c(0.5, x)
    if tanh:
        return half * (np.tanh(_inner(x)) + _c(1, x))
    return half * (np.asarray(_erf_on_host(x * _c(_HALF_ROOT, x)), x.dtype) + _c(1, x))


@op(host=_gelu_on_host, half="upcast")
def gelu(x, *, tanh):
    """x times the normal distribution function, or its tanh approximation."""
    if tanh:
        return x * _c(0.5, x) * (lax.tanh(_inner(x)) + _c(1, x))
    return x * _c(0.5, x) * (lax.erf(x * _c(_HALF_ROOT, x)) + _c(1, x))


@gelu.grad("x")
def _(ct, x, tanh):
    half, one = _c(0.5, x), _c(1, x)
    if tanh:
        t = lax.tanh(_inner(x))
        slope = (one + x * x * _c(3 * 0.044715, x)) * _c(_ROOT_2_PI, x)
        return ct * (half * (one + t) + half * x * (one - t * t) * slope)
    cdf = half * (lax.erf(x * _c(_HALF_ROOT, x)) + one)
    return ct * (cdf + x * lax.exp(x * x * _c(-0.5, x)) * _c(_INV_ROOT_2PI, x))


_floats_only(gelu, "GeluKernelImpl")


@op(half="upcast")
def silu(x):
    """x * sigmoid(x)."""
    return x * lax.logistic(x)


@silu.grad("x")
def _(ct, x):
    s = lax.logistic(x)
    return ct * (s * (x * (_c(1, x) - s) + _c(1, x)))


_floats_only(silu, "silu_cpu")


@op(half="upcast")
def mish(x):
    """x * tanh(log(1 + exp(x)))."""
    return x * lax.tanh(_softplus(x))


@mish.grad("x")
def _(ct, x):
    t = lax.tanh(_softplus(x))
    return ct * (t + x * lax.logistic(x) * (_c(1, x) - t * t))


_floats_only(mish, "mish_cpu")


@jax.custom_jvp
def _softplus(x: Any) -> Any:
    return lax.max(x, _zero(x)) + lax.log1p(lax.exp(-lax.abs(x)))


_softplus.defjvps(lambda t, out, x: t * lax.logistic(x))  # max and abs have no derivative at 0, their sum has


@op(half="upcast")
def softplus(x, beta: Scalar, threshold: Scalar):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""
    scaled = x * beta
    return lax.select(scaled > threshold, x, _softplus(scaled) / beta)


@softplus.grad("x")
def _(ct, x, beta, threshold):
    scaled = x * beta
    return lax.select(scaled > threshold, ct, ct * lax.logistic(scaled))


_floats_only(softplus, "softplus_cpu")


@op(half="upcast")
def logsigmoid(x):
    """log(1 / (1 + exp(-x)))."""
    return lax.min(x, _zero(x)) - lax.log1p(lax.exp(-lax.abs(x)))


@logsigmoid.grad("x")
def _(ct, x):
    return ct * lax.logistic(-x)


_floats_only(logsigmoid, "log_sigmoid_cpu")


@op
def hardtanh(x, low: Scalar, high: Scalar):
    """x limited to [low, high]."""
    return lax.max(lax.min(x, _fill(high, x)), _fill(low, x))


@hardtanh.validate
def _(x, low, high):
    if np.dtype(x.dtype) == np.bool_:
        raise RuntimeError("Bool inputs not supported for hardtanh")


@hardtanh.grad("x")
def _(ct, x, low, high):
    return lax.select((x <= _fill(low, x)) | (x >= _fill(high, x)), _zero(ct), ct)


@op(half="upcast")
def hardsigmoid(x):
    """x / 6 + 1/2 limited to [0, 1]."""
    return lax.min(lax.max(x + _c(3, x), _zero(x)), lax.full_like(x, 6)) / _c(6, x)


@hardsigmoid.grad("x")
def _(ct, x):
    return lax.select((x > -3) & (x < 3), ct * _c(1 / 6, x), _zero(ct))


_floats_only(hardsigmoid, "hardsigmoid_cpu")


@op(half="upcast")
def hardswish(x):
    """x * hardsigmoid(x)."""
    return x * lax.min(lax.max(x + _c(3, x), _zero(x)), lax.full_like(x, 6)) / _c(6, x)


@hardswish.grad("x")
def _(ct, x):
    middle = ct * (x / _c(3, x) + _c(0.5, x))
    return lax.select(x <= -3, _zero(ct), lax.select(x < 3, middle, ct))


_floats_only(hardswish, "hardswish_cpu")


@op
def hardshrink(x, lambd: Scalar):
    """x where |x| > lambd, 0 elsewhere."""
    return lax.select(lax.abs(x) <= _fill(lambd, x), _zero(x), x)


@op
def softshrink(x, lambd: Scalar):
    """x moved towards 0 by lambd, and 0 within it."""
    size = _fill(lambd, x)
    return lax.select(x > size, x - size, lax.select(x < -size, x + size, x * _c(0, x)))


@hardshrink.grad("x")
@softshrink.grad("x")
def _(ct, x, lambd):
    return lax.select(lax.abs(x) <= _fill(lambd, x), _zero(ct), ct)


@op
def threshold(x, limit: Scalar, value: Scalar):
    """x where x > limit, value elsewhere."""
    return lax.select(
        x <= _fill(limit, x),
        lax.broadcast(lax.convert_element_type(value, x.dtype), x.shape),
        x,
    )


@threshold.grad("x")
def _(ct, x, limit):
    return lax.select(x <= _fill(limit, x), _zero(ct), ct)


def _channel_weight(w: Any, x: Any) -> Any:
    return lax.broadcast_in_dim(w, x.shape, (min(1, x.ndim - 1),) if w.ndim and w.shape[0] > 1 else (0,) * w.ndim)


@op(backward_name="PreluKernelBackward0")
def prelu(x, w):
    """x where positive, w * x elsewhere; w holds one number, or one for each channel (dimension 1)."""
    w = lax.reshape(w, (w.size,)) if w.size > 1 else lax.reshape(w, ())
    return lax.select(x > 0, x, x * _channel_weight(w, x))


@prelu.grad("x")
def _(ct, x, w):
    w = lax.reshape(w, (w.size,)) if w.size > 1 else lax.reshape(w, ())
    return lax.select(x > 0, ct, ct * _channel_weight(w, x))


@prelu.grad("w")
def _(ct, x, w_shape):
    below = lax.select(x > 0, _zero(ct), ct * x)
    channel = min(1, x.ndim - 1)
    single = all(n == 1 for n in w_shape)
    total = lax.reduce_sum(below, tuple(i for i in range(x.ndim) if single or i != channel))
    return lax.reshape(total, w_shape)


@prelu.validate
def _(x, w):
    if x.dtype != w.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {type_name(x.dtype)} and {type_name(w.dtype)}")
    count = int(np.prod(w.shape, dtype=np.int64))
    channels = x.shape[1] if len(x.shape) > 1 else 1
    if count != 1 and not x.shape:
        raise RuntimeError("Not allow zero-dim input tensor.")
    if count not in (1, channels):
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {count} "
            f"and channel size = {channels}."
        )


def _shifted(x: Any, dim: int) -> Any:
    """x minus its maximum along `dim`; the maximum of a row of -inf counts as it is (PyTorch gives NaN too)."""
    top = lax.expand_dims(lax.reduce_max(x, (dim,)), (dim,))
    return x - lax.stop_gradient(top)


def _sum(x: Any, dim: int) -> Any:
    return lax.expand_dims(lax.reduce_sum(x, (dim,)), (dim,))


def _softmax_on_host(x, *, dim):
    if not x.ndim or not x.size:
        return np.exp(x - x)  # 1, but NaN of what is not finite
    e = np.exp(x - x.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def _log_softmax_on_host(x, *, dim):
    if not x.ndim or not x.size:
        return x - x
    shifted = x - x.max(dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))


@op(host=_softmax_on_host, half="upcast")
def softmax(x, *, dim):
    """exp(x) divided by its sum along `dim`."""
    if x.ndim == 0:
        return lax.exp(x - x)
    dim %= x.ndim
    e = lax.exp(_shifted(x, dim)) if x.size else x
    return e / _sum(e, dim)


@softmax.grad("x")
def _(ct, out, dim):
    if out.ndim == 0:
        return out * (ct - ct * out)  # zero, but it depends on out: PyTorch's second derivative is there
    return out * (ct - _sum(ct * out, dim % out.ndim))


@op(host=_log_softmax_on_host, half="upcast")
def log_softmax(x, *, dim):
    """x minus the logarithm of the sum of exp(x) along `dim`."""
    if x.ndim == 0 or not x.size:
        return x - x
    shifted = _shifted(x, dim % x.ndim)
    return shifted - lax.log(_sum(lax.exp(shifted), dim % x.ndim))


@log_softmax.grad("x")
def _(ct, out, dim):
    if out.ndim == 0:
        return ct - lax.exp(out) * ct
    return ct - lax.exp(out) * _sum(ct, dim % out.ndim)


def _check_softmax(name: str) -> Any:
    def check(x, *, dim):
        require_dim(x, dim)
        require_float(name, x)

    return check


softmax.validate(_check_softmax("softmax_lastdim_kernel_impl"))
log_softmax.validate(_check_softmax("log_softmax_lastdim_kernel_impl"))


@op
def glu(x, *, dim):
    """The first half of x along `dim` times the sigmoid of the second."""
    first, second = _halves(x, dim % x.ndim)
    return first * lax.logistic(second)


def _halves(x: Any, dim: int) -> tuple[Any, Any]:
    half = x.shape[dim] // 2
    return lax.slice_in_dim(x, 0, half, axis=dim), lax.slice_in_dim(x, half, 2 * half, axis=dim)


@glu.grad("x")
def _(ct, x, dim):
    first, second = _halves(x, dim % x.ndim)
    gate = lax.logistic(second)
    return lax.concatenate([ct * gate, ct * first * gate * (_c(1, x) - gate)], dim % x.ndim)


@glu.validate
def _(x, *, dim):
    if not x.shape:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    require_dim(x, dim)
    if x.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {x.shape[dim]}")
