"""The engine's doors as this layer sees them: typed, and with the small conversions every method group needs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kilnn.base import dtypes, shapes
from kilnn.base.shapes import normalize_dims
from kilnn.engine import mutation as _mutation, record as _record, views as _views
from kilnn.engine.handle import Handle, new_handle
from kilnn.engine.host import value_from
from kilnn.ops import creation
from kilnn.ops.spec import Op

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor

    def record(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...] = ()) -> Tensor:
        """Record an operation with one result."""

    def record_many(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...] = ()) -> tuple[Tensor, ...]:
        """Record an operation with several results."""

    def record_known(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...] = ()) -> Any:
        """`record` where operands of these kinds were recorded before, else None."""

    def inplace(x: Any, op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...] = ()) -> Tensor:
        """Record an operation and write its result into x."""

    def view(
        op: Op, x: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...], shape: tuple[int, ...],
        strides: tuple[int, ...], offset: int, creation: str = "single",
    ) -> Tensor:  # fmt: skip
        """A tensor that shares x's storage."""
else:
    record = record_many = _record.record
    record_known = _record.record_known
    inplace = _mutation.inplace
    view = _record.record_view

Number: TypeAlias = bool | int | float


def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor.

    Args:
        obj: anything.

    Example:
        >>> import kilnn
        >>> kilnn.is_tensor(kilnn.zeros(2)), kilnn.is_tensor(2.0)
        (True, False)

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.is_tensor.html
    """
    return isinstance(obj, Handle)


contiguous_strides = lru_cache(maxsize=4096)(shapes.contiguous_strides)


def geometry(x: Tensor) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Shape, strides and storage offset of a tensor."""
    level = x._view
    if level is None:
        shape = x._storage.value.aval.shape
        return shape, contiguous_strides(shape), 0
    shape = _views.read(x).aval.shape
    strides = level.strides
    return shape, contiguous_strides(shape) if strides is None else strides, level.offset


def reduced_dims(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """`dim` as an operation takes it: a tuple counted from 0, or None for all dimensions (which `()` means too)."""
    if dim is None:
        return None
    if dim.__class__ is int:
        return normalize_dims((dim,), ndim)
    if isinstance(dim, list | tuple):
        return normalize_dims(tuple(dim), ndim) if dim else None
    return normalize_dims((int(dim),), ndim)


def cast(input: Tensor, dtype: dtypes.DType | None) -> Tensor:
    """input in another dtype; itself if it has that one or the dtype is None."""
    if dtype is None or input.dtype is dtype:
        return input
    return record(creation.cast, (input,), (dtypes.as_dtype(dtype).np,))


def number_for(dtype: dtypes.DType, value: Any) -> Any:
    """A Python number in the category of a dtype, so that it cannot change the dtype of a result."""
    if dtype.category == dtypes.BOOL:
        return bool(value)
    if isinstance(value, complex) and dtype.category < dtypes.COMPLEX:
        raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    if dtype.category == dtypes.INTEGER:
        try:
            return int(value)
        except OverflowError:  # infinite
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow") from None
    return value


def number_tensor(value: Any, dtype: dtypes.DType) -> Tensor:
    """A zero-dimensional tensor for an operation that takes numbers as tensors: data, never part of the program."""
    return new_handle(value_from(np.asarray(value).astype(dtype.np)))  # type: ignore[no-any-return]  # a Tensor


def common_dtype(*operands: Any) -> dtypes.DType:
    """The dtype in which an operation on tensors and Python numbers computes."""
    dims = [x.dtype for x in operands if isinstance(x, Handle) and x.ndim]  # type: ignore[attr-defined]  # Tensors
    zeros = [x.dtype for x in operands if isinstance(x, Handle) and not x.ndim]  # type: ignore[attr-defined]  # the same
    kinds = [(bool, int, float, complex).index(type(x)) for x in operands if not isinstance(x, Handle)]
    return dtypes.promote(dims, zeros, kinds)


def tensor_list(tensors: Any) -> tuple[Tensor, ...]:
    """Tensors in a sequence; TypeError for another kind of argument, as for a tensor in place of a list of them."""
    if isinstance(tensors, Handle):
        raise TypeError("argument 'tensors' (position 1) must be tuple of Tensors, not Tensor: give a list of tensors")
    for place, t in enumerate(tensors := tuple(tensors)):
        if isinstance(t, int | float | list | tuple | np.ndarray):
            raise TypeError(
                f"expected Tensor as element {place} in argument 0, but got {type(t).__name__}: give a list of tensors"
            )
    return tensors  # type: ignore[no-any-return]  # Tensors


def same_dtype(tensors: Any) -> tuple[Tensor, ...]:
    """Tensors cast to their common dtype, where they differ."""
    tensors = tensor_list(tensors)
    first = tensors[0].dtype
    if all(t.dtype is first for t in tensors):
        return tensors  # type: ignore[no-any-return]  # Tensors
    dtype = common_dtype(*tensors)
    return tuple(cast(t, dtype) for t in tensors)


def unsupported(function: str, argument: str, why: str) -> NotImplementedError:
    """The error for an argument of PyTorch's that is not there yet."""
    return NotImplementedError(f"{function}(): the argument {argument} is not supported: {why}")
