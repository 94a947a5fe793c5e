"""Losses between a prediction and a target, element by element or over whole classes."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jax import lax

from kilnn.ops.activation import log_softmax
from kilnn.ops.checks import is_float, require_float, size_text, type_name
from kilnn.ops.spec import Scalar, op


def _reduce(v: Any, reduction: str) -> Any:
    if reduction == "none":
        return v
    total = lax.reduce_sum(v, tuple(range(v.ndim)))
    return total if reduction == "sum" else total / np.asarray(v.size, v.dtype)


def _spread(ct: Any, shape: Any, reduction: str) -> Any:
    """The cotangent of each element of the unreduced loss."""
    if reduction == "mean":
        ct = ct / np.asarray(int(np.prod(shape, dtype=np.int64)), ct.dtype)
    return ct


def _shape(*arrays: Any) -> tuple[int, ...]:
    return np.broadcast_shapes(*(a.shape for a in arrays))


@op(promote="numeric")
def mse_loss(x, target, *, reduction):
    """(x - target)**2."""
    return _reduce(lax.square(x - target), reduction)


def _mse_grad(ct: Any, x: Any, target: Any, reduction: str) -> Any:
    return 2 * (x - target) * _spread(ct, _shape(x, target), reduction)


@mse_loss.validate
def _(x, target, *, reduction):
    _require_float_operand("mse_cpu", x, target)


@mse_loss.grad("x")
def _(ct, x, target, reduction):
    return _mse_grad(ct, x, target, reduction)


@mse_loss.grad("target")
def _(ct, x, target, reduction):
    return -_mse_grad(ct, x, target, reduction)


@op(promote="numeric", backward_name="AbsBackward0")
def l1_loss(x, target, *, reduction):
    """|x - target|."""
    return _reduce(lax.abs(x - target), reduction)


@l1_loss.grad("x")
def _(ct, x, target, reduction):
    return lax.sign(x - target) * _spread(ct, _shape(x, target), reduction)


@l1_loss.grad("target")
def _(ct, x, target, reduction):
    return lax.sign(target - x) * _spread(ct, _shape(x, target), reduction)


def _require_float_operand(name: str, x: Any, target: Any) -> None:
    if not is_float(target.dtype):
        require_float(name, x)


@op(promote="numeric")
def smooth_l1_loss(x, target, beta: Scalar, *, reduction):
    """d**2 / (2 beta) where d = |x - target| < beta, else d - beta / 2; beta > 0."""
    d = lax.abs(x - target)
    return _reduce(lax.select(d < beta, d * d * 0.5 / beta, d - 0.5 * beta), reduction)


def _smooth_grad(ct: Any, d: Any, beta: Any, reduction: str) -> Any:
    return lax.clamp(np.asarray(-1, d.dtype), d / beta, np.asarray(1, d.dtype)) * _spread(ct, d.shape, reduction)


@smooth_l1_loss.validate
def _(x, target, beta, *, reduction):
    _require_float_operand("smooth_l1_cpu", x, target)


@smooth_l1_loss.grad("x")
def _(ct, x, target, beta, reduction):
    return _smooth_grad(ct, x - target, beta, reduction)


@smooth_l1_loss.grad("target")
def _(ct, x, target, beta, reduction):
    return -_smooth_grad(ct, x - target, beta, reduction)


@op(promote="numeric")
def huber_loss(x, target, delta: Scalar, *, reduction):
    """d**2 / 2 where d = |x - target| <= delta, else delta * (d - delta / 2)."""
    d = lax.abs(x - target)
    return _reduce(lax.select(d <= delta, d * d * 0.5, delta * (d - 0.5 * delta)), reduction)


@huber_loss.validate
def _(x, target, delta, *, reduction):
    _require_float_operand("huber_cpu", x, target)


@huber_loss.grad("x")
def _(ct, x, target, delta, reduction):
    return lax.clamp(-delta, x - target, delta) * _spread(ct, _shape(x, target), reduction)


@huber_loss.grad("target")
def _(ct, x, target, delta, reduction):
    return -lax.clamp(-delta, x - target, delta) * _spread(ct, _shape(x, target), reduction)


def _weighted(v: Any, weight: Any) -> Any:
    return v if weight is None else v * weight


@op(half="upcast")
def binary_cross_entropy(x, target, weight=None, *, reduction):
    """-(target log x + (1 - target) log(1 - x)), logarithms limited to >= -100."""
    floor = lax.full_like(x, -100)
    loss = (target - 1) * lax.max(lax.log1p(-x), floor) - target * lax.max(lax.log(x), floor)
    return _reduce(_weighted(loss, weight), reduction)


@binary_cross_entropy.grad("x")
def _(ct, x, target, weight, reduction):
    slope = (x - target) / lax.max((1 - x) * x, lax.full_like(x, 1e-12))
    return _weighted(slope, weight) * _spread(ct, x.shape, reduction)


@binary_cross_entropy.grad("target")
def _(ct, x, weight, reduction):
    return _weighted(lax.log1p(-x) - lax.log(x), weight) * _spread(ct, x.shape, reduction)


@binary_cross_entropy.check(RuntimeError, "all elements of input should be between 0 and 1")
def _(x):
    return ~((x >= 0) & (x <= 1)), x


@op(half="upcast")
def binary_cross_entropy_with_logits(x, target, weight=None, pos_weight=None, *, reduction):
    """Binary cross entropy of sigmoid(x); `pos_weight` multiplies the loss of positive targets."""
    tail = lax.log1p(lax.exp(-lax.abs(x))) + lax.max(-x, lax.full_like(x, 0))  # softplus(-x)
    if pos_weight is not None:
        tail = tail * (1 + (pos_weight - 1) * target)
    return _reduce(_weighted((1 - target) * x + tail, weight), reduction)


@binary_cross_entropy_with_logits.grad("x")
def _(ct, x, target, weight, pos_weight, reduction):
    factor = 1 if pos_weight is None else 1 + (pos_weight - 1) * target
    slope = lax.logistic(x) - target if pos_weight is None else (1 - target) - factor * lax.logistic(-x)
    return _weighted(slope, weight) * _spread(ct, _shape(x, target), reduction)


@binary_cross_entropy_with_logits.grad("target")
def _(ct, x, target, weight, pos_weight, reduction):
    slope = -x
    if pos_weight is not None:
        slope = slope + (pos_weight - 1) * (lax.log1p(lax.exp(-lax.abs(x))) + lax.max(-x, lax.full_like(x, 0)))
    return _weighted(slope, weight) * _spread(ct, _shape(x, target), reduction)


@op(promote="numeric", backward_name="KlDivBackward0")
def kl_div(x, target, *, reduction, log_target):
    """target (log target - x); `log_target` says that target holds logarithms already."""
    if log_target:
        loss = lax.exp(target) * (target - x)
    else:
        logarithm = lax.log(lax.select(target == 0, lax.full_like(target, 1), target))
        loss = target * logarithm - target * x
    return _reduce(loss, reduction)


@kl_div.grad("x")
def _(ct, x_shape, target, reduction, log_target):
    slope = -lax.exp(target) if log_target else -target
    return slope * _spread(ct, np.broadcast_shapes(x_shape, target.shape), reduction)


@kl_div.grad("target")
def _(ct, x, target, reduction, log_target):
    slope = lax.exp(target) * (target - x + 1) if log_target else lax.log(target) + 1 - x
    return slope * _spread(ct, _shape(x, target), reduction)


def class_dim(rank: int) -> int:
    return 1 if rank > 1 else 0


def _whole(target: Any) -> Any:
    """Class numbers as int32: comparing 64-bit integers element by element is slow, and no class count needs them."""
    return lax.convert_element_type(target, np.int32)


def _pick(values: Any, target: Any) -> Any:
    """values at class `target` of each sample; the class dimension disappears."""
    dim = class_dim(values.ndim)
    safe = lax.clamp(np.int32(0), _whole(target), np.int32(max(values.shape[dim] - 1, 0)))
    others = tuple(i for i in range(values.ndim) if i != dim)
    dims = lax.GatherDimensionNumbers((), (dim,), (dim,), others, tuple(range(len(others))))
    index = lax.expand_dims(safe, (safe.ndim,))
    return lax.gather(values, index, dims, (1,) * values.ndim, mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS)


def _class_weight(weight: Any, target: Any) -> Any:
    safe = lax.clamp(np.int32(0), _whole(target), np.int32(max(weight.shape[0] - 1, 0)))
    dims = lax.GatherDimensionNumbers((), (0,), (0,))
    return lax.gather(weight, lax.expand_dims(safe, (safe.ndim,)), dims, (1,), mode="promise_in_bounds")


def _sample_weight(target: Any, weight: Any, ignore_index: int, dtype: Any) -> Any:
    """What each sample counts: its class's weight, 0 where it is ignored."""
    valid = lax.convert_element_type(target != ignore_index, dtype)
    return valid if weight is None else valid * _class_weight(weight, target)


