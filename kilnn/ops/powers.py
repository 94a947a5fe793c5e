"""Powers: exponents known when the program is compiled, and run-time ones."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import refuse
from kilnn.ops.spec import op


def _power(x: Any, y: Any) -> Any:
    return jnp.power(x, y)


def _power_on_host(x: Any, y: Any) -> Any:
    if x.dtype.kind not in "iu" or not np.any(y < 0):
        return np.power(x, y)
    # A whole number to a negative power is 1/x**n rounded towards zero: not 0 for x = 1 and x = -1 only.
    inverse = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (abs(y) % 2), 0))
    return np.where(y < 0, inverse, np.power(x, np.maximum(y, 0))).astype(x.dtype)


@op(promote="numeric", host=_power_on_host, backward_name="PowBackward1")
def pow_(x, y):
    refuse(x, "b", "pow")
    if x.dtype.kind not in "iu":
        return _power(x, y)
    whole = _power(x, jnp.maximum(y, 0))
    inverse = jnp.where(x == 1, 1, jnp.where(x == -1, 1 - 2 * (y & 1), 0)).astype(x.dtype)
    return jnp.where(y < 0, inverse, whole)


# The gradient of the base does not read `out`, but PyTorch's node saves it whatever is differentiated.
@pow_.grad("x")
def _(ct, x, y, out):
    return jnp.where(y == 0, 0, ct * (y * _power(x, jnp.where(y == 0, 1, y - 1))))


@pow_.grad("y")
def _(ct, x, y, out):
    positive = jnp.where(x == 0, 1, x)
    return ct * jnp.where((x == 0) & (y >= 0), 0, out * jnp.where(x == 0, -np.inf, lax.log(positive)))


STATIC_EXPONENTS = frozenset(n / 2 for n in range(-64, 65))
"""Exponents that are part of the program: multiplications and square roots are 30 times faster than `pow`."""


def power_of(x: Any, exponent: float) -> Any:
    """x to a multiple of one half, by multiplication and square root."""
    if x.dtype == np.bool_:
        return x if exponent else jnp.ones_like(x)  # both are bools
    if exponent == 0.5:
        return lax.sqrt(x)
    if exponent == -0.5:
        return lax.rsqrt(x)
    if exponent == int(exponent):
        return lax.integer_pow(x, int(exponent))
    magnitude = lax.integer_pow(x, int(abs(exponent))) * lax.sqrt(x)
    return magnitude if exponent > 0 else 1 / magnitude


@op(promote="numeric", host=lambda x, exponent: np.power(x, np.array(exponent, x.dtype)), backward_name="PowBackward0")
def pow_static(x, *, exponent):
    """x to a multiple of one half that is known when the program is compiled."""
    return power_of(x, exponent)


@pow_static.grad("x")
def _(ct, x, exponent):
    return jnp.zeros_like(ct) if exponent == 0 else ct * (_lower(x, exponent - 1) * exponent)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _lower(x, exponent):
    # PyTorch's second derivative of x ** 2 is a multiple of x ** 0: constant, but it requires grad.
    return lax.select(lax.eq(x, x), jnp.ones_like(x), jnp.ones_like(x)) if exponent == 0 else power_of(x, exponent)


@_lower.defjvp
def _(exponent, primals, tangents):
    (x,), (t,) = primals, tangents
    slope = jnp.zeros_like(x) if exponent == 0 else _lower(x, exponent - 1) * exponent
    return _lower(x, exponent), t * slope


@pow_static.validate
def _(x, *, exponent):
    if exponent < 0 and x.dtype.kind in "iub":
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if x.dtype == np.bool_ and not isinstance(exponent, bool):  # out of place it was made a whole number before
        raise RuntimeError("result type Long can't be cast to the desired output type Bool")
