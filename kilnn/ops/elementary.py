"""Functions of one array, element by element: exponentials, roots, trigonometry, error and gamma functions.

Which of operand and result a gradient reads follows PyTorch: it decides which in-place writes break the backward pass.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.spec import Scalar, op

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
def logit(x, eps: Scalar = None):  # type: ignore[assignment]  # or None
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
    return digamma_at(x)


@digamma.grad("x")
def _(ct, x):
    return ct * derivative_of_digamma(x, 1)


def digamma_at(x):
    return jnp.where(x == 0, jnp.where(jnp.signbit(x), jnp.inf, -jnp.inf).astype(x.dtype), lax.digamma(x))


def derivative_of_digamma(x, n):
    """The n-th derivative, n > 0: JAX's for positive x, mirrored at 1/2 for the others, where its series is wrong."""
    from jax.scipy.special import polygamma  # noqa: PLC0415  # a large module for one gradient

    # d^n/dx^n of pi cot(pi x) is pi^(n + 1) times a polynomial of the cotangent.
    cotangent = np.polynomial.Polynomial([0, 1])
    for _ in range(n):
        cotangent = -cotangent.deriv() * np.polynomial.Polynomial([1, 0, 1])
    mirrored, pole = x < 0.5, (x <= 0) & (x == jnp.floor(x))
    inside = jnp.where(mirrored & ~pole, x, 0.25)
    slope = 1 / jnp.tan(math.pi * (inside - jnp.round(inside)))
    turned = math.pi ** (n + 1) * jnp.polyval(jnp.asarray(cotangent.coef[::-1], x.dtype), slope)
    value = polygamma(n, jnp.where(mirrored, 1 - x, x))
    value = jnp.where(mirrored, (-1) ** n * value - turned, value)
    return jnp.where(pole, (-1) ** (n + 1) * jnp.inf, value).astype(x.dtype)
