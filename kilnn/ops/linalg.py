"""Linear algebra on batches of matrices: factorisations, inverses, solutions, eigenvalues.

Gradients are `jax.vjp`. On the host LAPACK runs through NumPy where the result is unique.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.base.errors import LinAlgError
from kilnn.ops.checks import type_name
from kilnn.ops.spec import Op, Scalar, op


def _matrix(name: str, a: Any, square: bool = True) -> None:
    """PyTorch's errors for what is no (square) matrix of floats."""
    if len(a.shape) < 2:
        raise RuntimeError(f"linalg.{name}: The input tensor {'A ' if square else ''}must have at least 2 dimensions.")
    if square and a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )
    if a.dtype.kind not in "fc" or a.dtype.itemsize < 4:
        word = (
            "Low precision dtypes not supported. Got"
            if a.dtype.kind in "fV"
            else "Expected a floating point or complex tensor as input. Got"
        )
        raise RuntimeError(f"linalg.{name}: {word} {type_name(a.dtype)}")


def _square(target: Op, name: str) -> Op:
    target.validate(lambda a, *rest, **attributes: _matrix(name, a))
    return target


def _rectangular(target: Op, name: str) -> Op:
    target.validate(lambda a, *rest, **attributes: _matrix(name, a, False))
    return target


def _numpy_or_jax(x: Any) -> Any:
    return np if isinstance(x, np.ndarray) else jnp


def _singular(a):
    sign = _numpy_or_jax(a).linalg.slogdet(a)[0]
    return sign == 0, sign.real


_REFUSE_SINGULAR = "linalg.{}: The diagonal element is zero, the {} because the input matrix is singular."


@op(host=np.linalg.inv, backward_name="LinalgInvExBackward0")
def inv(a):
    return jnp.linalg.inv(a)


_square(inv, "inv").check(LinAlgError, _REFUSE_SINGULAR.format("inv", "inversion could not be completed"))(_singular)


@op(host=np.linalg.det, backward_name="LinalgDetBackward0")
def det(a):
    return jnp.linalg.det(a) if a.shape[-1] else jnp.ones(a.shape[:-2], a.dtype)  # the empty product


_square(det, "det")


@op(host=lambda a: tuple(np.linalg.slogdet(a)), backward_name="LinalgSlogdetBackward0")
def slogdet(a):
    return tuple(jnp.linalg.slogdet(a))


_square(slogdet, "slogdet")


@op(backward_name="LinalgSolveExBackward0", host=lambda a, b, vector: _solve_with(np, a, b, vector))
def solve(a, b, *, vector):
    """The solution of a x = b, for columns b, or (vector) for one right side."""
    return _solve_with(jnp, a, b, vector)


def _solve_with(numbers, a, b, vector):
    if vector:
        return numbers.linalg.solve(a, b[..., None])[..., 0]
    return numbers.linalg.solve(a, b)


_square(solve, "solve").check(LinAlgError, _REFUSE_SINGULAR.format("solve", "solve could not be completed"))(_singular)


@op(backward_name="LinalgSolveTriangularBackward0")
def solve_triangular(a, b, *, upper, unit):
    shape = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = jnp.broadcast_to(a, (*shape, *a.shape[-2:]))
    b = jnp.broadcast_to(b, (*shape, *b.shape[-2:]))
    return lax.linalg.triangular_solve(a, b, left_side=True, lower=not upper, unit_diagonal=unit)


_square(solve_triangular, "solve_triangular")


@op(backward_name="LinalgCholeskyExBackward0")
def cholesky(a, *, upper):
    # Only the triangle that is named is read.
    low = jnp.tril(jnp.conj(jnp.swapaxes(a, -1, -2)) if upper else a)
    whole = low + jnp.conj(jnp.swapaxes(jnp.tril(low, -1), -1, -2))
    factor = jnp.linalg.cholesky(whole, symmetrize_input=False)
    return jnp.conj(jnp.swapaxes(factor, -1, -2)) if upper else factor