def _total(v: Any) -> Any:
    return lax.reduce_sum(v, tuple(range(v.ndim)))


def _finish(loss: Any, counts: Any, reduction: str) -> Any:
    if reduction == "none":
        return loss
    return _total(loss) / _total(counts) if reduction == "mean" else _total(loss)


def _each(ct: Any, counts: Any, target: Any, ignore_index: int, reduction: str) -> Any:
    """The cotangent of each sample, exactly 0 where it is ignored (also when all are, and the mean is 0 / 0)."""
    if reduction == "mean":
        ct = ct / _total(counts)
    return lax.select(
        target != ignore_index, lax.broadcast_in_dim(ct, target.shape, tuple(range(ct.ndim))), lax.full_like(counts, 0)
    )


def _spread_classes(v: Any, shape: Any) -> Any:
    """v, one number for each sample, over `shape` with its class dimension."""
    others = tuple(i for i in range(len(shape)) if i != class_dim(len(shape)))
    return lax.broadcast_in_dim(v, shape, others)


def _at_target(target: Any, value: Any, shape: Any, other: Any) -> Any:
    """`value` of each sample at its class, `other` elsewhere."""
    number = lax.broadcasted_iota(np.int32, shape, class_dim(len(shape)))
    return lax.select(number == _spread_classes(_whole(target), shape), _spread_classes(value, shape), other)


