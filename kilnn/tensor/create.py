"""Making tensors from Python data, NumPy arrays and fills. They are held on the host until a program needs them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes, shapes
from kilnn.base.device import Device, as_device, placed as _placed
from kilnn.base.dtypes import DType
from kilnn.base.generator import Generator
from kilnn.base.hardware import device_at
from kilnn.base.layout import preserve_format
from kilnn.engine import views
from kilnn.engine.handle import new_handle
from kilnn.engine.host import value_from
from kilnn.engine.placement import name_of
from kilnn.engine.values import aval_of, value_of
from kilnn.tensor.convert import observed
from kilnn.tensor.doors import cast, is_tensor

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def from_host(array: np.ndarray[Any, Any], requires_grad: bool = False, device: str = "cpu") -> Tensor:
    """A tensor around a NumPy array that nobody else will write to: no copy."""
    t: Tensor = new_handle(value_from(array, device))
    return t.requires_grad_(True) if requires_grad else t


@lru_cache(maxsize=64)
def _label(found: Device) -> str:
    if found.type == "meta":
        raise NotImplementedError("device 'meta': tensors without values are not supported")
    if found.type != "cpu":
        device_at(found, found.type)
    return str(found)


def device_label(device: Any) -> str:
    """The name that the engine keeps of a device: "cpu", "cuda:0"; None stands for the default device.

    Raises: AssertionError if this machine has no such device.
    """
    if isinstance(device, int) and not isinstance(device, bool):
        device = Device("cuda", device)
    return _label(_placed(as_device(device)))


def placed(array: np.ndarray[Any, Any], device: Any, requires_grad: bool) -> Tensor:
    """A new leaf around an array, on a device."""
    return from_host(array, requires_grad, device_label(device))


def numpy_dtype(dtype: DType | None) -> Any:
    """NumPy's dtype for one of ours; None stands for the default dtype."""
    return (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)).np


def array_of_data(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    """Numbers, nested sequences, arrays or a tensor as an array of PyTorch's dtype for them, or of the one given."""
    if is_tensor(data):
        array = np.array(array_of_tensor(data))
    elif isinstance(data, np.ndarray | np.generic):
        array = np.array(data)
    else:
        data = _without_tensors(data)
        array = np.array(data)
        if array.dtype == object:
            _refuse_what_is_no_number(data)
            raise ValueError(
                f"could not make a tensor of {type(data).__name__}: the nested sequences have different lengths or "
                "hold something that is not a number"
            )
        if dtype is None:
            if array.dtype.kind == "f" and not _holds_numpy(data):
                array = array.astype(dtypes.get_default_dtype().np)
            elif array.dtype.kind == "c":
                array = array.astype(np.complex64)
            elif array.size == 0 and array.dtype == np.float64:
                array = array.astype(dtypes.get_default_dtype().np)
            elif array.dtype.kind in "iu" and not _holds_numpy(data):
                array = array.astype(np.int64)
    if array.dtype.kind in "OSU":
        raise TypeError(f"could not make a tensor of data of type {array.dtype}")
    if dtype is not None:
        array = array.astype(numpy_dtype(dtype))
    dtypes.from_numpy(array.dtype)
    return array


def _refuse_what_is_no_number(data: Any) -> None:
    """PyTorch's error for something among the data that has no dtype: None, a dict, an object."""
    if isinstance(data, list | tuple):
        for x in data:
            _refuse_what_is_no_number(x)
    elif not isinstance(data, numbers.Number | np.ndarray | np.generic | str):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}: a tensor holds numbers")


def _holds_numpy(data: Any) -> bool:
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return isinstance(data, np.ndarray | np.generic)


def _without_tensors(data: Any) -> Any:
    if isinstance(data, list | tuple):
        return [_without_tensors(x) for x in data]
    if is_tensor(data):
        array = array_of_tensor(data)
        return array if array.ndim else array[()]
    return data


def array_of_tensor(x: Tensor) -> np.ndarray[Any, Any]:
    """The tensor's values: a read; the array may share memory with the tensor."""
    return observed(x)


