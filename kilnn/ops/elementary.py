"""Functions of one array, element by element: exponentials, trigonometry, rounding, signs.

Which of operand and result a gradient reads follows PyTorch: it decides which in-place writes break the backward pass.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import polygamma

from kilnn.ops.arithmetic import is_bool, is_integral
from kilnn.ops.checks import type_name
from kilnn.ops.spec import Scalar, op


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


# Exponentials and logarithms. ----------------------------------------------------------------------------------------


@op(promote="float", host=np.exp)
def exp(x):
    return lax.exp(x)


@exp.grad("x")
def _(ct, out):
    return ct * out


@op(promote="float", host=np.exp2)
def exp2(x):
    return lax.exp2(x)


@exp2.grad("x")
def _(ct, out):
    return ct * out * math.log(2)


@op(promote="float", host=np.expm1)
def expm1(x):
    return lax.expm1(x)


@expm1.grad("x")
def _(ct, out):
    return ct * (out + 1)


@op(promote="float", host=np.log)
def log(x):
    return lax.log(x)


@log.grad("x")
def _(ct, x):
    return ct / x


@op(promote="float", host=np.log2)
def log2(x):
    return lax.log(x) / math.log(2)


@log2.grad("x")
def _(ct, x):
    return ct / (x * math.log(2))


@op(promote="float", host=np.log10)
def log10(x):
    return lax.log(x) / math.log(10)


@log10.grad("x")
def _(ct, x):
    return ct / (x * math.log(10))


@op(promote="float", host=np.log1p, backward_name="Log1PBackward0")
def log1p(x):
    return lax.log1p(x)


@log1p.grad("x")
def _(ct, x):
    return ct / (x + 1)


@op(promote="float", host=lambda x: 1 / (1 + np.exp(-x)))
def sigmoid(x):
    return lax.logistic(x)


@sigmoid.grad("x")
def _(ct, out):
    return ct * (out * (1 - out))


@op(promote="float")
def logit(x, eps: Scalar = None):
    """log(x / (1 - x)), with x clamped to [eps, 1 - eps] if eps is given."""
    if eps is not None:
        x = jnp.clip(x, eps, 1 - eps)
    return lax.log(x / (1 - x))


@logit.grad("x")
def _(ct, x, eps):
    slope = ct / (x * (1 - x))
    if eps is None:
        return jnp.where((x < 0) | (x > 1), np.nan, slope)
    return jnp.where((x < eps) | (x > 1 - eps), 0, slope)


# Roots. --------------------------------------------------------------------------------------------------------------


@op(promote="float", host=np.sqrt)
def sqrt(x):
    return lax.sqrt(x)


@sqrt.grad("x")
def _(ct, out):
    return ct / (2 * out)


@op(promote="float", host=lambda x: 1 / np.sqrt(x))
def rsqrt(x):
    return lax.rsqrt(x)


@rsqrt.grad("x")
def _(ct, out):
    return -0.5 * ct * (out * out * out)


@op(promote="float", host=lambda x: 1 / x)
def reciprocal(x):
    return 1 / x


@reciprocal.grad("x")
def _(ct, out):
    return -ct * (out * out)


# Trigonometric and hyperbolic functions. -----------------------------------------------------------------------------


@op(promote="float", host=np.sin)
def sin(x):
    return lax.sin(x)


@sin.grad("x")
def _(ct, x):
    return ct * lax.cos(x)


@op(promote="float", host=np.cos)
def cos(x):
    return lax.cos(x)


@cos.grad("x")
def _(ct, x):
    return -ct * lax.sin(x)


@op(promote="float", host=np.tan)
def tan(x):
    return lax.tan(x)


@tan.grad("x")
def _(ct, out):
    return ct * (1 + out * out)


@op(promote="float", host=np.arcsin)
def asin(x):
    return lax.asin(x)


@asin.grad("x")
def _(ct, x):
    return ct * lax.rsqrt(1 - x * x)


@op(promote="float", host=np.arccos)
def acos(x):
    return lax.acos(x)


@acos.grad("x")
def _(ct, x):
    return -ct * lax.rsqrt(1 - x * x)


@op(promote="float", host=np.arctan)
def atan(x):
    return lax.atan(x)


@atan.grad("x")
def _(ct, x):
    return ct / (1 + x * x)


@op(promote="float", host=np.sinh)
def sinh(x):
    return lax.sinh(x)


@sinh.grad("x")
def _(ct, x):
    return ct * lax.cosh(x)


@op(promote="float", host=np.cosh)
def cosh(x):
    return lax.cosh(x)


@cosh.grad("x")
def _(ct, x):
    return ct * lax.sinh(x)


@op(promote="float", host=np.tanh)
def tanh(x):
    return lax.tanh(x)


@tanh.grad("x")
def _(ct, out):
    return ct * (1 - out * out)


@op(promote="float", host=np.arcsinh)
def asinh(x):
    return lax.asinh(x)


@asinh.grad("x")
def _(ct, x):
    return ct * lax.rsqrt(x * x + 1)


@op(promote="float", host=np.arccosh)
def acosh(x):
    return lax.acosh(x)


@acosh.grad("x")
def _(ct, x):
    return ct * lax.rsqrt(x * x - 1)


@op(promote="float", host=np.arctanh)
def atanh(x):
    return lax.atanh(x)


@atanh.grad("x")
def _(ct, x):
    return ct / (1 - x * x)


# Error and gamma functions. ------------------------------------------------------------------------------------------


@op(promote="float")
def erf(x):
    return lax.erf(x)


@erf.grad("x")
def _(ct, x):
    return ct * (2 / math.sqrt(math.pi)) * lax.exp(-x * x)


@op(promote="float")
def erfc(x):
    return lax.erfc(x)


@erfc.grad("x")
def _(ct, x):
    return ct * (-2 / math.sqrt(math.pi)) * lax.exp(-x * x)


@op(promote="float")
def erfinv(x):
    return lax.erf_inv(x)


@erfinv.grad("x")
def _(ct, x):
    root = lax.erf_inv(x)
    return ct * (math.sqrt(math.pi) / 2) * lax.exp(root * root)


@op(promote="float")
def lgamma(x):
    return lax.lgamma(x)


@lgamma.grad("x")
def _(ct, x):
    return ct * lax.digamma(x)


@op(promote="float")
def digamma(x):
    return lax.digamma(x)


@digamma.grad("x")
def _(ct, x):
    return ct * polygamma(1, x)
