"""`kilnn.special`, and PyTorch's functions of one or two tensors that few programs call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.engine.handle import Handle
from kilnn.ops import pairs, rounding, special as ops
from kilnn.tensor.create import zeros_like
from kilnn.tensor.doors import cast, number_tensor, record, record_many
from kilnn.tensor.functions import results
from kilnn.tensor.functions.activation import log_softmax as _log_softmax, softmax as _softmax
from kilnn.tensor.functions.arithmetic import mul, pow
from kilnn.tensor.functions.elementary import (
    digamma,
    lgamma,
    sigmoid,
)

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor

gammaln, psi, expit = lgamma, digamma, sigmoid


def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.sinc.html
    """
    return record(ops.sinc, (input,))


def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind, of order 0.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.i0
    """
    return record(ops.i0, (input,))


def i0e(input: Tensor) -> Tensor:
    """`i0` times exp(-|x|).

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.i0e
    """
    return record(ops.i0e, (input,))


def i1(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind, of order 1.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.i1
    """
    return record(ops.i1, (input,))


def i1e(input: Tensor) -> Tensor:
    """`i1` times exp(-|x|).

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.i1e
    """
    return record(ops.i1e, (input,))


def entr(input: Tensor) -> Tensor:
    """-x log(x); 0 at 0, -inf below.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.entr
    """
    return record(ops.entr, (input,))


def ndtr(input: Tensor) -> Tensor:
    """The standard normal distribution function.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.ndtr
    """
    return record(ops.ndtr, (input,))


def ndtri(input: Tensor) -> Tensor:
    """The inverse of `ndtr`.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.ndtri
    """
    return record(ops.ndtri, (input,))


def log_ndtr(input: Tensor) -> Tensor:
    """The logarithm of `ndtr`, exact far to the left.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.log_ndtr
    """
    return record(ops.log_ndtr, (input,))


def erfcx(input: Tensor) -> Tensor:
    """exp(x * x) * erfc(x), without underflow.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.erfcx
    """
    return record(ops.erfcx, (input,))


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of `digamma`, n >= 0.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.polygamma
    """
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return record(ops.polygamma, (input,), (int(n),))


def multigammaln(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p; elements above (p - 1) / 2.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.multigammaln
    """
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return record(ops.multigammaln, (input,), (int(p),))


mvlgamma = multigammaln


def gammainc(input: Tensor, other: Tensor) -> Tensor:
    """The regularised lower incomplete gamma function of order `input` at `other`.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.gammainc
    """
    return record(ops.gammainc, (input, other))


def gammaincc(input: Tensor, other: Tensor) -> Tensor:
    """1 - gammainc.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.gammaincc
    """
    return record(ops.gammaincc, (input, other))


igamma, igammac = gammainc, gammaincc


def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function: sum over k of (k + other) ** -input.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.zeta
    """
    return record(ops.zeta, (input, other))


def xlog1py(input: Any, other: Any) -> Tensor:
    """input * log1p(other); 0 where input is 0.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.xlog1py
    """
    return record(ops.xlog1py, (input, other))


def softmax(input: Tensor, dim: int, *, dtype: dtypes.DType | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.softmax
    """
    return _softmax(input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: dtypes.DType | None = None) -> Tensor:
    """The logarithm of `softmax`.

    Source: https://docs.pytorch.org/docs/2.13/special.html#torch.special.log_softmax
    """
    return _log_softmax(input, dim, dtype=dtype)


# Pairs. --------------------------------------------------------------------------------------------------------------


def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor of whole numbers.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.gcd.html
    """
    return record(pairs.gcd, (input, other))


def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple of whole numbers.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.lcm.html
    """
    return record(pairs.lcm, (input, other))


def copysign(input: Tensor, other: Any) -> Tensor:
    """The size of input with the sign of other.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.copysign.html
    """
    return record(pairs.copysign, (input, other))


def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next number that the dtype has after input, towards other.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nextafter.html
    """
    return record(pairs.nextafter, (input, other))


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above, `values` at zero; both of one dtype.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.heaviside.html
    """
    if input.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return record(pairs.heaviside, (input, values))


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2**input + 2**other), without overflow.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.logaddexp2.html
    """
    return record(pairs.logaddexp2, (input, other))


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2**other.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.ldexp.html
    """
    return mul(input, pow(2.0, other))


def frexp(input: Tensor) -> results.frexp:
    """Mantissas in (-1, -1/2] or [1/2, 1) and whole exponents: input = mantissa * 2**exponent.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.frexp.html
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return results.frexp(*record_many(pairs.frexp, (input,)))


def float_power(input: Any, exponent: Any) -> Tensor:
    """`pow` in float64 (complex128 for complex numbers).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.float_power.html
    """
    if not isinstance(input, Handle) and not isinstance(exponent, Handle):
        raise TypeError(f"float_power(): one of the arguments must be Tensor, got {input!r} and {exponent!r}")
    operands = [
        cast(x, x.dtype.to_complex() if x.dtype.is_complex else dtypes.float64)  # type: ignore[attr-defined,arg-type]  # a Tensor
        if isinstance(x, Handle)
        else x
        for x in (input, exponent)
    ]
    if any(isinstance(x, Handle) and x.dtype.is_complex for x in operands):  # type: ignore[attr-defined]  # a Tensor
        operands = [cast(x, dtypes.complex128) if isinstance(x, Handle) else x for x in operands]  # type: ignore[arg-type]  # a Tensor
    base, power = operands
    if not isinstance(base, Handle):
        base = number_tensor(base, dtypes.complex128 if isinstance(base, complex) else dtypes.float64)
    return pow(base, power)


def isposinf(input: Tensor) -> Tensor:
    """Whether each element is +inf.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.isposinf.html
    """
    return _is_infinity("isposinf", input, math.inf)


def isneginf(input: Tensor) -> Tensor:
    """Whether each element is -inf.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.isneginf.html
    """
    return _is_infinity("isneginf", input, -math.inf)


def _is_infinity(name: str, input: Tensor, value: float) -> Tensor:
    if input.dtype.is_complex:
        raise RuntimeError(f"{name} does not support complex inputs.")
    if not input.dtype.is_floating_point:
        return zeros_like(input, dtype=dtypes.bool)
    found: Tensor = input == value
    return found


def sgn(input: Tensor) -> Tensor:
    """The sign of each number; of complex ones, x / |x|.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.sgn.html
    """
    if not input.dtype.is_complex:
        return record(rounding.sign, (input,))
    size = input.abs()
    return input / size.masked_fill(size == 0, 1)
