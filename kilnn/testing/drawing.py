"""`make_tensor`: tensors with random values for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.dtypes import DType
from kilnn.base.generator import default_generator
from kilnn.tensor.create import placed
from kilnn.tensor.functions.shaping import sizes_of

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def make_tensor(
    *shape: Any, dtype: DType, device: Any = None, low: float | None = None, high: float | None = None,
    requires_grad: bool = False, noncontiguous: bool = False, exclude_zero: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Values uniform in [low, high): by default [-9, 9), for integers [-9, 10) or from 0 on if unsigned.

    Args:
        shape: sizes.
        dtype: the dtype.
        device: where it lives.
        low, high: the range; numbers outside what the dtype holds are cut to it.
        requires_grad: record operations on it.
        noncontiguous: elements lie apart in memory.
        exclude_zero: the smallest positive number in place of zeros.
        memory_format: accepted; memory is laid out in the order of the indices.

    Differs from PyTorch: other numbers for the same seed.

    Example:
        >>> import kilnn
        >>> kilnn.testing.make_tensor(2, 3, dtype=kilnn.float32).shape
        kilnn.Size([2, 3])

    Source: https://docs.pytorch.org/docs/2.13/testing.html#torch.testing.make_tensor
    """
    sizes = sizes_of(shape) if shape else ()
    floating = dtype.category >= dtypes.FLOAT
    least, most = (0, 2) if dtype is dtypes.bool else (-9, 9 if floating else 10)
    if dtype.category == dtypes.INTEGER:
        limits = np.iinfo(dtype.np)  # type: ignore[type-var]  # an integer dtype
        least = max(least, int(limits.min))
    start, end = (least if low is None else low), (most if high is None else high)
    if start > end or (start == end and not floating):
        raise ValueError(
            f"make_tensor: Failed to generate a tensor with low={start} and high={end}: low must be smaller"
        )
    count = int(np.prod(sizes)) * (2 if dtype.is_complex else 1)
    if floating:
        drawn = default_generator.stream.uniform(count, start, end, np.dtype(np.float64))
        values = drawn.view(np.complex128) if dtype.is_complex else drawn
    else:
        values = default_generator.stream.randint(int(start), int(end), count)
    array = values.reshape(sizes).astype(dtype.np)
    if exclude_zero:
        tiny = np.asarray(np.finfo(np.float32).tiny if floating else 1).astype(dtype.np)
        array = np.where(array == 0, tiny, array)
    if noncontiguous and array.size > 1:
        made = placed(np.repeat(array[..., None] if not sizes else array, 2, -1), device, False)[..., ::2]
        return made.requires_grad_(requires_grad)
    return placed(array, device, requires_grad)
