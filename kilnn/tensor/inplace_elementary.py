"""Tensor methods that write a function of the tensor's elements back into it: `exp_`, `sqrt_` and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.ops import elementary, powers, rounding, selection
from kilnn.tensor.doors import inplace

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


class ElementaryInplace:
    """Functions of one tensor."""

    __slots__ = ()

    def abs_(self: Any) -> Tensor:
        """In-place `abs`."""
        return inplace(self, rounding.abs_, (self,))

    def neg_(self: Any) -> Tensor:
        """In-place `neg`."""
        return inplace(self, rounding.neg, (self,))

    def sign_(self: Any) -> Tensor:
        """In-place `sign`."""
        return inplace(self, rounding.sign, (self,))

    def floor_(self: Any) -> Tensor:
        """In-place `floor`."""
        return inplace(self, rounding.floor, (self,))

    def ceil_(self: Any) -> Tensor:
        """In-place `ceil`."""
        return inplace(self, rounding.ceil, (self,))

    def trunc_(self: Any) -> Tensor:
        """In-place `trunc`."""
        return inplace(self, rounding.trunc, (self,))

    def frac_(self: Any) -> Tensor:
        """In-place `frac`."""
        return inplace(self, rounding.frac, (self,))

    def exp_(self: Any) -> Tensor:
        """In-place `exp`."""
        return inplace(self, elementary.exp, (self,))

    def exp2_(self: Any) -> Tensor:
        """In-place `exp2`."""
        return inplace(self, elementary.exp2, (self,))

    def expm1_(self: Any) -> Tensor:
        """In-place `expm1`."""
        return inplace(self, elementary.expm1, (self,))

    def log_(self: Any) -> Tensor:
        """In-place `log`."""
        return inplace(self, elementary.log, (self,))

    def log2_(self: Any) -> Tensor:
        """In-place `log2`."""
        return inplace(self, elementary.log2, (self,))

    def log10_(self: Any) -> Tensor:
        """In-place `log10`."""
        return inplace(self, elementary.log10, (self,))

    def log1p_(self: Any) -> Tensor:
        """In-place `log1p`."""
        return inplace(self, elementary.log1p, (self,))

    def sigmoid_(self: Any) -> Tensor:
        """In-place `sigmoid`."""
        return inplace(self, elementary.sigmoid, (self,))

    def sqrt_(self: Any) -> Tensor:
        """In-place `sqrt`."""
        return inplace(self, elementary.sqrt, (self,))

    def rsqrt_(self: Any) -> Tensor:
        """In-place `rsqrt`."""
        return inplace(self, elementary.rsqrt, (self,))

    def reciprocal_(self: Any) -> Tensor:
        """In-place `reciprocal`."""
        return inplace(self, elementary.reciprocal, (self,))

    def sin_(self: Any) -> Tensor:
        """In-place `sin`."""
        return inplace(self, elementary.sin, (self,))

    def cos_(self: Any) -> Tensor:
        """In-place `cos`."""
        return inplace(self, elementary.cos, (self,))

    def tan_(self: Any) -> Tensor:
        """In-place `tan`."""
        return inplace(self, elementary.tan, (self,))

    def asin_(self: Any) -> Tensor:
        """In-place `asin`."""
        return inplace(self, elementary.asin, (self,))

    def acos_(self: Any) -> Tensor:
        """In-place `acos`."""
        return inplace(self, elementary.acos, (self,))

    def atan_(self: Any) -> Tensor:
        """In-place `atan`."""
        return inplace(self, elementary.atan, (self,))

    def sinh_(self: Any) -> Tensor:
        """In-place `sinh`."""
        return inplace(self, elementary.sinh, (self,))

    def cosh_(self: Any) -> Tensor:
        """In-place `cosh`."""
        return inplace(self, elementary.cosh, (self,))

    def tanh_(self: Any) -> Tensor:
        """In-place `tanh`."""
        return inplace(self, elementary.tanh, (self,))

    def asinh_(self: Any) -> Tensor:
        """In-place `asinh`."""
        return inplace(self, elementary.asinh, (self,))

    def acosh_(self: Any) -> Tensor:
        """In-place `acosh`."""
        return inplace(self, elementary.acosh, (self,))

    def atanh_(self: Any) -> Tensor:
        """In-place `atanh`."""
        return inplace(self, elementary.atanh, (self,))

    def erf_(self: Any) -> Tensor:
        """In-place `erf`."""
        return inplace(self, elementary.erf, (self,))

    def erfc_(self: Any) -> Tensor:
        """In-place `erfc`."""
        return inplace(self, elementary.erfc, (self,))

    def erfinv_(self: Any) -> Tensor:
        """In-place `erfinv`."""
        return inplace(self, elementary.erfinv, (self,))

    def lgamma_(self: Any) -> Tensor:
        """In-place `lgamma`."""
        return inplace(self, elementary.lgamma, (self,))

    def digamma_(self: Any) -> Tensor:
        """In-place `digamma`."""
        return inplace(self, elementary.digamma, (self,))

    def square_(self: Any) -> Tensor:
        """In-place `square`."""
        return inplace(self, powers.pow_static, (self,), (2,))

    def round_(self: Any, *, decimals: int = 0) -> Tensor:
        """In-place `round`."""
        return inplace(self, rounding.round_, (self,), (decimals,))

    def nan_to_num_(self: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
        """In-place `nan_to_num`."""
        return inplace(self, selection.nan_to_num, (self, 0.0 if nan is None else nan, posinf, neginf))

    absolute_, negative_, fix_ = abs_, neg_, trunc_
    arccos_, arcsin_, arctan_ = acos_, asin_, atan_
    arccosh_, arcsinh_, arctanh_ = acosh_, asinh_, atanh_
