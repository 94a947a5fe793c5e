"""Arithmetic on two or more tensors and numbers, comparisons, logic, bits. Operands are promoted and broadcast."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.base.layout import contiguous_format
from kilnn.engine import views
from kilnn.engine.grad_mode import is_grad_enabled
from kilnn.engine.handle import Handle
from kilnn.ops import arithmetic, comparison, creation, elementary, powers, selection, shaping
from kilnn.tensor.doors import cast, number_for, record

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def check_alpha(input: Any, other: Any, alpha: Any) -> None:
    """PyTorch's rules for the factor of `other` in add and sub."""
    kinds = [_category(x) for x in (input, other)]
    if isinstance(alpha, bool) and max(kinds) != dtypes.BOOL:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and max(kinds) < dtypes.FLOAT:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")


def _category(x: Any) -> int:
    if isinstance(x, Handle):
        return int(x.dtype.category)  # type: ignore[attr-defined]  # a Tensor
    if not isinstance(x, bool | int | float):
        raise TypeError(f"argument 'other' must be Tensor or a number, not {type(x).__name__}")
    return dtypes.BOOL if isinstance(x, bool) else dtypes.INTEGER if isinstance(x, int) else dtypes.FLOAT


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other."""
    if alpha == 1 and alpha is not True:
        return record(arithmetic.add, (input, other))
    check_alpha(input, other, alpha)
    if _category(input) == _category(other) == dtypes.BOOL:
        return record(arithmetic.add, (input, other if alpha else logical_and(other, False)))
    return record(arithmetic.add_scaled, (input, other, alpha))


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other."""
    if alpha == 1 and alpha is not True:
        return record(arithmetic.sub, (input, other))
    check_alpha(input, other, alpha)
    return record(arithmetic.sub_scaled, (input, other, alpha))


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    return sub(other, input, alpha=alpha)


def mul(input: Any, other: Any) -> Tensor:
    """input * other."""
    return record(arithmetic.mul, (input, other))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other.

    Args:
        input, other: tensors or numbers; integers are divided as floats unless `rounding_mode` is given.
        rounding_mode: "floor" (down), "trunc" (towards zero), or None.

    Example:
        >>> import kilnn
        >>> kilnn.div(kilnn.tensor([7, -7]), 2, rounding_mode="floor").tolist()
        [3, -4]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.div.html
    """
    if rounding_mode is None:
        return record(arithmetic.div, (input, other))
    check_rounding(rounding_mode)
    return record(arithmetic.div_rounded, (input, whole_divisor(input, other)), (rounding_mode,))


def check_rounding(mode: str) -> None:
    """PyTorch's error for an unknown rounding mode."""
    if mode not in ("floor", "trunc"):
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{mode}'")


def whole_divisor(x: Any, other: Any) -> Any:
    """`other`, unless it is the number 0 and x holds integers, which PyTorch refuses to divide by it."""
    if other.__class__ is int and not other and isinstance(x, Handle) and _category(x) < dtypes.FLOAT:
        raise RuntimeError("ZeroDivisionError: a tensor of integers cannot be divided by 0")
    return other


def floor_divide(input: Any, other: Any) -> Tensor:
    """The quotient rounded down, as Python's //. It has no derivative."""
    return record(arithmetic.floor_divide, (input, whole_divisor(input, other)))


def remainder(input: Any, other: Any) -> Tensor:
    """The remainder with the sign of the divisor, as Python's %."""
    return record(arithmetic.remainder, (input, whole_divisor(input, other)))


def fmod(input: Any, other: Any) -> Tensor:
    """The remainder with the sign of the dividend, as C's fmod."""
    return record(arithmetic.fmod, (input, whole_divisor(input, other)))


def pow(input: Any, exponent: Any) -> Tensor:
    """input to the power exponent.

    Exponents that are whole or half numbers up to 32 are part of the compiled program (they become multiplications and
    square roots); others are run-time inputs.

    Args:
        input: tensor or number.
        exponent: tensor or number, not both numbers.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.pow.html
    """
    if not isinstance(input, Handle) and not isinstance(exponent, Handle):
        raise TypeError(f"pow(): one of the arguments must be Tensor, got {input!r} and {exponent!r}")
    if isinstance(exponent, int | float) and exponent in powers.STATIC_EXPONENTS:
        if input.dtype.category < dtypes.FLOAT:
            input = power_base(input, exponent)
        return record(powers.pow_static, (input,), (exponent,))
    if isinstance(exponent, int) and exponent < 0 and input.dtype.category < dtypes.FLOAT:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return record(powers.pow_, (input, exponent))


