"""Arithmetic on two or more arrays, with PyTorch's gradients at ties, zeros and NaN."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import refuse, type_name
from kilnn.ops.operands import c_name, is_bool, is_integral
from kilnn.ops.spec import Scalar, op


@op(promote="numeric", host=np.add)
def add(a, b):
    return a + b


@add.grad("a", "b")
def _(ct):
    return ct


@op(promote="numeric", host=lambda a, b, alpha: a + b * alpha, backward_name="AddBackward0")
def add_scaled(a, b, alpha):
    """a + alpha * b. Saves nothing: alpha is a number."""
    return a + b * alpha


@add_scaled.grad("a")
def _(ct):
    return ct


@add_scaled.grad("b", frees=False)
def _(ct, alpha):
    return ct * alpha


@op(promote="numeric", host=np.subtract)
def sub(a, b):
    return a - b


@sub.grad("a")
def _(ct):
    return ct


@sub.grad("b")
def _(ct):
    return -ct


@sub.validate
def _(a, b):
    if is_bool(a) and is_bool(b):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. "
            "Use the `^` or `logical_xor()` operator instead."
        )
    if is_bool(a) or is_bool(b):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. "
            "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )


@op(promote="numeric", host=lambda a, b, alpha: a - b * alpha, backward_name="SubBackward0")
def sub_scaled(a, b, alpha):
    """a - alpha * b. Saves nothing: alpha is a number."""
    return a - b * alpha


@sub_scaled.grad("a")
def _(ct):
    return ct


@sub_scaled.grad("b", frees=False)
def _(ct, alpha):
    return -(ct * alpha)


sub_scaled.validate(lambda a, b, alpha: sub.validator(a, b))


@op(promote="numeric", host=np.multiply)
def mul(a, b):
    return a * b


@mul.grad("a")
def _(ct, b):
    return ct * b


@mul.grad("b")
def _(ct, a):
    return ct * a


@op(promote="float", host=np.true_divide)
def div(a, b):
    return lax.div(*jnp.broadcast_arrays(a, b)) if a.shape != b.shape else lax.div(a, b)


@div.grad("a")
def _(ct, b):
    return ct / b


@div.grad("b")
def _(ct, a, b):
    return -ct * ((a / b) / b)


def _quotient(a: Any, b: Any, mode: str) -> Any:
    if mode == "floor":
        return jnp.floor_divide(a, b)
    return lax.div(*jnp.broadcast_arrays(a, b)) if a.dtype.kind in "iu" else jnp.trunc(a / b)


def _quotient_on_host(a: Any, b: Any, rounding_mode: str) -> Any:
    if rounding_mode == "floor":
        return np.floor_divide(a, b)
    if a.dtype.kind in "iu":
        return np.where((a < 0) != (b < 0), -(abs(a) // abs(b)), abs(a) // abs(b)).astype(a.dtype)
    return np.trunc(a / b)


@op(
    promote="numeric",
    host=_quotient_on_host,
    backward_name="DivBackward1",
)
def div_rounded(a, b, *, rounding_mode):
    """The quotient rounded to a whole number: down ("floor") or towards zero ("trunc")."""
    return _quotient(a, b, rounding_mode)


@div_rounded.check(RuntimeError, "ZeroDivisionError", integers=True)
def _(b):
    return b == 0, b


# The gradient is zero almost everywhere; PyTorch saves the operands all the same.
@div_rounded.grad("a")
def _(ct, b):
    return jnp.zeros_like(ct)


@div_rounded.grad("b")
def _(ct, a, b):
    return jnp.zeros_like(ct)


@op(promote="numeric", host=np.floor_divide)
def floor_divide(a, b):
    refuse(a, "bc", "div_floor_cpu")
    return jnp.floor_divide(a, b)


@floor_divide.check(RuntimeError, "ZeroDivisionError", integers=True)
def _(b):
    return b == 0, b


@floor_divide.grad("a", "b", frees=False)
def _(ct):
    raise RuntimeError("derivative for aten::floor_divide is not implemented")


@op(promote="numeric", host=np.remainder)
def remainder(a, b):
    """The remainder with the sign of the divisor, as Python's %."""
    refuse(a, "bc", "remainder_cpu")
    return jnp.remainder(a, b)


@remainder.check(RuntimeError, "ZeroDivisionError", integers=True)
def _(b):
    return b == 0, b


@remainder.grad("a")
def _(ct):
    return ct


@remainder.grad("b")
def _(ct, a, b):
    return -ct * _quotient(a, b, "floor")


@op(promote="numeric", host=np.fmod)
def fmod(a, b):
    """The remainder with the sign of the dividend, as C's fmod."""
    refuse(a, "bc", "fmod_cpu")
    return jnp.fmod(a, b)


@fmod.check(RuntimeError, "ZeroDivisionError", integers=True)
def _(b):
    return b == 0, b


