"""Special functions: Bessel, gamma, zeta and error functions beyond the common ones.

JAX's versions are loaded at their first use: that module is large.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.elementary import derivative_of_digamma, digamma_at
from kilnn.ops.spec import Op, op


def _library() -> Any:
    import jax.scipy.special  # noqa: PLC0415  # a large module

    return jax.scipy.special


def _unary(name: str) -> Op:
    def function(x):
        return getattr(_library(), name)(x)

    made: Op = op(name=name, promote="float")(function)
    made.grad_by_jax("x")
    return made


@op(promote="float")
def i0(x):
    return _library().i0(x)


@i0.grad("x")
def _(ct, x):
    return ct * _library().i1(x)


@op(promote="float")
def i0e(x):
    return _library().i0e(x)


@i0e.grad("x")
def _(ct, x, out):
    return ct * (_library().i1e(x) - lax.sign(x) * out)


@op(promote="float")
def i1(x):
    return _library().i1(x)


@i1.grad("x")
def _(ct, x, out):
    zero = x == 0
    return ct * jnp.where(zero, 0.5, _library().i0(x) - out / jnp.where(zero, 1, x))


@op(promote="float")
def i1e(x):
    return _library().i1e(x)


@i1e.grad("x")
def _(ct, x, out):
    zero = x == 0
    return ct * jnp.where(zero, 0.5, _library().i0e(x) - out * (lax.sign(x) + 1 / jnp.where(zero, 1, x)))


entr, ndtr, ndtri, log_ndtr = (_unary(name) for name in ("entr", "ndtr", "ndtri", "log_ndtr"))


@op(promote="float")
def sinc(x):
    return jnp.sinc(x)


sinc.grad_by_jax("x")


@op(promote="float")
def erfcx(x):
    """exp(x * x) * erfc(x). Where erfc underflows, the first terms of its asymptotic series."""
    far = x > 5
    near = jnp.where(far, 0, x)
    z = jnp.where(far, x, 5)
    w = 1 / (2 * z * z)
    series = 1 - w * (1 - 3 * w * (1 - 5 * w * (1 - 7 * w * (1 - 9 * w * (1 - 11 * w)))))
    return jnp.where(far, series / (z * math.sqrt(math.pi)), lax.exp(near * near) * lax.erfc(near))


@erfcx.grad("x")
def _(ct, x, out):
    return ct * (2 * x * out - 2 / math.sqrt(math.pi))


@op(promote="float")
def polygamma(x, *, n):
    return derivative_of_digamma(x, n) if n else digamma_at(x)


@polygamma.grad("x")
def _(ct, x, n):
    return ct * derivative_of_digamma(x, n + 1)


@op(promote="float")
def multigammaln(x, *, p):
    terms = lax.lgamma(x[..., None] - jnp.arange(p, dtype=x.dtype) / 2)
    return terms.sum(-1) + p * (p - 1) / 4 * math.log(math.pi)


multigammaln.grad_by_jax("x")


@op(promote="float")
def gammainc(a, x):
    return lax.igamma(*jnp.broadcast_arrays(a, x))


@op(promote="float")
def gammaincc(a, x):
    return lax.igammac(*jnp.broadcast_arrays(a, x))


gammainc.grad_by_jax("x")
gammaincc.grad_by_jax("x")


@op(promote="float")
def zeta(x, q):
    found = lax.zeta(*jnp.broadcast_arrays(x, q))
    found = jnp.where((q <= 0) & (q == jnp.floor(q)), jnp.inf, found)
    return jnp.where(x == 1, jnp.inf, jnp.where(x < 1, jnp.nan, found)).astype(found.dtype)


@zeta.grad("q")
def _(ct, x, q):
    return -ct * x * lax.zeta(*jnp.broadcast_arrays(x + 1, q))


@op(promote="float", host=lambda x, y: np.where(np.isnan(y), y, np.where(x == 0, 0, x * np.log1p(y))).astype(x.dtype))
def xlog1py(x, y):
    return jnp.where(jnp.isnan(y), y, jnp.where(x == 0, 0, x * lax.log1p(jnp.where(x == 0, 0, y))))


xlog1py.grad_by_jax("x", "y")