def power_base(input: Tensor, exponent: Any) -> Tensor:
    """A whole number or bool in the dtype that its power has."""
    if isinstance(exponent, float):
        return cast(input, dtypes.get_default_dtype())
    return cast(input, dtypes.int64) if input.dtype is dtypes.bool and not isinstance(exponent, bool) else input


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input) to the first axis, in (-pi, pi]."""
    return record(arithmetic.atan2, (input, other))


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input**2 + other**2)."""
    return record(arithmetic.hypot, (input, other))


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), without overflow."""
    return record(arithmetic.logaddexp, (input, other))


def xlogy(input: Any, other: Any) -> Tensor:
    """input * log(other), and 0 where input is 0."""
    log = record(elementary.log, (other,)) if isinstance(other, Handle) else _log_number(other)
    if not isinstance(input, Handle):
        return mul(input, log)
    return record(selection.where, (record(comparison.eq, (input, 0)), 0.0, mul(input, log)))


def _log_number(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf if value == 0 else math.nan


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input).

    Args:
        input, end: tensors of one dtype.
        weight: number or tensor.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.lerp.html
    """
    if isinstance(weight, Handle):
        return record(arithmetic.lerp, (input, end, weight))
    return record(arithmetic.lerp_scalar, (input, end, weight))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return record(arithmetic.addcmul, (input, tensor1, tensor2, whole_number(value, input, tensor1, tensor2)))


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    return record(arithmetic.addcdiv, (input, tensor1, tensor2, value))


def whole_number(value: Any, *tensors: Tensor) -> Any:
    """A factor as whole tensors take it: without its fraction."""
    return value if any(t.dtype.category > dtypes.INTEGER for t in tensors) else int(value)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of each pair; NaN if one is NaN."""
    return record(selection.maximum, (input, _tensor("maximum", other)))


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of each pair; NaN if one is NaN."""
    return record(selection.minimum, (input, _tensor("minimum", other)))


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of each pair; a number beats NaN."""
    return record(selection.fmax, (input, _tensor("fmax", other)))


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of each pair; a number beats NaN."""
    return record(selection.fmin, (input, _tensor("fmin", other)))


