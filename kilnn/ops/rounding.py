"""Rounding and signs."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import type_name
from kilnn.ops.operands import is_bool, is_integral
from kilnn.ops.spec import op


def _refuse(x: Any, kernel: str) -> None:
    raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(x.dtype)}'")


# Whole numbers round to themselves. ----------------------------------------------------------------------------------


def _zero(ct):
    return jnp.zeros_like(ct)


@op(promote="numeric", host=np.floor)
def floor(x):
    return x if x.dtype.kind in "iu" else lax.floor(x)


@op(promote="numeric", host=np.ceil)
def ceil(x):
    return x if x.dtype.kind in "iu" else lax.ceil(x)


@op(promote="numeric", host=np.trunc)
def trunc(x):
    return x if x.dtype.kind in "iu" else jnp.trunc(x)


@op(promote="numeric", host=np.round)
def round_(x, *, decimals):
    """The nearest value with this many decimals; halves go to the even one."""
    if x.dtype.kind in "iu":
        return x
    if decimals == 0:
        return lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)
    scale = np.array(10.0 ** abs(decimals), x.dtype)
    scaled = x * scale if decimals > 0 else x / scale
    whole = lax.round(scaled, lax.RoundingMethod.TO_NEAREST_EVEN)
    return whole / scale if decimals > 0 else whole * scale


for _rounding in (floor, ceil, trunc, round_):
    _rounding.grad("x")(_zero)


@floor.validate
def _(x):
    if is_bool(x):
        _refuse(x, "floor_vml_cpu")


@ceil.validate
def _(x):
    if is_bool(x):
        _refuse(x, "ceil_vml_cpu")


@trunc.validate
def _(x):
    if is_bool(x):
        _refuse(x, "trunc_vml_cpu")


@round_.validate
def _(x, *, decimals):
    if is_bool(x):
        _refuse(x, "round_vml_cpu")


@op(promote="numeric", host=lambda x: x - np.trunc(x))
def frac(x):
    return x - jnp.trunc(x)


@frac.grad("x")
def _(ct):
    return ct


@frac.validate
def _(x):
    if is_integral(x):
        _refuse(x, "frac_cpu")


# Signs. --------------------------------------------------------------------------------------------------------------


@op(promote="numeric", host=np.negative)
def neg(x):
    return -x


@neg.grad("x")
def _(ct):
    return -ct


@neg.validate
def _(x):
    if is_bool(x):
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. "
            "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )


def sign_of(x: Any) -> Any:
    """-1, 0 or 1; 0 for NaN. Works on NumPy and JAX arrays."""
    return x if x.dtype == np.bool_ else (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


@op(promote="numeric", host=sign_of)
def sign(x):
    return sign_of(x)


sign.grad("x")(_zero)


@op(promote="numeric", host=np.abs)
def abs_(x):
    return x if x.dtype.kind == "u" else lax.abs(x)


@abs_.grad("x")
def _(ct, x):
    return ct * sign_of(x)


@abs_.validate
def _(x):
    if is_bool(x):
        _refuse(x, "abs_cpu")
