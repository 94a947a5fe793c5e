"""Tensor methods: arithmetic, functions of one tensor, matrix products, casts; and the operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.ops import arithmetic as ops, elementary as unary, powers, rounding
from kilnn.tensor.doors import record
from kilnn.tensor.functions import arithmetic, casting, elementary, products

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


class ElementaryMethods:
    """Functions of one tensor, element by element."""

    __slots__ = ()

    abs = absolute = elementary.abs
    neg = negative = elementary.neg
    positive = elementary.positive
    sign = elementary.sign
    sgn = elementary.sgn
    floor = elementary.floor
    ceil = elementary.ceil
    trunc = fix = elementary.trunc
    round = elementary.round
    frac = elementary.frac
    exp = elementary.exp
    exp2 = elementary.exp2
    expm1 = elementary.expm1
    log = elementary.log
    log2 = elementary.log2
    log10 = elementary.log10
    log1p = elementary.log1p
    sigmoid = elementary.sigmoid
    logit = elementary.logit
    sqrt = elementary.sqrt
    rsqrt = elementary.rsqrt
    square = elementary.square
    reciprocal = elementary.reciprocal
    sin = elementary.sin
    cos = elementary.cos
    tan = elementary.tan
    asin = arcsin = elementary.asin
    acos = arccos = elementary.acos
    atan = arctan = elementary.atan
    sinh = elementary.sinh
    cosh = elementary.cosh
    tanh = elementary.tanh
    asinh = arcsinh = elementary.asinh
    acosh = arccosh = elementary.acosh
    atanh = arctanh = elementary.atanh
    erf = elementary.erf
    erfc = elementary.erfc
    erfinv = elementary.erfinv
    lgamma = elementary.lgamma
    digamma = elementary.digamma
    nan_to_num = elementary.nan_to_num
    deg2rad = elementary.deg2rad
    rad2deg = elementary.rad2deg

    __abs__ = elementary.abs
    __pos__ = elementary.positive

    def __neg__(self) -> Tensor:
        return record(rounding.neg, (self,))


class CastingMethods:
    """Other dtypes and devices."""

    __slots__ = ()

    to = casting.to
    cuda = casting.cuda
    pin_memory = casting.pin_memory
    get_device = casting.get_device
    type = casting.type
    type_as = casting.type_as
    float = casting.float
    double = casting.double
    half = casting.half
    bfloat16 = casting.bfloat16
    long = casting.long
    int = casting.int
    short = casting.short
    char = casting.char
    byte = casting.byte
    bool = casting.bool


class MatmulMethods:
    """Matrix products."""

    __slots__ = ()

    mm = products.mm
    bmm = products.bmm
    mv = products.mv
    dot = products.dot
    vdot = products.vdot
    matmul = products.matmul
    addmm = products.addmm
    addmv = products.addmv
    addr = products.addr
    addbmm = products.addbmm
    baddbmm = products.baddbmm
    outer = ger = products.outer
    inner = products.inner
    kron = products.kron
    cross = products.cross
    dist = products.dist

    __matmul__ = products.matmul

    def __rmatmul__(self: Any, other: Any) -> Tensor:
        return products.matmul(other, self)


class ArithmeticMethods(ElementaryMethods, CastingMethods, MatmulMethods):
    """Arithmetic on two or more tensors and numbers."""

    __slots__ = ()

    # NumPy arrays on the left of an operator leave it to the tensor on the right.
    __array_priority__ = 1000

    add = arithmetic.add
    sub = subtract = arithmetic.sub
    mul = multiply = arithmetic.mul
    div = divide = true_divide = arithmetic.div
    floor_divide = arithmetic.floor_divide
    remainder = arithmetic.remainder
    fmod = arithmetic.fmod
    pow = arithmetic.pow
    atan2 = arctan2 = arithmetic.atan2
    hypot = arithmetic.hypot
    logaddexp = arithmetic.logaddexp
    xlogy = arithmetic.xlogy
    lerp = arithmetic.lerp
    addcmul = arithmetic.addcmul
    addcdiv = arithmetic.addcdiv
    maximum = arithmetic.maximum
    minimum = arithmetic.minimum
    fmax = arithmetic.fmax
    fmin = arithmetic.fmin
    clamp = clip = arithmetic.clamp
    clamp_min = arithmetic.clamp_min
    clamp_max = arithmetic.clamp_max
    masked_fill = arithmetic.masked_fill
    clone = arithmetic.clone

    def where(self: Any, condition: Tensor, other: Any) -> Tensor:
        """self where the condition holds, other elsewhere."""
        return arithmetic.where(condition, self, other)  # type: ignore[no-any-return]  # a Tensor

    # The operators of a training loop: one call each.

    def __add__(self, other: Any) -> Tensor:
        return record(ops.add, (self, other))

    def __radd__(self, other: Any) -> Tensor:
        return record(ops.add, (self, other))

    def __sub__(self, other: Any) -> Tensor:
        return record(ops.sub, (self, other))

    def __rsub__(self, other: Any) -> Tensor:
        return record(ops.sub, (other, self))

    def __mul__(self, other: Any) -> Tensor:
        return record(ops.mul, (self, other))

    def __rmul__(self, other: Any) -> Tensor:
        return record(ops.mul, (self, other))

    def __truediv__(self, other: Any) -> Tensor:
        return record(ops.div, (self, other))

    def __rtruediv__(self, other: Any) -> Tensor:
        # PyTorch multiplies by the reciprocal, and so saves that and not the tensor.
        return record(ops.mul, (record(unary.reciprocal, (self,)), other))

    def __floordiv__(self, other: Any) -> Tensor:
        return record(ops.floor_divide, (self, arithmetic.whole_divisor(self, other)))

    def __rfloordiv__(self, other: Any) -> Tensor:
        return record(ops.floor_divide, (other, self))

    def __mod__(self, other: Any) -> Tensor:
        return record(ops.remainder, (self, arithmetic.whole_divisor(self, other)))

    def __rmod__(self, other: Any) -> Tensor:
        return record(ops.remainder, (other, self))

    __pow__ = arithmetic.pow

    def __rpow__(self, other: Any) -> Tensor:
        return record(powers.pow_, (other, self))

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return record(ops.floor_divide, (self, arithmetic.whole_divisor(self, other))), record(
            ops.remainder, (self, arithmetic.whole_divisor(self, other))
        )
