"""Batch, layer, group and RMS normalisation. Statistics are saved, so the gradients need no second pass for them.

float16 and bfloat16 inputs are normalised in float32; statistics stay float32.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import numpy as np
from jax import lax

from kilnn.ops.checks import require_float, require_parameters, size_text, wide
from kilnn.ops.linear import column_sum
from kilnn.ops.spec import Scalar, op


def _over(v: Any, shape: Any, dims: Any) -> Any:
    """v, whose dimensions are `dims` of the result, spread over `shape`."""
    return lax.broadcast_in_dim(v, shape, dims)


def _mean(x: Any, axes: Any, count: int) -> Any:
    return lax.reduce_sum(x, axes) * (1.0 / count) if count else lax.reduce_sum(x, axes)


def _count(shape: Any, axes: Any) -> int:
    total = 1
    for a in axes:
        total *= shape[a]
    return total


def _channel_axes(rank: int) -> tuple[int, ...]:
    return (0, *range(2, rank))


@op(backward_name="NativeBatchNormBackward0")
def batch_norm(x, weight=None, bias=None, running_mean=None, running_var=None, eps: Scalar = 1e-5, *, training):
    """(y, mean, biased variance, 1 / sqrt(variance + eps)) for each channel (dimension 1).

    The statistics are the batch's when `training`, else the running ones.
    """
    wide_x = wide(x)
    axes = _channel_axes(x.ndim)
    if training:
        count = _count(x.shape, axes)
        mean = _mean(wide_x, axes, count)
        centred = wide_x - _over(mean, x.shape, (1,))
        var = _mean(lax.square(centred), axes, count)
    else:
        mean, var = wide(running_mean), wide(running_var)
        centred = wide_x - _over(mean, x.shape, (1,))
    invstd = lax.rsqrt(var + lax.convert_element_type(eps, var.dtype))
    scale = invstd if weight is None else invstd * weight
    y = centred * _over(scale, x.shape, (1,))
    if bias is not None:
        y = y + _over(wide(bias), x.shape, (1,))
    return y.astype(x.dtype), mean, var, invstd


batch_norm.joint = True
batch_norm.statistics = frozenset((1, 3))  # made of x and eps, which is why each formula that reads them names these


@batch_norm.grad("x")
def _(ct0, x, weight, eps, out1, out3, training):
    ct = wide(ct0)
    shape, axes = ct.shape, _channel_axes(ct.ndim)
    scale = out3 if weight is None else out3 * weight
    if not training:
        return ct * _over(scale, shape, (1,))
    count = _count(shape, axes)
    centred = wide(x) - _over(out1, shape, (1,))
    mean_ct = _mean(ct, axes, count)
    slope = _mean(ct * centred, axes, count) * lax.square(out3)
    inner = ct - _over(mean_ct, shape, (1,)) - centred * _over(slope, shape, (1,))
    return inner * _over(scale, shape, (1,))


@batch_norm.grad("weight")
def _(ct0, x, eps, out1, out3):
    ct = wide(ct0)
    centred = wide(x) - _over(out1, ct.shape, (1,))
    return lax.reduce_sum(ct * centred, _channel_axes(ct.ndim)) * out3


@batch_norm.grad("bias", frees=True)
def _(ct0):
    ct = wide(ct0)
    return lax.reduce_sum(ct, _channel_axes(ct.ndim))


@batch_norm.validate
def _(x, weight=None, bias=None, running_mean=None, running_var=None, eps=1e-5, *, training):
    require_float("batch_norm", x)
    require_parameters(x, weight, bias, running_mean, running_var)
    if len(x.shape) < 2:
        raise RuntimeError(f"batch_norm needs an input with a channel dimension, but got size {size_text(x.shape)}")
    named = (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias))
    for name, v in named:
        if v is not None and _count(v.shape, range(len(v.shape))) != x.shape[1]:
            raise RuntimeError(
                f"{name} should contain {x.shape[1]} elements not {_count(v.shape, range(len(v.shape)))}"
            )
    if not training and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when training=False")


@op
def blend(old, new, momentum: Scalar, *, unbias):
    """The running statistic (1 - momentum) * old + momentum * new; `unbias` values turn a biased variance right."""
    factor = lax.convert_element_type(momentum, old.dtype)
    fresh = new.astype(old.dtype)
    if unbias > 1:
        fresh = fresh * (unbias / (unbias - 1))
    elif unbias == 1:
        fresh = fresh * float("nan")
    return old * (1 - factor) + fresh * factor


def _trailing(x: Any, dims: int) -> tuple[int, ...]:
    return tuple(range(x.ndim - dims, x.ndim))


def _sum_leading(a: Any, dims: int) -> Any:
    """The sum over all but the last `dims` dimensions."""
    if a.ndim == dims:
        return a
    tail = a.shape[a.ndim - dims :]
    width = _count(tail, range(dims))
    return lax.reshape(column_sum(lax.reshape(a, (a.size // width if width else 0, width))), tail)


def _moments(x: Any, axes: Any) -> tuple[Any, Any]:
    """x minus its mean over `axes`, and that mean, keeping dimensions."""
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    mean = lax.broadcast_in_dim(_mean(x, axes, _count(x.shape, axes)), shape, kept)
    return x - mean, mean


def _keep_mean(x: Any, axes: Any) -> Any:
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return lax.broadcast_in_dim(_mean(x, axes, _count(x.shape, axes)), shape, kept)


def _layer_norm_on_host(x, weight=None, bias=None, eps=1e-5, *, dims):
    axes = tuple(range(x.ndim - dims, x.ndim))
    work = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    mean = work.mean(axes, keepdims=True)
    centred = work - mean
    rstd = 1 / np.sqrt(np.square(centred).mean(axes, keepdims=True) + np.asarray(eps, work.dtype))
    y = centred * rstd
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias, mean, rstd


@op(host=_layer_norm_on_host, backward_name="NativeLayerNormBackward0")
def layer_norm(x, weight=None, bias=None, eps: Scalar = 1e-5, *, dims):
    """(y, mean, 1 / sqrt(variance + eps)) over the last `dims` dimensions."""
    axes = _trailing(x, dims)
    centred, mean = _moments(wide(x), axes)
    rstd = lax.rsqrt(_keep_mean(lax.square(centred), axes) + lax.convert_element_type(eps, centred.dtype))
    y = centred * rstd
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y.astype(x.dtype), mean, rstd


layer_norm.joint = True
layer_norm.statistics = frozenset((1, 2))


@layer_norm.grad("x")
def _(ct0, x, weight, eps, out1, out2, dims):
    axes = _trailing(x, dims)
    scaled = wide(ct0) if weight is None else wide(ct0) * weight
    unit = (wide(x) - out1) * out2
    return out2 * (scaled - _keep_mean(scaled, axes) - unit * _keep_mean(scaled * unit, axes))


@layer_norm.grad("weight")
def _(ct0, x, eps, out1, out2, dims):
    return _sum_leading(wide(ct0) * ((wide(x) - out1) * out2), dims)


@layer_norm.grad("bias", frees=True)
def _(ct0, dims):
    return _sum_leading(wide(ct0), dims)


@layer_norm.validate
def _(x, weight=None, bias=None, eps=1e-5, *, dims):
    require_float("LayerNormKernelImpl", x)
    require_parameters(x, weight, bias)
    tail = tuple(x.shape[len(x.shape) - dims :])
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and tuple(v.shape) != tail:
            raise RuntimeError(
                f"Given normalized_shape={size_text(tail)}, expected {name} of that shape, but got {size_text(v.shape)}"
            )


@op(backward_name="FusedRmsNormBackward0")
def rms_norm(x, weight=None, eps: Scalar = 1e-6, *, dims):
    """(y, 1 / sqrt(mean square + eps)) over the last `dims` dimensions."""
    wide_x = wide(x)
    rstd = lax.rsqrt(_keep_mean(lax.square(wide_x), _trailing(x, dims)) + lax.convert_element_type(eps, wide_x.dtype))
    y = wide_x * rstd
    return (y if weight is None else y * weight).astype(x.dtype), rstd


@rms_norm.grad("x")
def _(ct0, x, weight, eps, out1, dims):
    scaled = wide(ct0) if weight is None else wide(ct0) * weight
    unit = wide(x) * out1
    return out1 * (scaled - unit * _keep_mean(scaled * unit, _trailing(x, dims)))


@rms_norm.grad("weight")
def _(ct0, x, out1, dims):
    return _sum_leading(wide(ct0) * (wide(x) * out1), dims)


def _grouped(x: Any, groups: int) -> Any:
    """(N, C, ...) as (N, groups, C / groups, places)."""
    places = _count(x.shape, range(2, x.ndim))
    return lax.reshape(x, (x.shape[0], groups, x.shape[1] // groups, places))


def _channels(v: Any, groups: int, shape: Any) -> Any:
    return _over(lax.reshape(v, (groups, v.shape[0] // groups)), shape, (1, 2))


@op(backward_name="NativeGroupNormBackward0")
def group_norm(x, weight=None, bias=None, eps: Scalar = 1e-5, *, groups):
    """(y, mean, 1 / sqrt(variance + eps)) for each sample and each group of channels."""
    parts = _grouped(wide(x), groups)
    centred, mean = _moments(parts, (2, 3))
    rstd = lax.rsqrt(_keep_mean(lax.square(centred), (2, 3)) + lax.convert_element_type(eps, parts.dtype))
    y = centred * rstd
    if weight is not None:
        y = y * _channels(wide(weight), groups, parts.shape)
    if bias is not None:
        y = y + _channels(wide(bias), groups, parts.shape)
    return lax.reshape(y, x.shape).astype(x.dtype), mean, rstd


@group_norm.grad("x")
def _(ct0, x, weight, eps, out1, out2, groups):
    ct = _grouped(wide(ct0), groups)
    unit = (_grouped(wide(x), groups) - out1) * out2
    scaled = ct if weight is None else ct * _channels(wide(weight), groups, ct.shape)
    inner = scaled - _keep_mean(scaled, (2, 3)) - unit * _keep_mean(scaled * unit, (2, 3))
    return lax.reshape(out2 * inner, x.shape)


@group_norm.grad("weight")
def _(ct0, x, out1, out2, groups):
    product = _grouped(wide(ct0), groups) * ((_grouped(wide(x), groups) - out1) * out2)
    return lax.reshape(lax.reduce_sum(product, (0, 3)), (x.shape[1],))


@group_norm.grad("bias", frees=True)
def _(ct0):
    ct = wide(ct0)
    return lax.reduce_sum(ct, _channel_axes(ct.ndim))


@group_norm.validate
def _(x, weight=None, bias=None, eps=1e-5, *, groups):
    require_float("GroupNormKernelImpl", x)
    require_parameters(x, weight, bias)
    if len(x.shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(x.shape)}")
    if x.shape[1] % groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, "
            f"but got input of shape {size_text(x.shape)} and num_groups={groups}"
        )
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and tuple(v.shape) != (x.shape[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} "
                f"of shape {size_text(v.shape)} and input of shape {size_text(x.shape)}"
            )