@op(backward_name="NllLossBackward0", half="upcast")
def nll_loss(x, target, weight=None, *, reduction, ignore_index):
    """-x at the target class of each sample, times its class's weight; x holds log-probabilities (N, C, ...)."""
    counts = _sample_weight(target, weight, ignore_index, x.dtype)
    chosen = lax.select(target != ignore_index, -_pick(x, target), lax.full(target.shape, 0, x.dtype))
    return _finish(chosen * counts, counts, reduction)


@nll_loss.grad("x")
def _(ct, x, target, weight, reduction, ignore_index):
    counts = _sample_weight(target, weight, ignore_index, ct.dtype)
    each = _each(ct, counts, target, ignore_index, reduction)
    return _at_target(target, -counts * each, x.shape, lax.full(x.shape, 0, ct.dtype))


@op(backward_name="NllLossBackward0", half="upcast")
def cross_entropy(x, target, weight=None, smoothing: Scalar = 0.0, *, reduction, ignore_index, smooth):
    """(loss, log_softmax(x)) for target class numbers; `smooth` says whether label smoothing is on at all."""
    logp = log_softmax.fn(x, dim=class_dim(x.ndim))
    counts = _sample_weight(target, weight, ignore_index, x.dtype)
    zero = lax.full(target.shape, 0, x.dtype)
    loss = lax.select(target != ignore_index, -_pick(logp, target), zero) * counts
    if smooth:
        weighted = logp if weight is None else logp * _over_classes(weight, logp.shape)
        even = -lax.reduce_sum(weighted, (class_dim(x.ndim),)) / np.asarray(x.shape[class_dim(x.ndim)], x.dtype)
        loss = loss * (1 - smoothing) + lax.select(target != ignore_index, even, zero) * smoothing
    return _finish(loss, counts, reduction), logp


def _over_classes(weight: Any, shape: Any) -> Any:
    return lax.broadcast_in_dim(weight, shape, (class_dim(len(shape)),))


