"""What a tensor is, asked by free functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.tensor.doors import common_dtype

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def numel(input: Tensor) -> int:
    """Number of elements."""
    return input.aval.size


def is_floating_point(input: Tensor) -> bool:
    """True for the float dtypes."""
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """True for the complex dtypes."""
    return input.dtype.is_complex


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element of a tensor differs from zero. Reads the value."""
    if input.aval.size != 1:
        what = "more than one value" if input.aval.size else "no values"
        raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
    return bool(input.item())


def real(input: Tensor) -> Tensor:
    """The tensor itself: it has no imaginary part."""
    return input


def result_type(tensor1: Any, tensor2: Any) -> dtypes.DType:
    """The dtype in which an operation on two tensors or numbers computes.

    Example:
        >>> import kilnn
        >>> kilnn.result_type(kilnn.tensor([1, 2]), 1.0)
        kilnn.float32

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.result_type.html
    """
    return common_dtype(tensor1, tensor2)