@_square(cholesky, "cholesky").check(
    LinAlgError,
    "linalg.cholesky: The factorization could not be completed because the input is not positive-definite (the "
    "leading minor of order {value} is not positive-definite).",
)
def _(a, upper):
    numbers = _numpy_or_jax(a)
    if numbers is np:
        minors = [np.linalg.slogdet(a[..., :n, :n])[0].real for n in range(1, a.shape[-1] + 1)]
        first = np.argmax(np.stack([*minors, np.full(a.shape[:-2], -1.0)], -1) <= 0, -1)
        return first < a.shape[-1], first + 1
    failed = jnp.isnan(jnp.linalg.cholesky(a)[..., -1:, -1:]).any((-2, -1))
    return failed, jnp.full(failed.shape, a.shape[-1])


@op(host=lambda a, mode: tuple(np.linalg.qr(a, mode)), backward_name="LinalgQrBackward0")
def qr(a, *, mode):
    return tuple(jnp.linalg.qr(a, mode))


_rectangular(qr, "qr")


# Vectors have a free sign or phase. Gradients compute them once more, and must find the same ones: no NumPy twins here.
@op(backward_name="LinalgSvdBackward0")
def svd(a, *, full):
    return _full_svd(a) if full else tuple(jnp.linalg.svd(a, full_matrices=False))


@jax.custom_vjp
def _full_svd(a):
    return tuple(jnp.linalg.svd(a))


def _full_svd_back(a, cotangents):
    """Columns beyond the rank are any basis of the rest: they have no derivative, as in PyTorch."""
    u, s, vh = cotangents
    count = s.shape[-1]
    reduced = jax.vjp(lambda x: tuple(jnp.linalg.svd(x, full_matrices=False)), a)[1]
    return reduced((u[..., :count], s, vh[..., :count, :]))


_full_svd.defvjp(lambda a: (_full_svd(a), a), _full_svd_back)


_rectangular(svd, "svd")


@op(host=lambda a: np.linalg.svd(a, compute_uv=False), backward_name="LinalgSvdBackward0")
def svdvals(a):
    return jnp.linalg.svd(a, compute_uv=False)


_rectangular(svdvals, "svdvals")


@op(backward_name="LinalgEighBackward0")
def eigh(a, *, uplo):
    return tuple(jnp.linalg.eigh(a, uplo, symmetrize_input=False))


_square(eigh, "eigh")


@op(host=lambda a, uplo: np.linalg.eigvalsh(a, UPLO=uplo), backward_name="LinalgEighBackward0")
def eigvalsh(a, *, uplo):
    return jnp.linalg.eigh(a, uplo, symmetrize_input=False)[0]


_square(eigvalsh, "eigvalsh")


@op(backward_name="LinalgEigBackward0")
def eig(a):
    if not a.shape[-1]:
        kind = np.result_type(a.dtype, np.complex64)
        return jnp.zeros(a.shape[:-1], kind), jnp.zeros(a.shape, kind)
    # JAX asks for a loss that does not depend on the vectors' phases; PyTorch expects the same.
    return tuple(lax.linalg.eig(a, compute_left_eigenvectors=False, enable_eigvec_derivs=True))


_square(eig, "eig")


@op(backward_name="LinalgEigBackward0")  # the order, too, is free
def eigvals(a):
    return jnp.linalg.eigvals(a)


_square(eigvals, "eigvals")


