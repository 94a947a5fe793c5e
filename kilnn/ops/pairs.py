"""Rarer functions of two arrays, element by element: divisors, neighbours, signs and steps."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import refuse, type_name
from kilnn.ops.spec import op


def _refuse(kernel: str, dtype: Any) -> None:
    raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(dtype)}'")


@op(promote="numeric", host=np.gcd)
def gcd(a, b):
    if a.dtype.kind not in "iu":
        _refuse("gcd_cpu", a.dtype)
    return jnp.gcd(a, b)


@op(promote="numeric", host=np.lcm)
def lcm(a, b):
    if a.dtype.kind not in "iu":
        _refuse("lcm_cpu", a.dtype)
    return jnp.lcm(a, b)


@op(promote="float", host=np.copysign)
def copysign(a, b):
    refuse(a, "c", "copysign_cpu")
    return jnp.copysign(a, b)


@copysign.grad("a")
def _(ct, a, out):
    return jnp.where(a == 0, 0, ct * out / jnp.where(a == 0, 1, a))


@copysign.grad("b")
def _(ct, b):
    return jnp.zeros_like(ct)


@op(promote="numeric", host=np.nextafter)
def nextafter(a, b):
    if a.dtype.kind not in "fV":
        _refuse("nextafter_cpu", a.dtype)
    return lax.nextafter(*jnp.broadcast_arrays(a, b))


@nextafter.grad("a")
def _(ct):
    return ct


@nextafter.grad("b")
def _(ct):
    return jnp.zeros_like(ct)


@op(host=np.heaviside)
def heaviside(a, b):
    a, b = jnp.broadcast_arrays(a, b)
    return jnp.where(a == 0, b, (a > 0).astype(a.dtype))


@op(promote="float", host=np.logaddexp2)
def logaddexp2(a, b):
    return jnp.logaddexp2(a, b)


logaddexp2.grad_by_jax("a", "b")


@op(host=lambda x: tuple(np.frexp(x)))
def frexp(x):
    mantissa, exponent = jnp.frexp(x)
    return mantissa, exponent.astype(np.int32)


@frexp.grad("x")
def _(ct0, x, out1):
    return jnp.where(x == 0, 0, ct0 * jnp.exp2(-out1.astype(x.dtype)))
