"""Where NumPy batches become tensors: the only file of this package that knows tensors and the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from kilnn.base import dtypes
from kilnn.engine.cuts import data_arrives
from kilnn.engine.host import host_array
from kilnn.ops import joining
from kilnn.tensor.create import from_host, tensor
from kilnn.tensor.doors import cast, record
from kilnn.tensor.tensor import Tensor

__all__ = ["Tensor", "data_arrives", "from_array", "from_numbers", "host_array", "is_tensor", "rows", "stack"]

Array = NDArray[Any]


def is_tensor(x: object) -> TypeGuard[Tensor]:
    """Whether `x` is one of the package's tensors."""
    return isinstance(x, Tensor)


def from_array(array: Array) -> Tensor:
    """A tensor with a copy of the array, which may be read-only or be written to later."""
    return _wrap(np.array(array, order="C"))


def from_numbers(numbers: Sequence[Any], dtype: dtypes.DType | None = None) -> Tensor:
    """A tensor of one dimension from Python numbers, with the dtype `kilnn.tensor` gives them."""
    return tensor(list(numbers), dtype=dtype)


def _wrap(array: Array) -> Tensor:
    dtypes.from_numpy(array.dtype)  # an element type without a dtype is refused here, with PyTorch's text
    return from_host(array)


def rows(source: Tensor, indices: Array) -> Tensor:
    """The rows of a tensor with these indices: one gather, on the host if the tensor is held there."""
    array = host_array(source)
    if array is None or source.requires_grad:
        return source[from_host(indices)]
    return from_host(array.take(indices, axis=0))


def stack(samples: Sequence[Any]) -> Tensor:
    """The samples of a batch, all tensors or all arrays, along a new first dimension."""
    tensors = is_tensor(samples[0])
    for place, sample in enumerate(samples):
        if is_tensor(sample) is not tensors:
            wanted = "Tensor" if tensors else "ndarray"
            raise TypeError(
                f"expected {wanted} as element {place} in argument 0, but got {type(sample).__module__}."
                f"{type(sample).__name__}"
            )
        if sample.shape != samples[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(samples[0].shape)} at entry 0 and "
                f"{list(sample.shape)} at entry {place}"
            )
    if not tensors:
        return _wrap(_stack_arrays(samples))
    arrays = [host_array(sample) for sample in samples]
    if any(array is None for array in arrays) or any(sample.requires_grad for sample in samples):
        common = dtypes.promote([sample.dtype for sample in samples])
        return record(joining.stack, tuple(cast(sample, common) for sample in samples), (0,))
    return from_host(_stack_arrays(arrays))


def _stack_arrays(arrays: Sequence[Any]) -> Array:
    kinds = {array.dtype for array in arrays}
    if len(kinds) > 1:
        common = dtypes.promote([dtypes.from_numpy(kind) for kind in kinds]).np
        arrays = [array.astype(common) for array in arrays]
    return np.stack(arrays)
