"""Matrix products. float32 operands are multiplied in full float32 on every device."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import size_text, type_name
from kilnn.ops.operands import c_name
from kilnn.ops.spec import Scalar, op

FULL = lax.Precision.HIGHEST


def contract(a: Any, b: Any, a_dims: Any, b_dims: Any, batch: int = 0) -> Any:
    """The sum of products over a_dims of a and b_dims of b; the first `batch` dimensions are gone through in step."""
    shared = tuple(range(batch))
    return lax.dot_general(a, b, ((tuple(a_dims), tuple(b_dims)), (shared, shared)), precision=FULL)


def _swap(x: Any) -> Any:
    return lax.transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


# Two matrices, a matrix and a vector, two vectors, two batches of matrices. ------------------------------------------


@op(host=np.matmul)
def mm(a, b):
    return contract(a, b, (1,), (0,))


@mm.grad("a")
def _(ct, b):
    return contract(ct, b, (1,), (1,))


@mm.grad("b")
def _(ct, a):
    return contract(a, ct, (0,), (0,))


@op(host=np.matmul)
def mv(a, b):
    return contract(a, b, (1,), (0,))


@mv.grad("a")
def _(ct, b):
    return ct[:, None] * b


@mv.grad("b")
def _(ct, a):
    return contract(a, ct, (0,), (0,))


@op(host=np.dot)
def dot(a, b):
    return contract(a, b, (0,), (0,))


@dot.grad("a")
def _(ct, b):
    return ct * b


@dot.grad("b")
def _(ct, a):
    return ct * a


@op(host=np.matmul)
def bmm(a, b):
    return contract(a, b, (2,), (1,), 1)


@bmm.grad("a")
def _(ct, b):
    return contract(ct, b, (2,), (2,), 1)


@bmm.grad("b")
def _(ct, a):
    return contract(a, ct, (1,), (1,), 1)


def _same_dtype(a: Any, b: Any) -> None:
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {c_name(a.dtype)} != {c_name(b.dtype)}"
        )
    if a.dtype == np.bool_:
        raise NotImplementedError("\"addmm_impl_cpu_\" not implemented for 'Bool'")


def _check_sizes(rows: int, inner: int, other: int, columns: int) -> None:
    if inner != other:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{inner} and {other}x{columns})")


@mm.validate
def _check_mm(a, b):
    for name, x in (("self", a), ("mat2", b)):
        if len(x.shape) != 2:
            raise RuntimeError(f"{name} must be a matrix")
    _check_sizes(*a.shape, *b.shape)
    _same_dtype(a, b)


@mv.validate
def _check_mv(a, b):
    if len(a.shape) != 2 or len(b.shape) != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {len(a.shape)}, {len(b.shape)}")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), vec ({b.shape[0]})"
        )
    if a.dtype != b.dtype:
        x, y = type_name(a.dtype), type_name(b.dtype)
        raise RuntimeError(f"addmv input tensors must have the same dtype, but got {y}, {x}, and {y}")


@dot.validate
def _check_dot(a, b):
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise RuntimeError(f"1D tensors expected, but got {len(a.shape)}D and {len(b.shape)}D tensors")
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {type_name(a.dtype)} and {type_name(b.dtype)}"
        )
    if a.shape != b.shape:
        n, m = a.shape[0], b.shape[0]
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, "
            f"but got {n} and {m} elements respectively"
        )


@bmm.validate
def _check_bmm(a, b):
    for number, x in ((1, a), (2, b)):
        if len(x.shape) != 3:
            raise RuntimeError(f"batch{number} must be a 3D tensor")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}]."
        )
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {type_name(a.dtype)} but found {type_name(b.dtype)}")


# Any ranks. ----------------------------------------------------------------------------------------------------------


def product(a: Any, b: Any) -> Any:
    """a @ b: vectors are rows on the left and columns on the right, leading dimensions are broadcast."""
    if a.ndim == 1 or b.ndim <= 2:
        return contract(a, b, (a.ndim - 1,), (max(b.ndim - 2, 0),))
    if a.ndim == 2:
        return jnp.moveaxis(contract(a, b, (1,), (b.ndim - 2,)), 0, -2)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = jnp.broadcast_to(a, (*lead, *a.shape[-2:]))
    b = jnp.broadcast_to(b, (*lead, *b.shape[-2:]))
    return contract(a, b, (a.ndim - 1,), (a.ndim - 2,), len(lead))


@op(host=np.matmul, backward_name="UnsafeViewBackward0")
def matmul(a, b):
    return product(a, b)


@matmul.grad("a")
def _(ct, b, a_shape):
    rank = len(a_shape)
    if rank == 1:
        if b.ndim == 1:
            return ct * b
        batch = tuple(range(b.ndim - 2))
        return contract(b, ct, (*batch, b.ndim - 1), range(ct.ndim))
    if b.ndim == 1:
        return ct[..., None] * b
    if b.ndim == 2:
        return contract(ct, b, (ct.ndim - 1,), (1,))
    if rank == 2:
        batch = tuple(range(b.ndim - 2))
        return contract(ct, b, (*batch, b.ndim - 1), (*batch, b.ndim - 1))
    return product(ct, _swap(b))


@matmul.grad("b")
def _(ct, a, b_shape):
    rank = len(b_shape)
    if rank == 1:
        return contract(a, ct, range(a.ndim - 1), range(ct.ndim))
    if a.ndim == 1:
        return a[:, None] * ct[..., None, :]
    if rank == 2:
        lead = tuple(range(a.ndim - 1))
        return contract(a, ct, lead, lead)
    return product(_swap(a), ct)


@matmul.validate
def _(a, b):
    ranks = len(a.shape), len(b.shape)
    if 0 in ranks:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {ranks[0]}D and {ranks[1]}D")
    if ranks == (1, 1):
        return _check_dot(a, b)
    if ranks == (2, 2):
        return _check_mm(a, b)
    if ranks == (2, 1):
        return _check_mv(a, b)
    left = a.shape if ranks[0] > 1 else (1, *a.shape)
    right = b.shape if ranks[1] > 1 else (*b.shape, 1)
    if left[-1] != right[-2]:
        if len(right) == 2:
            _check_sizes(math.prod(left[:-1]), left[-1], right[-2], right[-1])
    _check_batches(left, right)
    _same_dtype(a, b)
    return None


def _check_batches(left: Any, right: Any) -> None:
    for back in range(3, min(len(left), len(right)) + 1):
        n, m = left[-back], right[-back]
        if n != m and 1 not in (n, m):
            dim = max(len(left), len(right)) - back
            raise RuntimeError(
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {dim}"
            )
    if left[-1] != right[-2]:
        batch = math.prod(np.broadcast_shapes(left[:-2], right[:-2]))
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{batch}, {left[-1]}] but got: [{batch}, {right[-2]}]."
        )


# Products added to something. ----------------------------------------------------------------------------------------


def _as(number: Any, x: Any) -> Any:
    return lax.convert_element_type(number, x.dtype)


@op
def addmm(x, a, b):
    """x + a @ b."""
    return x + contract(a, b, (1,), (0,))


@op
def baddbmm(x, a, b):
    """x + a @ b for batches of matrices."""
    return x + contract(a, b, (2,), (1,), 1)


@op(backward_name="AddmmBackward0")
def addmm_scaled(x, a, b, beta: Scalar, alpha: Scalar):
    """beta * x + alpha * (a @ b)."""
    return x * _as(beta, x) + contract(a, b, (1,), (0,)) * _as(alpha, a)


@op(backward_name="BaddbmmBackward0")
def baddbmm_scaled(x, a, b, beta: Scalar, alpha: Scalar):
    """beta * x + alpha * (a @ b) for batches of matrices."""
    return x * _as(beta, x) + contract(a, b, (2,), (1,), 1) * _as(alpha, a)


for _plain, _scaled, _batch in ((addmm, addmm_scaled, 0), (baddbmm, baddbmm_scaled, 1)):
    _plain.grad("x")(lambda ct: ct)
    _scaled.grad("x")(lambda ct, beta: ct * _as(beta, ct))

addmm.grad("a")(lambda ct, b: contract(ct, b, (1,), (1,)))
addmm.grad("b")(lambda ct, a: contract(a, ct, (0,), (0,)))
baddbmm.grad("a")(lambda ct, b: contract(ct, b, (2,), (2,), 1))
baddbmm.grad("b")(lambda ct, a: contract(a, ct, (1,), (1,), 1))
addmm_scaled.grad("a")(lambda ct, b, alpha: contract(ct * _as(alpha, ct), b, (1,), (1,)))
addmm_scaled.grad("b")(lambda ct, a, alpha: contract(a, ct * _as(alpha, ct), (0,), (0,)))
baddbmm_scaled.grad("a")(lambda ct, b, alpha: contract(ct * _as(alpha, ct), b, (2,), (2,), 1))
baddbmm_scaled.grad("b")(lambda ct, a, alpha: contract(a, ct * _as(alpha, ct), (1,), (1,), 1))


def _check_added(x: Any, a: Any, b: Any, check: Any) -> None:
    check(a, b)
    target = (*a.shape[:-1], b.shape[-1])
    shape = tuple(x.shape)
    for back in range(1, len(shape) + 1):
        if back > len(target):
            raise RuntimeError(
                f"expand(torch.{type_name(x.dtype)}Tensor{{{size_text(shape)}}}, size={size_text(target)}): the number "
                f"of sizes provided ({len(target)}) must be greater or equal to the number of dimensions in the tensor "
                f"({len(shape)})"
            )
        if shape[-back] not in (1, target[-back]):
            raise RuntimeError(
                f"The expanded size of the tensor ({target[-back]}) must match the existing size ({shape[-back]}) at "
                f"non-singleton dimension {len(target) - back}.  Target sizes: {size_text(target)}.  "
                f"Tensor sizes: {size_text(shape)}"
            )
    if x.dtype != a.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {type_name(x.dtype)} and {type_name(a.dtype)}"
        )


addmm.validate(lambda x, a, b: _check_added(x, a, b, _check_mm))
baddbmm.validate(lambda x, a, b: _check_added(x, a, b, _check_bmm))
addmm_scaled.validate(lambda x, a, b, beta, alpha: _check_added(x, a, b, _check_mm))
baddbmm_scaled.validate(lambda x, a, b, beta, alpha: _check_added(x, a, b, _check_bmm))


# Einstein sums: one operand saves nothing, two save each other. ------------------------------------------------------


def _einsum(equation: str, *xs: Any) -> Any:
    return jnp.einsum(equation, *xs, precision=FULL)


def _transposed(function: Any, shape: Any, dtype: Any, ct: Any) -> Any:
    """The gradient of a function that is linear in its one operand."""
    return jax.linear_transpose(function, jax.ShapeDtypeStruct(shape, dtype))(ct)[0]


@op(name="einsum1", backward_name="ViewBackward0")
def einsum_one(x, *, equation):
    return _einsum(equation, x)


@einsum_one.grad("x")
def _(ct, x_shape, x_dtype, equation):
    return _transposed(lambda x: _einsum(equation, x), x_shape, x_dtype, ct)


@op(name="einsum2", backward_name="ViewBackward0")
def einsum_two(a, b, *, equation):
    return _einsum(equation, a, b)


@einsum_two.grad("a")
def _(ct, b, a_shape, a_dtype, equation):
    return _transposed(lambda a: _einsum(equation, a, b), a_shape, a_dtype, ct)


@einsum_two.grad("b")
def _(ct, a, b_shape, b_dtype, equation):
    return _transposed(lambda b: _einsum(equation, a, b), b_shape, b_dtype, ct)


@op(backward_name="ViewBackward0")
def einsum(*xs, equation):
    """The Einstein sum of three or more operands."""
    return _einsum(equation, *xs)


@einsum.grad("xs")
def _(ct, xs, equation):
    return jax.vjp(lambda *ys: _einsum(equation, *ys), *xs)[1](ct)
