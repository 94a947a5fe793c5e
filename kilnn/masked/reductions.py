"""Reductions of what a mask leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kilnn.base.dtypes import bool as _bool
from kilnn.masked.masked_tensor import MaskedTensor
from kilnn.tensor.create import ones_like
from kilnn.tensor.doors import is_tensor


def _reduction(name: str, neutral: Any) -> Callable[..., Any]:
    def reduce(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
        found = getattr(_masked(name, input, mask, dtype), name)(dim, keepdim=keepdim)
        return found.get_data() if neutral is None else found.to_tensor(neutral)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"""`{name}` of the elements that a mask leaves.

    Args:
        input: a tensor, or a masked tensor.
        dim: a dimension or several; None for all.
        keepdim: keep reduced dimensions, with size 1.
        dtype: to compute in.
        mask: True for elements that count; that of input, or all, by default. It is stretched to input's size.

    Returns: a tensor.

    Source: https://docs.pytorch.org/docs/2.13/masked.html
    """
    return reduce


def _masked(name: str, input: Any, mask: Any, dtype: Any) -> MaskedTensor:
    if isinstance(input, MaskedTensor):
        data, own = input.get_data(), input.get_mask()
        mask = own if mask is None else mask & own
    elif is_tensor(input):
        data = input
        mask = ones_like(input, dtype=_bool) if mask is None else mask.expand(input.shape)
    else:
        raise TypeError(f"masked.{name}: expected a tensor, got {type(input).__name__}")
    return MaskedTensor(data if dtype is None else data.to(dtype), mask)


def _normalised(name: str) -> Callable[..., Any]:
    def normalise(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
        found = getattr(_masked(name, input, mask, dtype), name)(dim)
        return found.to_tensor(0 if name == "softmax" else -float("inf"))

    normalise.__name__ = normalise.__qualname__ = name
    normalise.__doc__ = f"""`{name}` over the elements that a mask leaves.

    Args:
        input: a tensor, or a masked tensor.
        dim: the dimension.
        dtype: to compute in.
        mask: True for elements that count; that of input, or all, by default.

    Returns: a tensor; {"0" if name == "softmax" else "minus infinity"} where nothing counts.

    Source: https://docs.pytorch.org/docs/2.13/masked.html
    """
    return normalise


sum = _reduction("sum", 0)
prod = _reduction("prod", 1)
mean = _reduction("mean", float("nan"))
amax = _reduction("amax", None)
amin = _reduction("amin", None)
argmax = _reduction("argmax", 0)
argmin = _reduction("argmin", 0)
softmax = _normalised("softmax")
log_softmax = _normalised("log_softmax")
