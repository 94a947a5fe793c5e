"""Fourier transforms. Gradients are `jax.vjp`; on the host NumPy's transforms run."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import jax.numpy as jnp

from kilnn.ops.spec import Op, op


def _transform(name: str, node: str) -> Op:
    along = getattr(jnp.fft, name)

    def forward(x, *, sizes, dims, norm):
        return along(x, sizes, dims, norm)

    made: Op = op(name=f"fft_{name}", backward_name=node)(forward)
    made.grad_by_jax("x")
    return made


fftn = _transform("fftn", "FftC2CBackward0")
ifftn = _transform("ifftn", "FftC2CBackward0")
rfftn = _transform("rfftn", "FftR2CBackward0")
irfftn = _transform("irfftn", "FftC2RBackward0")
