"""Tensor methods that write their result into the tensor: PyTorch's names with a trailing underscore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.base.shapes import normalize_dim
from kilnn.engine.context import local
from kilnn.engine.grad_mode import no_grad
from kilnn.engine.handle import Handle
from kilnn.engine.mutation import become, check_inplace
from kilnn.ops import (
    arithmetic,
    comparison,
    creation,
    gathering,
    indexing,
    joining,
    masking,
    matmul as products,
    powers,
    selection,
    sorting,
)
from kilnn.tensor.doors import inplace, number_for, number_tensor, record
from kilnn.tensor.functions import casting, indexing as by_position, shaping
from kilnn.tensor.functions.arithmetic import check_alpha, check_rounding, clamp_limits, fill_value, whole_number, xlogy
from kilnn.tensor.functions.strided import as_strided
from kilnn.tensor.functions.subscripts import index_tensors, mask_value, put_at
from kilnn.tensor.inplace_elementary import ElementaryInplace
from kilnn.tensor.inplace_rare import RareInplace, fitting
from kilnn.tensor.random import RandomMethods

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def _extent(x: Any, dim: int) -> tuple[int, int]:
    place = normalize_dim(dim, x.ndim)
    return place, x.aval.shape[place] if x.ndim else 1


class ArithmeticInplace(ElementaryInplace):
    """Arithmetic, comparisons and logic."""

    __slots__ = ()

    def add_(self: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        """self += alpha * other."""
        if alpha == 1 and alpha is not True:
            return inplace(self, arithmetic.add, (self, other))
        check_alpha(self, other, alpha)
        return inplace(self, arithmetic.add_scaled, (self, other, alpha))

    def sub_(self: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        """self -= alpha * other."""
        if alpha == 1 and alpha is not True:
            return inplace(self, arithmetic.sub, (self, other))
        check_alpha(self, other, alpha)
        return inplace(self, arithmetic.sub_scaled, (self, other, alpha))

    def mul_(self: Any, other: Any) -> Tensor:
        """self *= other."""
        return inplace(self, arithmetic.mul, (self, other))

    def div_(self: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """self /= other; with a rounding mode, the whole quotient."""
        if rounding_mode is None:
            return inplace(self, arithmetic.div, (self, other))
        check_rounding(rounding_mode)
        return inplace(self, arithmetic.div_rounded, (self, other), (rounding_mode,))

    def floor_divide_(self: Any, other: Any) -> Tensor:
        """self //= other."""
        return inplace(self, arithmetic.floor_divide, (self, other))

    def remainder_(self: Any, other: Any) -> Tensor:
        """self %= other."""
        return inplace(self, arithmetic.remainder, (self, other))

    def fmod_(self: Any, other: Any) -> Tensor:
        """In-place `fmod`."""
        return inplace(self, arithmetic.fmod, (self, other))

    def pow_(self: Any, exponent: Any) -> Tensor:
        """self **= exponent."""
        if not isinstance(exponent, Handle) and exponent in powers.STATIC_EXPONENTS:
            if self.dtype.category >= dtypes.FLOAT or not isinstance(exponent, float):
                return inplace(self, powers.pow_static, (self,), (exponent,))
        return inplace(self, powers.pow_, (self, exponent))

    def atan2_(self: Any, other: Tensor) -> Tensor:
        """In-place `atan2`."""
        return inplace(self, arithmetic.atan2, (self, other))

    def lerp_(self: Any, end: Tensor, weight: Any) -> Tensor:
        """In-place `lerp`."""
        op = arithmetic.lerp if isinstance(weight, Handle) else arithmetic.lerp_scalar
        return inplace(self, op, (self, end, weight))

    def addcmul_(self: Any, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
        """self += value * tensor1 * tensor2."""
        return inplace(self, arithmetic.addcmul, (self, tensor1, tensor2, whole_number(value, self, tensor1, tensor2)))

    def addcdiv_(self: Any, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
        """self += value * tensor1 / tensor2."""
        return inplace(self, arithmetic.addcdiv, (self, tensor1, tensor2, value))

    def clamp_(self: Any, min: Any = None, max: Any = None) -> Tensor:
        """In-place `clamp`."""
        return inplace(self, selection.clamp, (self, *clamp_limits("clamp_", min, max)))

    clip_ = clamp_

    def clamp_min_(self: Any, min: Any) -> Tensor:
        """In-place `clamp_min`."""
        return inplace(self, selection.clamp, (self, min, None))

    def clamp_max_(self: Any, max: Any) -> Tensor:
        """In-place `clamp_max`."""
        return inplace(self, selection.clamp, (self, None, max))

    def eq_(self: Any, other: Any) -> Tensor:
        """1 where equal, 0 elsewhere, in the tensor's own dtype."""
        return _compare(self, comparison.eq, other)

    def ne_(self: Any, other: Any) -> Tensor:
        """1 where different, 0 elsewhere, in the tensor's own dtype."""
        return _compare(self, comparison.ne, other)

    def lt_(self: Any, other: Any) -> Tensor:
        """1 where smaller, 0 elsewhere, in the tensor's own dtype."""
        return _compare(self, comparison.lt, other)

    def le_(self: Any, other: Any) -> Tensor:
        """1 where not larger, 0 elsewhere, in the tensor's own dtype."""
        return _compare(self, comparison.le, other)

    def gt_(self: Any, other: Any) -> Tensor:
        """1 where larger, 0 elsewhere, in the tensor's own dtype."""
        return _compare(self, comparison.gt, other)

    def ge_(self: Any, other: Any) -> Tensor:
        """1 where not smaller, 0 elsewhere, in the tensor's own dtype."""
        return _compare(self, comparison.ge, other)

    def logical_and_(self: Any, other: Tensor) -> Tensor:
        """In-place `logical_and`."""
        return _logical(self, comparison.logical_and, other)

    def logical_or_(self: Any, other: Tensor) -> Tensor:
        """In-place `logical_or`."""
        return _logical(self, comparison.logical_or, other)

    def logical_xor_(self: Any, other: Tensor) -> Tensor:
        """In-place `logical_xor`."""
        return _logical(self, comparison.logical_xor, other)

    def logical_not_(self: Any) -> Tensor:
        """In-place `logical_not`."""
        return _logical(self, comparison.logical_not)

    def bitwise_and_(self: Any, other: Any) -> Tensor:
        """self &= other."""
        return inplace(self, comparison.bitwise_and, (self, other))

    def bitwise_or_(self: Any, other: Any) -> Tensor:
        """self |= other."""
        return inplace(self, comparison.bitwise_or, (self, other))

    def bitwise_xor_(self: Any, other: Any) -> Tensor:
        """self ^= other."""
        return inplace(self, comparison.bitwise_xor, (self, other))

    def bitwise_not_(self: Any) -> Tensor:
        """In-place `bitwise_not`."""
        return inplace(self, comparison.bitwise_not, (self,))

    subtract_, multiply_, divide_, true_divide_ = sub_, mul_, div_, div_
    greater_, greater_equal_, less_, less_equal_, not_equal_ = gt_, ge_, lt_, le_, ne_
    arctan2_ = atan2_

    def xlogy_(self: Any, other: Any) -> Tensor:
        """In-place `xlogy`."""
        return inplace(self, creation.copy, (self, fitting(xlogy(self, other), self)))

    def __iadd__(self: Any, other: Any) -> Tensor:
        return inplace(self, arithmetic.add, (self, other))

    def __isub__(self: Any, other: Any) -> Tensor:
        return inplace(self, arithmetic.sub, (self, other))

    def __imul__(self: Any, other: Any) -> Tensor:
        return inplace(self, arithmetic.mul, (self, other))

    def __itruediv__(self: Any, other: Any) -> Tensor:
        return inplace(self, arithmetic.div, (self, other))

    __ifloordiv__ = floor_divide_
    __imod__ = remainder_
    __ipow__ = pow_
    __iand__ = bitwise_and_
    __ior__ = bitwise_or_
    __ixor__ = bitwise_xor_


def _compare(x: Any, op: Any, other: Any) -> Tensor:
    """The answer of a comparison, written into x in its dtype."""
    result = record(op, (x, other))
    if isinstance(other, Handle):
        return inplace(x, creation.answer, (x, other, result))
    return inplace(x, creation.copy, (x, result))


def _logical(x: Any, op: Any, *others: Any) -> Tensor:
    """The same for logic, which PyTorch writes behind the gradient graph's back: leaves may be written to."""
    with no_grad():
        return inplace(x, creation.copy, (x, record(op, (x, *others))))


def _running(x: Any, op: Any, dim: int, dtype: dtypes.DType | None) -> Tensor:
    if dtype not in (None, x.dtype):
        raise RuntimeError(
            f"{op.name}_(): provided dtype must match the dtype of the tensor: got {dtype}, expected {x.dtype}"
        )
    return inplace(x, op, (x,), (normalize_dim(dim, x.ndim),))


class InplaceMethods(ArithmeticInplace, RareInplace, RandomMethods):
    """Fills, copies, writes by position, products, random numbers."""

    __slots__ = ()

    def copy_(self: Any, src: Any, non_blocking: bool = False) -> Tensor:
        """The elements of src, broadcast and cast, in place of the tensor's own."""
        if not isinstance(src, Handle):
            src = number_tensor(src, self.dtype)
        return inplace(self, creation.copy, (self, casting.to(src, self.device)))

    def zero_(self: Any) -> Tensor:
        """Zeros in place of the elements."""
        return inplace(self, creation.fill_like, (self, fill_value(self, 0)))

    def fill_(self: Any, value: Any) -> Tensor:
        """One value in place of the elements."""
        if isinstance(value, Handle) and value.ndim:  # type: ignore[attr-defined]  # a Tensor
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."  # type: ignore[attr-defined]  # a Tensor
            )
        return inplace(self, creation.fill_like, (self, fill_value(self, value)))

    def fill_diagonal_(self: Any, fill_value: Any, wrap: bool = False) -> Tensor:
        """One value on the main diagonal."""
        if self.ndim < 2:
            raise RuntimeError("dimensions must larger than 1")
        if wrap or self.ndim > 2:
            raise NotImplementedError("fill_diagonal_(): only matrices without wrap are supported")
        shaping.diagonal(self).fill_(fill_value)
        return self  # type: ignore[no-any-return]  # a Tensor

    def masked_fill_(self: Any, mask: Tensor, value: Any) -> Tensor:
        """In-place `masked_fill`."""
        return inplace(self, selection.masked_fill, (self, mask, fill_value(self, value)))

    def masked_scatter_(self: Any, mask: Tensor, source: Tensor) -> Tensor:
        """In-place `masked_scatter`."""
        return inplace(self, masking.masked_scatter, (self, mask, source))

    def index_put_(self: Any, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
        """Write (or add) values at positions given by a tuple of index tensors."""
        if len(indices) == 1 and not accumulate and isinstance(values, Handle):
            values = mask_value(self, indices[0], values)
        dims, tensors = index_tensors(self, indices)
        return put_at(self, dims, tensors, values, accumulate)

    def index_add_(self: Any, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
        """In-place `index_add`."""
        scaled = source if alpha == 1 else record(arithmetic.mul, (source, number_for(source.dtype, alpha)))
        return inplace(self, indexing.index_add, (self, index, scaled), _extent(self, dim))

    def index_copy_(self: Any, dim: int, index: Tensor, source: Tensor) -> Tensor:
        """In-place `index_copy`."""
        return inplace(self, indexing.index_copy, (self, index, source), _extent(self, dim))

    def index_fill_(self: Any, dim: int, index: Tensor, value: Any) -> Tensor:
        """In-place `index_fill`."""
        operands = (self, index, by_position.filling(self, value))
        return inplace(self, indexing.index_fill, operands, _extent(self, dim))

    def scatter_(
        self: Any, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
    ) -> Tensor:
        """In-place `scatter`."""
        op, operands, attributes = by_position.scatter_plan(self, dim, index, src, value, reduce)
        return inplace(self, op, operands, attributes)

    def scatter_add_(self: Any, dim: int, index: Tensor, src: Tensor) -> Tensor:
        """In-place `scatter_add`."""
        return inplace(self, gathering.scatter_add, (self, index, src), _extent(self, dim))

    def cumsum_(self: Any, dim: int, *, dtype: dtypes.DType | None = None) -> Tensor:
        """In-place `cumsum`."""
        return _running(self, sorting.cumsum, dim, dtype)

    def cumprod_(self: Any, dim: int, *, dtype: dtypes.DType | None = None) -> Tensor:
        """In-place `cumprod`."""
        return _running(self, sorting.cumprod, dim, dtype)

    def tril_(self: Any, diagonal: int = 0) -> Tensor:
        """In-place `tril`."""
        return inplace(self, joining.tril, (self, diagonal))

    def triu_(self: Any, diagonal: int = 0) -> Tensor:
        """In-place `triu`."""
        return inplace(self, joining.triu, (self, diagonal))

    def addmm_(self: Any, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """self = beta * self + alpha * (mat1 @ mat2)."""
        return inplace(self, products.addmm_scaled, (self, mat1, mat2, beta, alpha))

    def baddbmm_(self: Any, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """self = beta * self + alpha * bmm(batch1, batch2)."""
        return inplace(self, products.baddbmm_scaled, (self, batch1, batch2, beta, alpha))

    def squeeze_(self: Any, dim: Any = None) -> Tensor:
        """The tensor itself takes the shape of `squeeze`."""
        return _become(self, shaping.squeeze, dim)

    def unsqueeze_(self: Any, dim: int) -> Tensor:
        """The tensor itself takes the shape of `unsqueeze`."""
        return _become(self, shaping.unsqueeze, dim)

    def transpose_(self: Any, dim0: int, dim1: int) -> Tensor:
        """The tensor itself takes the shape of `transpose`."""
        return _become(self, shaping.transpose, dim0, dim1)

    swapaxes_ = swapdims_ = transpose_

    def as_strided_(self: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
        """The tensor itself takes the shape of `as_strided`."""
        return _become(self, as_strided, size, stride, storage_offset)

    def t_(self: Any) -> Tensor:
        """The tensor itself takes the shape of `t`."""
        return _become(self, shaping.t)


def _become(x: Any, function: Any, *args: Any) -> Tensor:
    if local.context.grad and x.requires_grad:
        check_inplace(x)
    return become(x, function(x, *args))  # type: ignore[no-any-return]  # a Tensor
