"""Copies, casts and fills: the operations whose result takes its shape from an operand and nothing else."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jax import lax

from kilnn.ops.spec import op


@op(host=lambda x: x)
def clone(x):
    """The same value in a storage of its own. Arrays never change, so nothing is copied."""
    return x


@clone.grad("x")
def _(ct):
    return ct


_E4M3 = np.dtype(ml_dtypes.float8_e4m3fn)
_E4M3_LIMIT = 448


def _cast_on_host(x, dtype):
    x = np.clip(x, -_E4M3_LIMIT, _E4M3_LIMIT) if dtype == _E4M3 else x
    return (x.real if x.dtype.kind == "c" and dtype.kind not in "cb" else x).astype(dtype)


def plain_boolean(x: Any, dtype: Any) -> Any:
    """A boolean about to become a float, as an integer: XLA takes a converted boolean times a constant for a choice
    between the constant and 0, and so loses the NaN of 0 times infinity and 0 / 0."""
    return x.astype(np.uint8) if x.dtype == np.bool_ and np.dtype(dtype).kind != "b" else x


@op(host=_cast_on_host, backward_name="ToCopyBackward0")
def cast(x, *, dtype):
    """x in another dtype; the gradient comes back in the dtype of x. Only float8_e4m3fn has no infinity: PyTorch gives
    its largest number for what is larger."""
    x = lax.real(x) if x.dtype.kind == "c" and dtype.kind not in "cb" else x
    x = plain_boolean(x, dtype)
    return lax.convert_element_type(jnp.clip(x, -_E4M3_LIMIT, _E4M3_LIMIT) if dtype == _E4M3 else x, dtype)


@cast.grad("x")
def _(ct):
    return ct


@op(host=lambda x, device: x, backward_name="ToCopyBackward0")
def move(x, *, device):
    """x as a tensor of another device (the engine gives the result its name). Programs run where JAX runs them."""
    return x


@move.grad("x")
def _(ct):
    return ct


@op(host=lambda x, source: np.broadcast_to(source, x.shape).astype(x.dtype), backward_name="CopyBackwards")
def copy(x, source):
    """source in the shape and dtype of x: what `x.copy_(source)` leaves in x."""
    return lax.convert_element_type(jnp.broadcast_to(source, x.shape), x.dtype)


@copy.grad("x")
def _(ct):
    return jnp.zeros_like(ct)


@copy.grad("source")
def _(ct):
    return ct


@op(host=lambda x, other, answer: answer.astype(x.dtype), backward_name="EqBackward1")
def answer(x, other, answer):
    """The answer of a comparison of x with `other` in the dtype of x: its gradients are zeros, but there are some."""
    return lax.convert_element_type(answer, x.dtype)


@answer.grad("x", "other")
def _(ct):
    return jnp.zeros_like(ct)


@copy.validate
def _(x, source):
    shape, target = tuple(source.shape), tuple(x.shape)
    for back in range(1, len(shape) + 1):
        have = target[-back] if back <= len(target) else 1
        if shape[-back] not in (1, have) or (back > len(target) and shape[-back] != 1):
            dim = len(target) - back
            if dim < 0:
                raise RuntimeError(f"output with shape {list(target)} doesn't match the broadcast shape {list(shape)}")
            raise RuntimeError(
                f"The size of tensor a ({have}) must match the size of tensor b ({shape[-back]}) "
                f"at non-singleton dimension {dim}"
            )


@op(promote="numeric", host=lambda x, value: np.full(x.shape, value, x.dtype), backward_name="FillBackward0")
def fill_like(x, value):
    """An array like x that holds `value` everywhere."""
    return jnp.broadcast_to(value, x.shape)


@fill_like.grad("x")
def _(ct):
    return jnp.zeros_like(ct)


@fill_like.grad("value")
def _(ct):
    return ct


@op
def fence(x):
    """x itself; the compiler does not look through it, so what is computed twice on purpose is not merged."""
    return lax.optimization_barrier(x)


@fence.grad("x")
def _(ct):
    return ct
