"""Tensor methods that write a rarer function's result into the tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes
from kilnn.ops import arithmetic as ops, comparison, creation, elementary as unary, pairs
from kilnn.tensor.convert import observed
from kilnn.tensor.create import from_host
from kilnn.tensor.doors import inplace
from kilnn.tensor.functions import complexes, products, scattering, special, statistics, strided

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def fitting(result: Any, target: Any) -> Any:
    """The result, if its dtype may be written into that of the target."""
    if not dtypes.can_cast(result.dtype, target.dtype):
        raise RuntimeError(
            f"result type {dtypes.word_of(result.dtype)} can't be cast to the desired output type "
            f"{dtypes.word_of(target.dtype)}"
        )
    return result


def writing(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The method that writes `function(self, ...)` into self."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = function(self, *args, **kwargs)
        fitting(result, self)
        if result.shape != self.shape:
            raise RuntimeError(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(result.shape)}"
            )
        return inplace(self, creation.copy, (self, result))

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place `{name[:-1]}`."
    return method


def polygamma(self: Any, n: int) -> Tensor:
    """The n-th derivative of `digamma`."""
    return special.polygamma(n, self)


def float_power(self: Any, exponent: Any) -> Tensor:
    """`pow` in float64; the tensor must have that dtype."""
    result = special.float_power(self, exponent)
    if result.dtype is not self.dtype:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {dtypes.word_of(self.dtype)} but the operation's result "
            f"requires dtype {dtypes.word_of(result.dtype)}"
        )
    return result


class RareInplace:
    """Functions of one or two tensors, and writes by position."""

    __slots__ = ()

    sinc_ = writing(special.sinc, "sinc_")
    i0_ = writing(special.i0, "i0_")
    sgn_ = writing(special.sgn, "sgn_")
    mvlgamma_ = writing(special.mvlgamma, "mvlgamma_")
    polygamma_ = writing(polygamma, "polygamma_")
    igamma_ = writing(special.igamma, "igamma_")
    igammac_ = writing(special.igammac, "igammac_")
    heaviside_ = writing(special.heaviside, "heaviside_")
    ldexp_ = writing(special.ldexp, "ldexp_")
    float_power_ = writing(float_power, "float_power_")
    conj_physical_ = writing(complexes.conj, "conj_physical_")
    renorm_ = writing(statistics.renorm, "renorm_")
    addmv_ = writing(products.addmv, "addmv_")
    addr_ = writing(products.addr, "addr_")
    addbmm_ = writing(products.addbmm, "addbmm_")
    scatter_reduce_ = writing(scattering.scatter_reduce, "scatter_reduce_")
    index_reduce_ = writing(scattering.index_reduce, "index_reduce_")
    put_ = writing(scattering.put, "put_")

    resize_ = strided.resize_
    resize_as_ = strided.resize_as_
    set_ = strided.set_

    def gcd_(self: Any, other: Any) -> Tensor:
        """In-place `gcd`."""
        return inplace(self, pairs.gcd, (self, other))

    def lcm_(self: Any, other: Any) -> Tensor:
        """In-place `lcm`."""
        return inplace(self, pairs.lcm, (self, other))

    def copysign_(self: Any, other: Any) -> Tensor:
        """In-place `copysign`."""
        return inplace(self, pairs.copysign, (self, other))

    def nextafter_(self: Any, other: Any) -> Tensor:
        """In-place `nextafter`."""
        return inplace(self, pairs.nextafter, (self, other))

    def hypot_(self: Any, other: Any) -> Tensor:
        """In-place `hypot`."""
        return inplace(self, ops.hypot, (self, other))

    def bitwise_left_shift_(self: Any, other: Any) -> Tensor:
        """self <<= other."""
        return inplace(self, comparison.left_shift, (self, other))

    def bitwise_right_shift_(self: Any, other: Any) -> Tensor:
        """self >>= other."""
        return inplace(self, comparison.right_shift, (self, other))

    __ilshift__, __irshift__ = bitwise_left_shift_, bitwise_right_shift_

    def logit_(self: Any, eps: float | None = None) -> Tensor:
        """In-place `logit`."""
        return inplace(self, unary.logit, (self, eps))

    def deg2rad_(self: Any) -> Tensor:
        """In-place `deg2rad`."""
        return inplace(self, ops.mul, (self, 0.017453292519943295))

    def rad2deg_(self: Any) -> Tensor:
        """In-place `rad2deg`."""
        return inplace(self, ops.mul, (self, 57.29577951308232))

    def apply_(self: Any, callable: Callable[[Any], Any]) -> Tensor:
        """A Python function of each element in place of it. Reads the values."""
        array = observed(self)
        found = np.array([callable(v) for v in array.reshape(-1).tolist()]).reshape(array.shape)
        return inplace(self, creation.copy, (self, from_host(found.astype(array.dtype), device=self.aval.device)))

    def map_(self: Any, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
        """A Python function of each element and that of another tensor in place of it. Reads the values."""
        array = observed(self)
        other = observed(tensor.detach().expand(self.shape))
        pairs_ = zip(array.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True)
        found = np.array([callable(a, b) for a, b in pairs_]).reshape(array.shape)
        return inplace(self, creation.copy, (self, from_host(found.astype(array.dtype), device=self.aval.device)))