def _tensor(name: str, other: Any) -> Any:
    if not isinstance(other, Handle):
        raise TypeError(f"{name}(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    return other


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Each element limited to [min, max].

    Args:
        input: tensor.
        min, max: numbers, tensors, or None for no limit on that side; max wins where they cross.

    Raises: RuntimeError if both are None.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.clamp.html
    """
    return record(selection.clamp, (input, *clamp_limits("clamp", min, max)))


def clamp_limits(function: str, low: Any, high: Any) -> tuple[Any, Any]:
    """Both limits are numbers or both are tensors; a tensor that could be a number counts as one."""
    for one, other in ((low, high), (high, low)):
        if isinstance(one, Handle) and isinstance(other, bool | int | float):
            if one.ndim or one.requires_grad:  # type: ignore[attr-defined]  # a Tensor
                raise TypeError(
                    f"{function}() received an invalid combination of arguments: the limits must be two numbers or two "
                    "tensors"
                )
    return low, high


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Each element, or `min` where it is smaller."""
    return record(selection.clamp, (input, min, None))


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Each element, or `max` where it is larger."""
    return record(selection.clamp, (input, None, max))


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, other elsewhere; with the condition alone, the places where it holds.

    Args:
        condition: bool tensor.
        input, other: tensors or numbers.

    Returns: a tensor; or, for the condition alone, what `nonzero(condition, as_tuple=True)` returns.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.where.html
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    return record(selection.where, (condition, input, other))


def fill_value(input: Tensor, value: Any) -> Any:
    """A value that is written into `input`: numbers and zero-dimensional tensors take its dtype."""
    return cast(value, input.dtype) if isinstance(value, Handle) else number_for(input.dtype, value)  # type: ignore[arg-type]  # a Tensor


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` where the mask is true, input elsewhere.

    Args:
        input: tensor.
        mask: bool tensor that broadcasts with it.
        value: number or zero-dimensional tensor; it takes the dtype of `input`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.masked_fill.html
    """
    return record(selection.masked_fill, (input, mask, fill_value(input, value)))


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in a storage of its own, through which gradients flow. It keeps the layout of `input`; of the memory
    formats, `contiguous_format` gives the order of the indices."""
    if memory_format is contiguous_format and not input.is_contiguous():
        return record(shaping.contiguous, (input,), (input.aval.shape,))
    if not (input.requires_grad and is_grad_enabled()):
        return views.copy(input)  # type: ignore[no-any-return]  # a Tensor
    return record(creation.clone, (input,))


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like input that holds one value."""
    return record(creation.fill_like, (input, fill_value(input, value)))


# Comparisons, logic, bits. -------------------------------------------------------------------------------------------


def eq(input: Tensor, other: Any) -> Tensor:
    """input == other, element by element."""
    return record(comparison.eq, (input, other))


def ne(input: Tensor, other: Any) -> Tensor:
    """input != other, element by element."""
    return record(comparison.ne, (input, other))


def lt(input: Tensor, other: Any) -> Tensor:
    """input < other, element by element."""
    return record(comparison.lt, (input, other))


def le(input: Tensor, other: Any) -> Tensor:
    """input <= other, element by element."""
    return record(comparison.le, (input, other))


def gt(input: Tensor, other: Any) -> Tensor:
    """input > other, element by element."""
    return record(comparison.gt, (input, other))


def ge(input: Tensor, other: Any) -> Tensor:
    """input >= other, element by element."""
    return record(comparison.ge, (input, other))


def logical_and(input: Tensor, other: Any) -> Tensor:
    """True where both are nonzero."""
    return record(comparison.logical_and, (input, other))


def logical_or(input: Tensor, other: Any) -> Tensor:
    """True where one of the two is nonzero."""
    return record(comparison.logical_or, (input, other))


def logical_xor(input: Tensor, other: Any) -> Tensor:
    """True where exactly one of the two is nonzero."""
    return record(comparison.logical_xor, (input, other))


def logical_not(input: Tensor) -> Tensor:
    """True where the element is zero."""
    return record(comparison.logical_not, (input,))


def bitwise_and(input: Any, other: Any) -> Tensor:
    """input & other on integers and bools."""
    return record(comparison.bitwise_and, (input, other))


def bitwise_or(input: Any, other: Any) -> Tensor:
    """input | other on integers and bools."""
    return record(comparison.bitwise_or, (input, other))


def bitwise_xor(input: Any, other: Any) -> Tensor:
    """input ^ other on integers and bools."""
    return record(comparison.bitwise_xor, (input, other))


def bitwise_not(input: Tensor) -> Tensor:
    """~input on integers and bools."""
    return record(comparison.bitwise_not, (input,))


def bitwise_left_shift(input: Any, other: Any) -> Tensor:
    """input << other on integers."""
    return record(comparison.left_shift, (input, other))


def bitwise_right_shift(input: Any, other: Any) -> Tensor:
    """input >> other on integers."""
    return record(comparison.right_shift, (input, other))


def isnan(input: Tensor) -> Tensor:
    """True where the element is NaN."""
    return record(comparison.isnan, (input,))


def isinf(input: Tensor) -> Tensor:
    """True where the element is infinite."""
    return record(comparison.isinf, (input,))


def isfinite(input: Tensor) -> Tensor:
    """True where the element is neither NaN nor infinite."""
    return record(comparison.isfinite, (input,))


def signbit(input: Tensor) -> Tensor:
    """True where the sign bit is set (also for -0.0)."""
    return record(comparison.signbit, (input,))


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """True where |input - other| <= atol + rtol * |other|."""
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance}")
    return record(comparison.isclose, (input, other, rtol, atol), (equal_nan,))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether `isclose` holds everywhere. Reads the value."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements. Reads the value."""
    for place, x in enumerate((input, other)):
        if isinstance(x, int | float | list | tuple):
            raise TypeError(f"equal(): argument {place + 1} must be Tensor, not {type(x).__name__}")
    return input.shape == other.shape and bool(eq(input, other).all())


subtract, multiply, divide, true_divide = sub, mul, div, div
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
clip = clamp
arctan2 = atan2
