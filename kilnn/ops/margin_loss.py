"""Hinge losses between the scores of several classes."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from kilnn.ops.checks import require_float, size_text, type_name
from kilnn.ops.spec import Scalar, op


def _reduce(v: Any, reduction: str) -> Any:
    return v if reduction == "none" else v.sum() if reduction == "sum" else v.mean()


def _hinge(v: Any) -> Any:
    return jnp.where(v > 0, v, jnp.zeros((), v.dtype))  # slope 0 at 0, as in PyTorch


@op(half="upcast")
def multi_margin_loss(x, target, weight=None, margin: Scalar = 1.0, *, p, reduction):
    """sum over j != target of max(0, margin - x[target] + x[j])**p, divided by the number of classes."""
    rows = x.reshape(-1, x.shape[-1])
    safe = jnp.clip(target.reshape(-1, 1), 0, x.shape[-1] - 1)
    gap = _hinge(margin - jnp.take_along_axis(rows, safe, 1) + rows)
    if p == 2:
        gap = gap * gap
    if weight is not None:
        gap = gap * weight[safe]
    gap = jnp.where(jnp.arange(x.shape[-1]) == safe, jnp.zeros((), x.dtype), gap)
    each = gap.sum(1) / np.asarray(x.shape[-1], x.dtype)
    return _reduce(each.reshape(target.shape) if reduction == "none" else each, reduction)


multi_margin_loss.grad_by_vjp("x")


@multi_margin_loss.check(RuntimeError, "target out of range: got class {value}")
def _(target, x_shape):
    return (target < 0) | (target >= x_shape[-1]), target


@multi_margin_loss.validate
def _(x, target, weight=None, margin=1.0, *, p, reduction):
    require_float("multi_margin_loss", x)
    if len(x.shape) > 2 or x.shape[-1:] == (0,):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {size_text(x.shape)}"
        )
    batch = tuple(x.shape[:-1])
    if tuple(target.shape) != batch and not (batch == () and tuple(target.shape) == (1,)):
        raise RuntimeError(f"inconsistent target size, expected {size_text(batch)} but got {size_text(target.shape)}")
    if np.dtype(target.dtype).name != "int64":
        raise RuntimeError(f"expected scalar type Long but found {type_name(target.dtype)}")
    if weight is not None and tuple(weight.shape) != (x.shape[-1],):
        raise RuntimeError(f"inconsistent weight size, expected {x.shape[-1]} but got {size_text(weight.shape)}")


@op(half="upcast", backward_name="MultilabelMarginLossBackward0")
def multilabel_margin_loss(x, target, *, reduction):
    """sum over targets t and other classes c of max(0, 1 - x[t] + x[c]), divided by the number of classes."""
    classes = x.shape[-1]
    rows, wanted = x.reshape(-1, classes), target.reshape(-1, classes)
    counts = jnp.cumprod(wanted >= 0, axis=1).astype(bool)  # the first -1 ends the list
    safe = jnp.clip(wanted, 0, classes - 1)
    listed = counts[:, :, None] & (safe[:, :, None] == jnp.arange(classes))  # (N, place in the list, class)
    gap = _hinge(1 - jnp.take_along_axis(rows, safe, 1)[:, :, None] + rows[:, None, :])
    gap = jnp.where(counts[:, :, None] & ~listed.any(1)[:, None, :], gap, jnp.zeros((), x.dtype))
    each = gap.sum((1, 2)) / np.asarray(classes, x.dtype)
    return _reduce(each.reshape(x.shape[:-1]), reduction)


multilabel_margin_loss.grad_by_vjp("x")


@multilabel_margin_loss.check(RuntimeError, "target out of range: got class {value}")
def _(target, x_shape):
    return (target < -1) | (target >= x_shape[-1]), target


@multilabel_margin_loss.validate
def _(x, target, *, reduction):
    require_float("multilabel_margin_loss", x)
    if len(x.shape) > 2 or x.shape[-1:] == (0,):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {size_text(x.shape)}"
        )
    if tuple(x.shape) != tuple(target.shape):
        raise RuntimeError(
            f"inconsistent target size: {size_text(target.shape)} for input of size: {size_text(x.shape)}"
        )
    if np.dtype(target.dtype).name != "int64":
        raise RuntimeError(f"expected scalar type Long but found {type_name(target.dtype)}")