@op(backward_name="LinalgPinvBackward0")
def pinv(a, atol: Scalar, rtol: Scalar, *, hermitian):
    """Reciprocals of the singular values above max(atol, rtol * the largest), zero for the others."""
    if hermitian:
        w, u = jnp.linalg.eigh(a, symmetrize_input=False)
        s, v = jnp.abs(w), u * jnp.sign(w)[..., None, :]
    else:
        u, s, vh = jnp.linalg.svd(a, full_matrices=False)
        v = jnp.conj(jnp.swapaxes(vh, -1, -2))
    kept = s > jnp.maximum(atol, rtol * s.max(-1, keepdims=True, initial=0))
    inverse = jnp.where(kept, 1 / jnp.where(kept, s, 1), 0)
    return (v * inverse[..., None, :]) @ jnp.conj(jnp.swapaxes(u, -1, -2))


@pinv.grad("a")
def _(ct, a, out):
    # Golub and Pereyra's formula: unlike that of the singular values it is finite where they repeat or vanish.
    adjoint, back = jnp.conj(jnp.swapaxes(out, -1, -2)), jnp.swapaxes(ct, -1, -2)
    left, right = jnp.eye(a.shape[-2], dtype=a.dtype) - a @ out, jnp.eye(a.shape[-1], dtype=a.dtype) - out @ a
    found = left @ back @ (out @ adjoint) + (adjoint @ out) @ back @ right - adjoint @ jnp.conj(ct) @ adjoint
    return jnp.conj(found)


_rectangular(pinv, "pinv")


@op(backward_name="LinalgMatrixExpBackward0")
def matrix_exp(a):
    from jax.scipy.linalg import expm  # noqa: PLC0415  # a large module for one function

    flat = a.reshape(-1, *a.shape[-2:])
    return jnp.stack([expm(m) for m in flat]).reshape(a.shape) if len(flat) else a


_square(matrix_exp, "matrix_exp")


@op(backward_name="LinalgLuFactorExBackward0")
def lu_factor(a):
    """The compact factors and the pivots, counted from 1 as LAPACK does."""
    lu, pivots, _ = lax.linalg.lu(a)
    return lu, (pivots + 1).astype(np.int32)


_rectangular(lu_factor, "lu_factor")


@op(backward_name="LinalgLuBackward0")
def lu_permutation(lu, pivots):
    """The permutation matrix P of A = P L U from LAPACK's pivots."""
    rows = lu.shape[-2]
    order = lax.linalg.lu_pivots_to_permutation(pivots - 1, rows)
    return jnp.swapaxes(jnp.eye(rows, dtype=lu.dtype)[order], -1, -2)


@op(backward_name="LinalgHouseholderProductBackward0")
def householder_product(a, tau):
    """The first columns of the product of reflections I - tau v v^H, v below the diagonal of a's columns."""
    return _reflected(a, tau)


@jax.custom_jvp
def _reflected(a, tau):
    return lax.linalg.householder_product(a, tau)


@_reflected.defjvp
def _(primals, tangents):
    return jax.jvp(_reflections, primals, tangents)  # XLA's own operation has no derivative


def _reflections(a, tau):
    """The same, one reflection after the other."""
    rows, columns = a.shape[-2:]
    below = jnp.arange(rows)[:, None] - jnp.arange(columns)
    vectors = jnp.where(below > 0, a, (below == 0).astype(a.dtype))
    start = jnp.broadcast_to(jnp.eye(rows, columns, dtype=a.dtype), a.shape)

    def step(q, reflection):
        v, t = reflection
        along = jnp.einsum("...i,...ij->...j", v.conj(), q)
        return q - t[..., None, None] * v[..., :, None] * along[..., None, :], None

    count = tau.shape[-1]
    last_first = jnp.moveaxis(vectors[..., :count], -1, 0)[::-1], jnp.moveaxis(tau, -1, 0)[::-1]
    return lax.scan(step, start, last_first)[0]


for _op in (inv, det, slogdet, cholesky, qr, svd, svdvals, eigh, eigvalsh, eig, eigvals, matrix_exp, lu_factor):
    _op.grad_by_jax("a")
for _op in (solve, solve_triangular):
    _op.grad_by_jax("a", "b")
householder_product.grad_by_jax("a", "tau")