def tensor(
    data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new leaf tensor with a copy of the data.

    Args:
        data: number, nested sequences of numbers, NumPy array, or tensor (its values).
        dtype: default from the data: Python floats become the default dtype, ints int64.
        device: where it lives; the default device if left out.
        requires_grad: record operations on it for the backward pass.
        pin_memory: accepted; host memory needs no pinning here.

    Example:
        >>> import kilnn
        >>> kilnn.tensor([[1.0, 2.0], [3.0, 4.0]]).shape
        kilnn.Size([2, 2])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.tensor.html
    """
    return placed(array_of_data(data, dtype), device, requires_grad)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The data as a tensor; a tensor of the right dtype is returned as it is.

    Example:
        >>> import kilnn
        >>> x = kilnn.ones(2)
        >>> kilnn.as_tensor(x) is x, kilnn.as_tensor([1, 2]).dtype
        (True, kilnn.int64)

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.as_tensor.html
    """
    if is_tensor(data):
        return cast(data, dtype)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor with the array's values.

    Differs from PyTorch: it is a snapshot; later writes to the array do not change the tensor.

    Example:
        >>> import kilnn
        >>> import numpy as np
        >>> kilnn.from_numpy(np.eye(2)).dtype
        kilnn.float64

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.from_numpy.html
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return tensor(ndarray)


def shape_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape as functions take it: `(2, 3)` or `((2, 3),)`."""
    sequence = len(size) == 1 and isinstance(size[0], Sequence) and not isinstance(size[0], str)
    if sequence or (len(size) == 1 and is_tensor(size[0]) and size[0].ndim):
        size = tuple(size[0])
    for n in size:
        if isinstance(n, bool | float | str):
            raise TypeError(f"argument 'size' must be tuple of ints, but got {n!r} of type {type(n).__name__}")
    shape = tuple(int(n) for n in size)
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def into(out: Tensor, made: Tensor) -> Tensor:
    """`out=`: the values in an existing tensor, which takes their shape."""
    return out.resize_(made.shape).copy_(made)


def full(
    size: Sequence[int], fill_value: Any, *, out: Any = None, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of the given shape filled with one value.

    Example:
        >>> import kilnn
        >>> kilnn.full((2, 2), 3).tolist()
        [[3, 3], [3, 3]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.full.html
    """
    if is_tensor(fill_value):
        fill_value = fill_value.item()
    if not isinstance(fill_value, numbers.Number | np.generic):
        raise TypeError(f"full(): argument 'fill_value' (position 2) must be Number, not {type(fill_value).__name__}")
    if dtype is None:
        kinds = {bool: dtypes.bool, int: dtypes.int64}
        dtype = kinds.get(type(fill_value), dtypes.get_default_dtype())
    made = placed(np.full(shape_of((size,)), fill_value, numpy_dtype(dtype)), device, requires_grad)
    return made if out is None else into(out, made)


def zeros(*sizes: Any, size: Any = None, out: Any = None, dtype: DType | None = None, layout: Any = None,
          device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor filled with 0.

    Example:
        >>> import kilnn
        >>> kilnn.zeros(2, 2).tolist()
        [[0.0, 0.0], [0.0, 0.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.zeros.html
    """
    return full(
        shape_of(sizes if size is None else (size,)),
        0,
        out=out,
        dtype=dtype or dtypes.get_default_dtype(),
        device=device,
        requires_grad=requires_grad,
    )


def ones(*sizes: Any, size: Any = None, out: Any = None, dtype: DType | None = None,
         layout: Any = None, device: Any = None,
         requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor filled with 1.

    Example:
        >>> import kilnn
        >>> kilnn.ones((2,), dtype=kilnn.int64).tolist()
        [1, 1]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.ones.html
    """
    return full(
        shape_of(sizes if size is None else (size,)),
        1,
        out=out,
        dtype=dtype or dtypes.get_default_dtype(),
        device=device,
        requires_grad=requires_grad,
    )


def empty(*sizes: Any, size: Any = None, out: Any = None, dtype: DType | None = None,
          layout: Any = None, device: Any = None,
          requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """A tensor of the given shape; its values (zeros here) are not promised.

    Example:
        >>> import kilnn
        >>> kilnn.empty(2, 3).shape
        kilnn.Size([2, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.empty.html
    """
    return zeros(*sizes, size=size, out=out, dtype=dtype, device=device, requires_grad=requires_grad)


def _like(x: Tensor, fill: Any, dtype: DType | None, device: Any, requires_grad: bool, memory_format: Any) -> Tensor:
    where = x.device if device is None else device
    made = full(x.shape, fill, dtype=dtype or x.dtype, device=where)
    if x._view is not None and memory_format in (None, preserve_format):
        views.with_strides(made, shapes.preserved_strides(x.shape, x.stride()))
    return made.requires_grad_(True) if requires_grad else made


def zeros_like(input: Tensor, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
               requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Zeros in the shape and dtype of `input`.

    Example:
        >>> import kilnn
        >>> kilnn.zeros_like(kilnn.tensor([1, 2])).tolist()
        [0, 0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.zeros_like.html
    """
    return _like(input, 0, dtype, device, requires_grad, memory_format)


def ones_like(input: Tensor, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Ones in the shape and dtype of `input`.

    Example:
        >>> import kilnn
        >>> kilnn.ones_like(kilnn.tensor([0.5, 2.0])).tolist()
        [1.0, 1.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.ones_like.html
    """
    return _like(input, 1, dtype, device, requires_grad, memory_format)


def empty_like(input: Tensor, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
               requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Like `empty`, in the shape and dtype of `input`.

    Example:
        >>> import kilnn
        >>> kilnn.empty_like(kilnn.ones(2, 3)).shape
        kilnn.Size([2, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.empty_like.html
    """
    return _like(input, 0, dtype, device, requires_grad, memory_format)


def full_like(input: Tensor, fill_value: Any, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """One value in the shape and dtype of `input`.

    Example:
        >>> import kilnn
        >>> kilnn.full_like(kilnn.ones(2), 7).tolist()
        [7.0, 7.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.full_like.html
    """
    return _like(input, fill_value, dtype, device, requires_grad, memory_format)


def arange(*bounds: Any, start: Any = 0, end: Any = None, step: Any = 1, out: Any = None, dtype: DType | None = None,
           layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """start, start + step, ... up to but without end: ceil((end - start) / step) values.

    Example:
        >>> import kilnn
        >>> kilnn.arange(4).tolist(), kilnn.arange(1, 2, 0.5).tolist()
        ([0, 1, 2, 3], [1.0, 1.5])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.arange.html
    """
    if len(bounds) == 1 and end is None:
        end = bounds[0]
    elif len(bounds) == 1:
        start = bounds[0]
    elif len(bounds) >= 2:
        start, end = bounds[:2]
        step = bounds[2] if len(bounds) > 2 else step
    bounds_and_step: list[Any] = [x.item() if is_tensor(x) else x for x in (start, end, step)]
    first, last, stride = bounds_and_step
    if stride == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise RuntimeError(f"unsupported range: {first} -> {last}")
    if (stride > 0 and last < first) or (stride < 0 and last > first):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None and out is not None:
        dtype = out.dtype
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
    else:
        dtype = dtypes.get_default_dtype() if any(isinstance(x, float) for x in bounds_and_step) else dtypes.int64
    if dtype is dtypes.int64 and not all(isinstance(x, int) for x in bounds_and_step):
        first, last, stride = int(first), int(last), int(stride)  # PyTorch cuts the fractions off before it counts
        if stride == 0:
            raise ValueError("step must be nonzero")
    count = math.ceil((last - first) / stride)
    exact = np.float64 if dtype.is_floating_point else np.int64
    values = (exact(first) + np.arange(count, dtype=exact) * exact(stride)).astype(numpy_dtype(dtype))
    made = placed(values, device, requires_grad)
    return made if out is None else into(out, made)


def ends(name: str, start: Any, end: Any) -> tuple[float, float]:
    """The first and the last value as numbers."""
    for x in (start, end):
        if is_tensor(x) and x.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got one of {x.ndim} dimension(s)."
            )
    return float(start), float(end)


def linspace(start: Any, end: Any, steps: int, *, out: Any = None, dtype: DType | None = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """`steps` values from start to end, both included.

    Example:
        >>> import kilnn
        >>> kilnn.linspace(0, 1, 5).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linspace.html
    """
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    first, last = ends("linspace", start, end)
    values = np.linspace(first, last, steps, dtype=np.float64).astype(numpy_dtype(dtype))
    made = placed(values, device, requires_grad)
    return made if out is None else into(out, made)


def eye(n: int, m: int | None = None, *, out: Any = None, dtype: DType | None = None, layout: Any = None,
        device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The identity matrix (n, m).

    Example:
        >>> import kilnn
        >>> kilnn.eye(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.eye.html
    """
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"eye(): the sizes must be greater or equal to 0, got {n if n < 0 else m}")
    made = placed(np.eye(n, n if m is None else m, dtype=numpy_dtype(dtype)), device, requires_grad)
    return made if out is None else into(out, made)


def from_jax(array: Any) -> Tensor:
    """A tensor on a jax.Array, without a copy. kilnn never reuses or changes that buffer.

    Example:
        >>> import jax, kilnn
        >>> kilnn.from_jax(jax.numpy.arange(3.0)).tolist()
        [0.0, 1.0, 2.0]

    Not in PyTorch.
    """
    made: Tensor = new_handle(value_of(array, aval_of(tuple(array.shape), np.dtype(array.dtype), name_of(array))))
    return made


Generator.wrap_state = staticmethod(from_host)
