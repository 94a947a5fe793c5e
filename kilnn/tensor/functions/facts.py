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


def result_type(tensor1: Any, tensor2: Any) -> dtypes.DType:
    """The dtype in which an operation on two tensors or numbers computes.

    Example:
        >>> import kilnn
        >>> kilnn.result_type(kilnn.tensor([1, 2]), 1.0)
        kilnn.float32

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.result_type.html
    """
    return common_dtype(tensor1, tensor2)


def assert_(condition: Any, message: str) -> None:
    """Raise AssertionError with this message unless the condition holds (`kilnn._assert`)."""
    if not condition:
        raise AssertionError(message)


def is_signed(input: Tensor) -> bool:
    """True for dtypes with negative values."""
    return input.dtype.is_signed


def is_storage(obj: Any) -> bool:
    """Whether an object is a storage.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.is_storage.html
    """
    return hasattr(obj, "nbytes") and hasattr(obj, "data_ptr") and hasattr(obj, "_root")


def typename(obj: Any) -> str:
    """The name of an object's type, of a tensor its legacy name.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.typename.html
    """
    if hasattr(obj, "aval"):
        return obj.type()  # type: ignore[no-any-return]  # a str
    kind = obj if isinstance(obj, type) else type(obj)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