@cross_entropy.grad("x")
def _(ct0, target, weight, smoothing, out1, reduction, ignore_index, smooth):
    logp = out1
    counts = _sample_weight(target, weight, ignore_index, logp.dtype)
    each = _each(ct0, counts, target, ignore_index, reduction)
    hard = counts * each  # minus the cotangent of logp at the target class
    if not smooth:
        spread = lax.exp(logp) * _spread_classes(hard, logp.shape)
        return spread - _at_target(target, hard, logp.shape, lax.full_like(logp, 0))
    classes = logp.shape[class_dim(logp.ndim)]
    soft = each * smoothing / np.asarray(classes, logp.dtype)
    hard = hard * (1 - smoothing)
    evenly = _spread_classes(soft, logp.shape)
    total = soft * np.asarray(classes, logp.dtype)
    if weight is not None:
        evenly = evenly * _over_classes(weight, logp.shape)
        total = soft * _total(weight)
    spread = lax.exp(logp) * _spread_classes(hard + total, logp.shape)
    return spread - evenly - _at_target(target, hard, logp.shape, lax.full_like(logp, 0))


cross_entropy.stand_ins = {1: "x"}  # a logarithm of probabilities is its own log_softmax
cross_entropy.saves_cotangent = False  # nll_loss stands between it and log_softmax in PyTorch


for _operation in (nll_loss, cross_entropy):

    @_operation.check(IndexError, "Target {value} is out of bounds.")
    def _(target, x_shape, ignore_index):
        return (target != ignore_index) & ((target < 0) | (target >= x_shape[class_dim(len(x_shape))])), target

    @_operation.validate
    def _(x, target, weight=None, smoothing=0.0, **attributes):
        _check_classes(x, target, weight)


def _check_classes(x: Any, target: Any, weight: Any) -> None:
    require_float("log_softmax_lastdim_kernel_impl", x)
    rank = len(x.shape)
    if rank < 1:
        raise RuntimeError("input should have at least one dimension, but got a scalar")
    if rank == 1 and len(target.shape) == 1 and target.shape[0] != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.shape[0]}")
    if len(target.shape) != rank - 1:
        word = "0D or 1D target tensor expected, multi-target not supported"
        raise RuntimeError(word if rank < 3 else f"expected a target of {rank - 1} dimensions, got {len(target.shape)}")
    if rank > 1 and x.shape[0] != target.shape[0]:
        raise ValueError(f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({target.shape[0]}).")
    if tuple(x.shape[2:]) != tuple(target.shape[1:]):
        raise RuntimeError(f"size mismatch (got input: {size_text(x.shape)}, target: {size_text(target.shape)})")
    if not x.shape[class_dim(rank)] and math.prod(target.shape):
        raise IndexError("Target is out of bounds: the input has no classes.")
    if np.dtype(target.dtype).name not in ("int64", "uint8"):
        raise RuntimeError(f"expected scalar type Long but found {type_name(target.dtype)}")
    classes = x.shape[class_dim(rank)]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes "
            f"but got weight tensor of shape: {size_text(weight.shape)}"
        )
    if weight is not None and weight.dtype != x.dtype:
        raise RuntimeError(f"expected scalar type {type_name(x.dtype)} but found {type_name(weight.dtype)}")


@op(half="upcast", backward_name="DivBackward0")
def soft_cross_entropy(x, target, weight=None, smoothing: Scalar = 0.0, *, reduction, smooth):
    """Cross entropy of log_softmax(x) with class probabilities `target`, of the same shape as x."""
    dim = class_dim(x.ndim)
    if smooth:
        target = target * (1 - smoothing) + smoothing / x.shape[dim]
    loss = log_softmax.fn(x, dim=dim) * target
    if weight is not None:
        loss = loss * _over_classes(weight, x.shape)
    loss = -lax.reduce_sum(loss, (dim,))
    return _reduce(loss, reduction)


soft_cross_entropy.grad_by_vjp("x", "target")


@soft_cross_entropy.validate
def _(x, target, weight=None, smoothing=0.0, **attributes):
    if np.dtype(target.dtype).kind not in "fV":
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {type_name(target.dtype)}"
        )


@op
def known_class(target, *, classes):
    """target, checked to hold class numbers."""
    return target


@known_class.check(RuntimeError, "Target values should be in [0, {classes} - 1], but {value} was found.")
def _(target, classes):
    return (target < 0) | (target >= classes), target
