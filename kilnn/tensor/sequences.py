"""More ways to make tensors: sequences, triangles of indices, memory of given strides."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes, shapes
from kilnn.base.dtypes import DType
from kilnn.engine import views
from kilnn.tensor.create import empty, ends, full, into, numpy_dtype, placed
from kilnn.tensor.size import Size

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def scalar_tensor(s: Any, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
                  requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A zero-dimensional tensor of a number, in the default dtype unless one is given.

    Example:
        >>> import kilnn
        >>> kilnn.scalar_tensor(2)
        tensor(2.)

    Source: https://docs.pytorch.org/docs/2.13/torch.html
    """
    return full((), s, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, out: Any = None, dtype: DType | None = None,
             layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """base ** start to base ** end, in `steps` equal factors.

    Example:
        >>> import kilnn
        >>> kilnn.logspace(0, 2, 3).tolist()
        [1.0, 10.0, 100.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.logspace.html
    """
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    first, last = ends("logspace", start, end)
    if dtype is not None and dtype.category == dtypes.INTEGER:
        first, last = int(first), int(last)  # PyTorch cuts the exponents, too
    values = np.power(float(base), np.linspace(first, last, steps))
    made = placed(values.astype(numpy_dtype(dtype)), device, requires_grad)
    return made if out is None else into(out, made)


def range(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: DType | None = None, layout: Any = None,
          device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """start, start + step, ... up to end, end included: PyTorch's old `arange`.

    Example:
        >>> import kilnn
        >>> kilnn.range(1, 3).tolist()
        [1.0, 2.0, 3.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.range.html
    """
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    count = math.floor((end - start) / step) + 1
    values = np.float64(start) + np.arange(count) * np.float64(step)
    return placed(values.astype(numpy_dtype(dtype)), device, requires_grad)


def _triangle(rows: int, columns: int, keep: Any, dtype: DType | None, device: Any) -> Tensor:
    found = np.nonzero(keep(np.ones((rows, columns), np.bool_)))
    return placed(np.stack(found).astype((dtype or dtypes.int64).np), device, False)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: DType | None = None, device: Any = None,
                 layout: Any = None) -> Tensor:  # fmt: skip
    """The rows and columns (2, n) of the lower triangle of a matrix.

    Example:
        >>> import kilnn
        >>> kilnn.tril_indices(2, 2).tolist()
        [[0, 1, 1], [0, 0, 1]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.tril_indices.html
    """
    return _triangle(row, col, lambda m: np.tril(m, offset), dtype, device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: DType | None = None, device: Any = None,
                 layout: Any = None) -> Tensor:  # fmt: skip
    """The rows and columns (2, n) of the upper triangle of a matrix.

    Example:
        >>> import kilnn
        >>> kilnn.triu_indices(2, 2).tolist()
        [[0, 0, 1], [0, 1, 1]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.triu_indices.html
    """
    return _triangle(row, col, lambda m: np.triu(m, offset), dtype, device)


def empty_strided(size: Any, stride: Any, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
                  requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor of the given shape and strides; its values (zeros here) are not promised. Strides that overlap or leave
    gaps are those of a view: make it with `as_strided`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.empty_strided.html
    """
    if not shapes.is_dense(tuple(size), tuple(stride)):
        raise NotImplementedError("empty_strided(): strides with gaps or overlaps: use empty(...).as_strided(...)")
    made = empty(tuple(size), dtype=dtype, device=device, requires_grad=requires_grad)
    return views.with_strides(made, tuple(stride))  # type: ignore[no-any-return]  # a Tensor


def empty_permuted(size: Any, physical_layout: Any, *, dtype: DType | None = None, layout: Any = None,
                   device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor whose dimensions lie in memory in the order given; its values are not promised.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.empty_permuted.html
    """
    if len(size) != len(physical_layout):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(size)} is not equal to len(physical_layout) = {len(physical_layout)}"
        )
    if sorted(physical_layout) != list(builtins.range(len(size))):
        raise RuntimeError(f"physical_layout must name each dimension once, got {list(physical_layout)}")
    strides = [0] * len(size)
    for dim, step in zip(physical_layout, shapes.contiguous_strides([size[d] for d in physical_layout]), strict=True):
        strides[dim] = step
    return empty_strided(size, strides, dtype=dtype, device=device, requires_grad=requires_grad)


def broadcast_shapes(*shapes_: Any) -> Any:
    """The shape to which these broadcast.

    Example:
        >>> import kilnn
        >>> kilnn.broadcast_shapes((2, 1), (3,))
        kilnn.Size([2, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.broadcast_shapes.html
    """
    return Size(shapes.broadcast_shapes(*[(s,) if isinstance(s, int) else tuple(s) for s in shapes_]))
