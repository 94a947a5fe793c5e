"""Complex numbers: their parts, seen as views, and numbers made of parts.

Gradients are `jax.vjp`, which the engine conjugates into PyTorch's convention.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.spec import op


@op(host=np.real)
def real(x):
    return lax.real(x)


@real.put
def _(base, value):
    return lax.complex(value, lax.imag(base))


@op(host=np.imag)
def imag(x):
    return lax.imag(x)


@imag.put
def _(base, value):
    return lax.complex(lax.real(base), value)


@op(host=lambda x: np.stack([x.real, x.imag], -1))
def view_as_real(x):
    return jnp.stack([lax.real(x), lax.imag(x)], -1)


@view_as_real.put
def _(base, value):
    return lax.complex(value[..., 0], value[..., 1])


@op
def view_as_complex(x):
    return lax.complex(x[..., 0], x[..., 1])


@view_as_complex.put
def _(base, value):
    return jnp.stack([lax.real(value), lax.imag(value)], -1)


@op(host=np.conj, backward_name="ConjBackward0")
def conj(x):
    return jnp.conj(x)


@op(promote="float")
def angle(x):
    return jnp.where(jnp.isnan(x), x, jnp.where(x < 0, np.pi, 0).astype(x.dtype))


@op(name="complex", host=lambda real, imag: real + 1j * imag)
def complex_(real, imag):
    return lax.complex(*jnp.broadcast_arrays(real, imag))


@op
def polar(abs, angle):
    abs, angle = jnp.broadcast_arrays(abs, angle)
    return lax.complex(abs * jnp.cos(angle), abs * jnp.sin(angle))


for _op in (real, imag, view_as_real, view_as_complex, conj, angle):
    _op.grad_by_jax("x")
complex_.grad_by_jax("real", "imag")
polar.grad_by_jax("abs", "angle")
