"""Functions of one tensor, element by element.

Integers become the default float dtype where the result is not whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilnn.base import dtypes
from kilnn.ops import arithmetic, elementary, powers, rounding, selection
from kilnn.tensor.doors import cast, record

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def abs(input: Tensor) -> Tensor:
    """|x|."""
    return record(rounding.abs_, (input,))


def neg(input: Tensor) -> Tensor:
    """-x."""
    return record(rounding.neg, (input,))


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1: the sign of each element."""
    return record(rounding.sign, (input,))


def floor(input: Tensor) -> Tensor:
    """The largest whole number not above each element."""
    return record(rounding.floor, (input,))


def ceil(input: Tensor) -> Tensor:
    """The smallest whole number not below each element."""
    return record(rounding.ceil, (input,))


def trunc(input: Tensor) -> Tensor:
    """Each element rounded towards zero."""
    return record(rounding.trunc, (input,))


def frac(input: Tensor) -> Tensor:
    """What `trunc` cuts off: x - trunc(x)."""
    return record(rounding.frac, (input,))


def exp(input: Tensor) -> Tensor:
    """e to the power x."""
    return record(elementary.exp, (input,))


def exp2(input: Tensor) -> Tensor:
    """2 to the power x."""
    return record(elementary.exp2, (input,))


def expm1(input: Tensor) -> Tensor:
    """exp(x) - 1, exact for small x."""
    return record(elementary.expm1, (input,))


def log(input: Tensor) -> Tensor:
    """Natural logarithm."""
    return record(elementary.log, (input,))


def log2(input: Tensor) -> Tensor:
    """Logarithm to the base 2."""
    return record(elementary.log2, (input,))


def log10(input: Tensor) -> Tensor:
    """Logarithm to the base 10."""
    return record(elementary.log10, (input,))


def log1p(input: Tensor) -> Tensor:
    """log(1 + x), exact for small x."""
    return record(elementary.log1p, (input,))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return record(elementary.sigmoid, (input,))


def sqrt(input: Tensor) -> Tensor:
    """Square root; NaN for negative elements."""
    return record(elementary.sqrt, (input,))


def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(x)."""
    return record(elementary.rsqrt, (input,))


def reciprocal(input: Tensor) -> Tensor:
    """1 / x."""
    return record(elementary.reciprocal, (input,))


def sin(input: Tensor) -> Tensor:
    """Sine."""
    return record(elementary.sin, (input,))


def cos(input: Tensor) -> Tensor:
    """Cosine."""
    return record(elementary.cos, (input,))


def tan(input: Tensor) -> Tensor:
    """Tangent."""
    return record(elementary.tan, (input,))


def asin(input: Tensor) -> Tensor:
    """Inverse sine."""
    return record(elementary.asin, (input,))


def acos(input: Tensor) -> Tensor:
    """Inverse cosine."""
    return record(elementary.acos, (input,))


def atan(input: Tensor) -> Tensor:
    """Inverse tangent."""
    return record(elementary.atan, (input,))


def sinh(input: Tensor) -> Tensor:
    """Hyperbolic sine."""
    return record(elementary.sinh, (input,))


def cosh(input: Tensor) -> Tensor:
    """Hyperbolic cosine."""
    return record(elementary.cosh, (input,))


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return record(elementary.tanh, (input,))


def asinh(input: Tensor) -> Tensor:
    """Inverse hyperbolic sine."""
    return record(elementary.asinh, (input,))


def acosh(input: Tensor) -> Tensor:
    """Inverse hyperbolic cosine."""
    return record(elementary.acosh, (input,))


def atanh(input: Tensor) -> Tensor:
    """Inverse hyperbolic tangent."""
    return record(elementary.atanh, (input,))


def erf(input: Tensor) -> Tensor:
    """The error function."""
    return record(elementary.erf, (input,))


def erfc(input: Tensor) -> Tensor:
    """1 - erf(x), exact for large x."""
    return record(elementary.erfc, (input,))


def erfinv(input: Tensor) -> Tensor:
    """The inverse of the error function on (-1, 1)."""
    return record(elementary.erfinv, (input,))


def lgamma(input: Tensor) -> Tensor:
    """Logarithm of |gamma(x)|."""
    return record(elementary.lgamma, (input,))


def digamma(input: Tensor) -> Tensor:
    """The logarithmic derivative of the gamma function."""
    return record(elementary.digamma, (input,))


def square(input: Tensor) -> Tensor:
    """x * x."""
    return record(powers.pow_static, (cast(input, dtypes.int64) if input.dtype is dtypes.bool else input,), (2,))


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Each element rounded to `decimals` places; halves go to the even neighbour."""
    return record(rounding.round_, (input,), (decimals,))


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)); with `eps`, of x clamped to [eps, 1 - eps]."""
    return record(elementary.logit, (input, eps))


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """Finite numbers in place of NaN and the infinities; by default 0 and the largest of the dtype."""
    return record(selection.nan_to_num, (input, 0.0 if nan is None else nan, posinf, neginf))


def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians: x * pi / 180."""
    return record(arithmetic.mul, (input, 0.017453292519943295))


def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees: x * 180 / pi."""
    return record(arithmetic.mul, (input, 57.29577951308232))


def positive(input: Tensor) -> Tensor:
    """The tensor itself; refuses bool, as `+` does."""
    if input.dtype.category == 0:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


absolute = abs
negative = neg
fix = trunc
arcsin, arccos, arctan = asin, acos, atan
arcsinh, arccosh, arctanh = asinh, acosh, atanh
sgn = sign
expit = sigmoid
