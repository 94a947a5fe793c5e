"""Tensor methods: comparisons, logic, bits and tests for special values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.ops import comparison as ops
from kilnn.tensor.doors import record
from kilnn.tensor.functions import arithmetic

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


class ComparisonMethods:
    """Comparisons, logic, bits."""

    __slots__ = ()

    eq = arithmetic.eq
    ne = not_equal = arithmetic.ne
    lt = less = arithmetic.lt
    le = less_equal = arithmetic.le
    gt = greater = arithmetic.gt
    ge = greater_equal = arithmetic.ge
    logical_and = arithmetic.logical_and
    logical_or = arithmetic.logical_or
    logical_xor = arithmetic.logical_xor
    logical_not = arithmetic.logical_not
    bitwise_and = arithmetic.bitwise_and
    bitwise_or = arithmetic.bitwise_or
    bitwise_xor = arithmetic.bitwise_xor
    bitwise_not = arithmetic.bitwise_not
    bitwise_left_shift = arithmetic.bitwise_left_shift
    bitwise_right_shift = arithmetic.bitwise_right_shift
    isnan = arithmetic.isnan
    isinf = arithmetic.isinf
    isfinite = arithmetic.isfinite
    signbit = arithmetic.signbit
    isclose = arithmetic.isclose
    allclose = arithmetic.allclose
    equal = arithmetic.equal

    def __eq__(self, other: object) -> Any:
        return _compared(ops.eq, self, other)

    def __ne__(self, other: object) -> Any:
        return _compared(ops.ne, self, other)

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Tensor:
        return record(ops.lt, (self, other))

    def __le__(self, other: Any) -> Tensor:
        return record(ops.le, (self, other))

    def __gt__(self, other: Any) -> Tensor:
        return record(ops.gt, (self, other))

    def __ge__(self, other: Any) -> Tensor:
        return record(ops.ge, (self, other))

    def __and__(self, other: Any) -> Tensor:
        return record(ops.bitwise_and, (self, other))

    __rand__ = __and__

    def __or__(self, other: Any) -> Tensor:
        return record(ops.bitwise_or, (self, other))

    __ror__ = __or__

    def __xor__(self, other: Any) -> Tensor:
        return record(ops.bitwise_xor, (self, other))

    __rxor__ = __xor__

    def __lshift__(self, other: Any) -> Tensor:
        return record(ops.left_shift, (self, other))

    def __rshift__(self, other: Any) -> Tensor:
        return record(ops.right_shift, (self, other))

    def __invert__(self) -> Tensor:
        return record(ops.bitwise_not, (self,))


def _compared(op: Any, x: Any, other: object) -> Any:
    """== and != with something that is no number and no tensor answer as Python does: by identity."""
    try:
        return record(op, (x, other))
    except TypeError:
        return NotImplemented