@fmod.grad("a")
def _(ct):
    return ct


@fmod.grad("b")
def _(ct, a, b):
    return -ct * _quotient(a, b, "trunc")


@op(promote="float", host=np.arctan2)
def atan2(a, b):
    refuse(a, "c", "atan2_cpu")
    return lax.atan2(*jnp.broadcast_arrays(a, b))


@atan2.grad("a")
def _(ct, a, b):
    square = a * a + b * b
    return ct * jnp.where(square == 0, 0, b / jnp.where(square == 0, 1, square))


@atan2.grad("b")
def _(ct, a, b):
    square = a * a + b * b
    return ct * jnp.where(square == 0, 0, -a / jnp.where(square == 0, 1, square))


@op(promote="float", host=np.hypot)
def hypot(a, b):
    return jnp.hypot(a, b)


@hypot.grad("a")
def _(ct, a, out):
    return ct * (a / out)


@hypot.grad("b")
def _(ct, b, out):
    return ct * (b / out)


def _logaddexp_of_complex(a, b, numbers):
    high = numbers.maximum(a.real, b.real)
    return numbers.log(numbers.exp(a - high) + numbers.exp(b - high)) + high


def _logaddexp_on_host(a, b):
    return _logaddexp_of_complex(a, b, np) if a.dtype.kind == "c" else np.logaddexp(a, b)


@op(promote="numeric", host=_logaddexp_on_host)
def logaddexp(a, b):
    refuse(a, "biu", "logaddexp_cpu")
    if a.dtype.kind == "c":
        return _logaddexp_of_complex(a, b, jnp)
    return jnp.logaddexp(a, b)


@logaddexp.grad("a")
def _(ct, a, b):
    return ct / (1 + lax.exp(b - a))


@logaddexp.grad("b")
def _(ct, a, b):
    return ct / (1 + lax.exp(a - b))


def lerp_formula(start: Any, end: Any, weight: Any) -> Any:
    # Two formulas, so that both ends are exact.
    near = start + weight * (end - start)
    far = end - (end - start) * (1 - weight)
    return jnp.where(abs(weight) < 0.5, near, far)


@op(half="upcast", backward_name="LerpBackward0")
def lerp_scalar(start, end, weight: Scalar):
    """start + weight * (end - start) for a number."""
    return lerp_formula(start, end, lax.convert_element_type(weight, start.dtype))


@lerp_scalar.grad("start", frees=False)
def _(ct, weight):
    return ct * (1 - lax.convert_element_type(weight, ct.dtype))


@lerp_scalar.grad("end", frees=False)
def _(ct, weight):
    return ct * lax.convert_element_type(weight, ct.dtype)


@op(promote="numeric", backward_name="LerpBackward1")
def lerp(start, end, weight):
    """start + weight * (end - start) for a tensor of weights."""
    return lerp_formula(start, end, weight)


@lerp.grad("start")
def _(ct, weight):
    return ct * (1 - weight)


@lerp.grad("end")
def _(ct, weight):
    return ct * weight


# The gradient of the weight does not read `weight`, but PyTorch's node saves it whatever is differentiated.
@lerp.grad("weight")
def _(ct, start, end, weight):
    return ct * (end - start)


def _check_lerp(start, end, weight):
    for name, x in (("end", end), ("weight", weight)):
        if not isinstance(x, type) and x.dtype != start.dtype:
            raise RuntimeError(f"expected dtype {c_name(start.dtype)} for `{name}` but got dtype {c_name(x.dtype)}")
    if is_integral(start):
        raise NotImplementedError(f"\"lerp_kernel_scalar\" not implemented for '{type_name(start.dtype)}'")


lerp.validate(_check_lerp)
lerp_scalar.validate(_check_lerp)


@op(promote="numeric")
def addcmul(x, a, b, value):
    """x + value * a * b."""
    return x + a * b * value


@addcmul.grad("x")
def _(ct):
    return ct


@addcmul.grad("a")
def _(ct, b, value):
    return ct * (b * value)


@addcmul.grad("b")
def _(ct, a, value):
    return ct * (a * value)


@op(promote="numeric")
def addcdiv(x, a, b, value):
    """x + value * a / b."""
    return x + (a / b) * value


# The gradient of x reads nothing, but PyTorch's node saves b whatever is differentiated.
@addcdiv.grad("x")
def _(ct, b):
    return ct


@addcdiv.grad("a")
def _(ct, b, value):
    return ct * (value / b)


@addcdiv.grad("b")
def _(ct, a, b, value):
    return -ct * (value * a / (b * b))


@addcdiv.validate
def _(x, a, b, value):
    if is_integral(a) and is_integral(b):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a "
            "true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as "
            "(input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as "
            "(input + value * tensor1 / tensor2) for float inputs."
        )
