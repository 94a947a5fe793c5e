"""Making tensors from Python data, NumPy arrays and fills. They are held on the host until a program needs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.dtypes import DType
from kilnn.base.generator import Generator, default_generator
from kilnn.base.mt19937 import MT19937Generator
from kilnn.engine.handle import new_handle
from kilnn.engine.host import value_from
from kilnn.engine.values import Value, value_of
from kilnn.tensor.tensor import Tensor


def from_host(array: np.ndarray[Any, Any], requires_grad: bool = False) -> Tensor:
    """A tensor around a NumPy array that nobody else will write to: no copy."""
    t = new_handle(value_from(array))
    if requires_grad:
        t.requires_grad_(True)
    return t  # type: ignore[no-any-return]  # a Tensor


def _check_device(device: Any) -> str:
    from kilnn.base.device import Device

    if device is None:
        return "cpu"
    found = device if isinstance(device, Device) else Device(device)
    if found.type != "cpu":
        raise NotImplementedError(
            f"device {str(found)!r}: this release records programs for the CPU only; GPU devices come with the device API"
        )
    return "cpu"


def _finish(array: np.ndarray[Any, Any], device: Any, requires_grad: bool) -> Tensor:
    _check_device(device)
    return from_host(array, requires_grad)


def _np_dtype(dtype: DType | None, default: DType | None = None) -> Any:
    return (dtype or default or dtypes.get_default_dtype()).np


def _array_of_data(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    if isinstance(data, Tensor):
        array = np.array(array_of_tensor(data))
    elif isinstance(data, np.ndarray | np.generic):
        array = np.array(data)
    else:
        data = _without_tensors(data)
        array = np.array(data)
        if array.dtype == object:
            raise ValueError(
                f"could not make a tensor of {type(data).__name__}: the nested sequences have different lengths or hold "
                "something that is not a number"
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
        array = array.astype(dtype.np)
    dtypes.from_numpy(array.dtype)
    return array


def _holds_numpy(data: Any) -> bool:
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return isinstance(data, np.ndarray | np.generic)


def _without_tensors(data: Any) -> Any:
    if isinstance(data, list | tuple):
        return [_without_tensors(x) for x in data]
    if isinstance(data, Tensor):
        array = array_of_tensor(data)
        return array if array.ndim else array[()]
    return data


def array_of_tensor(x: Tensor) -> np.ndarray[Any, Any]:
    from kilnn.tensor.convert import observed

    return observed(x)


def tensor(
    data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new leaf tensor with a copy of the data.

    Args:
        data: number, nested sequences of numbers, NumPy array, or tensor (its values).
        dtype: default from the data: Python floats become the default dtype, ints int64.
        device: "cpu".
        requires_grad: record operations on it for the backward pass.
        pin_memory: accepted; host memory needs no pinning here.

    Example:
        >>> import kilnn
        >>> kilnn.tensor([[1.0, 2.0], [3.0, 4.0]]).shape
        kilnn.Size([2, 2])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.tensor.html
    """
    return _finish(_array_of_data(data, dtype), device, requires_grad)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The data as a tensor; a tensor of the right dtype is returned as it is.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.as_tensor.html
    """
    if isinstance(data, Tensor):
        return data if dtype is None or data.dtype is dtype else data.to(dtype)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor with the array's values.

    Differs from PyTorch: it is a snapshot; later writes to the array do not change the tensor.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.from_numpy.html
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return tensor(ndarray)


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    if len(size) == 1 and isinstance(size[0], Sequence):
        size = tuple(size[0])
    shape = tuple(int(n) for n in size)
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def full(
    size: Sequence[int], fill_value: Any, *, out: Any = None, dtype: DType | None = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of the given shape filled with one value.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.full.html
    """
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    if dtype is None:
        kinds = {bool: dtypes.bool, int: dtypes.int64}
        dtype = kinds.get(type(fill_value), dtypes.get_default_dtype())
    made = _finish(np.full(_shape((size,)), fill_value, dtype.np), device, requires_grad)
    return made if out is None else out.copy_(made)


def zeros(*size: Any, out: Any = None, dtype: DType | None = None, layout: Any = None, device: Any = None,
          requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor filled with 0. Source: https://docs.pytorch.org/docs/2.13/generated/torch.zeros.html"""
    size = (size[0],) if len(size) == 1 else size
    return full(
        _shape(size), 0, out=out, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad
    )


def ones(*size: Any, out: Any = None, dtype: DType | None = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor filled with 1. Source: https://docs.pytorch.org/docs/2.13/generated/torch.ones.html"""
    return full(
        _shape(size), 1, out=out, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad
    )


def empty(*size: Any, out: Any = None, dtype: DType | None = None, layout: Any = None, device: Any = None,
          requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """A tensor of the given shape; its values (zeros here) are not promised.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.empty.html
    """
    return zeros(*size, out=out, dtype=dtype, device=device, requires_grad=requires_grad)


def _like(x: Tensor, fill: Any, dtype: DType | None, device: Any, requires_grad: bool) -> Tensor:
    return full(x.shape, fill, dtype=dtype or x.dtype, device=device, requires_grad=requires_grad)


def zeros_like(input: Tensor, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
               requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Zeros in the shape and dtype of `input`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.zeros_like.html"""
    return _like(input, 0, dtype, device, requires_grad)


def ones_like(input: Tensor, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Ones in the shape and dtype of `input`. Source: https://docs.pytorch.org/docs/2.13/generated/torch.ones_like.html"""
    return _like(input, 1, dtype, device, requires_grad)


def empty_like(input: Tensor, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
               requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Like `empty`, in the shape and dtype of `input`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.empty_like.html
    """
    return _like(input, 0, dtype, device, requires_grad)


def full_like(input: Tensor, fill_value: Any, *, dtype: DType | None = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """One value in the shape and dtype of `input`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.full_like.html
    """
    return _like(input, fill_value, dtype, device, requires_grad)


def arange(*bounds: Any, start: Any = 0, end: Any = None, step: Any = 1, out: Any = None, dtype: DType | None = None,
           layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """start, start + step, ... up to but without end: ceil((end - start) / step) values.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.arange.html
    """
    if len(bounds) == 1:
        end = bounds[0]
    elif len(bounds) >= 2:
        start, end = bounds[:2]
        step = bounds[2] if len(bounds) > 2 else step
    numbers = [float(x.item()) if isinstance(x, Tensor) and x.dtype.is_floating_point else x.item() if isinstance(x, Tensor) else x
               for x in (start, end, step)]  # fmt: skip
    first, last, stride = numbers
    if stride == 0:
        raise RuntimeError("step must be nonzero")
    if (stride > 0 and last < first) or (stride < 0 and last > first):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        dtype = dtypes.get_default_dtype() if any(isinstance(x, float) for x in numbers) else dtypes.int64
    count = math.ceil((last - first) / stride)
    exact = np.float64 if dtype.is_floating_point else np.int64
    values = (exact(first) + np.arange(count, dtype=exact) * exact(stride)).astype(dtype.np)
    made = _finish(values, device, requires_grad)
    return made if out is None else out.copy_(made)


def linspace(start: Any, end: Any, steps: int, *, out: Any = None, dtype: DType | None = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """`steps` values from start to end, both included.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linspace.html
    """
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    values = np.linspace(float(start), float(end), steps, dtype=np.float64).astype(_np_dtype(dtype))
    return _finish(values, device, requires_grad)


def eye(n: int, m: int | None = None, *, out: Any = None, dtype: DType | None = None, layout: Any = None,
        device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The identity matrix (n, m). Source: https://docs.pytorch.org/docs/2.13/generated/torch.eye.html"""
    return _finish(np.eye(n, n if m is None else m, dtype=_np_dtype(dtype)), device, requires_grad)


def from_jax(array: Any) -> Tensor:
    """A tensor on a jax.Array, without a copy. kilnn never reuses or changes that buffer."""
    from kilnn.engine.values import aval_of

    value: Value = value_of(array, aval_of(tuple(array.shape), np.dtype(array.dtype)))
    return new_handle(value)  # type: ignore[no-any-return]  # a Tensor


def _generated(values: np.ndarray[Any, Any], dtype: DType | None, device: Any, requires_grad: bool) -> Tensor:
    return _finish(values.astype(_np_dtype(dtype), copy=False), device, requires_grad)


def _stream(generator: Generator | None) -> MT19937Generator:
    return (default_generator if generator is None else generator).stream


def rand(*size: Any, generator: Any = None, out: Any = None, dtype: DType | None = None, layout: Any = None,
         device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1). Source: https://docs.pytorch.org/docs/2.13/generated/torch.rand.html"""
    shape = _shape(size)
    values = _stream(generator).rand(math.prod(shape), _np_dtype(dtype)).reshape(shape)
    return _generated(values, dtype, device, requires_grad)


def randn(*size: Any, generator: Any = None, out: Any = None, dtype: DType | None = None, layout: Any = None,
          device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Numbers from the standard normal distribution.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randn.html
    """
    shape = _shape(size)
    values = _stream(generator).randn(math.prod(shape), _np_dtype(dtype)).reshape(shape)
    return _generated(values, dtype, device, requires_grad)


def rand_like(input: Tensor, *, dtype: DType | None = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """`rand` in the shape and dtype of `input`."""
    return rand(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(input: Tensor, *, dtype: DType | None = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """`randn` in the shape and dtype of `input`."""
    return randn(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randint(*args: Any, generator: Any = None, dtype: DType | None = None, device: Any = None,
            requires_grad: bool = False, **_: Any) -> Tensor:  # fmt: skip
    """Whole numbers in [low, high): randint(high, size) or randint(low, high, size).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randint.html
    """
    low, high, size = (0, *args) if len(args) == 2 else args
    if high <= low:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    shape = _shape((size,))
    values = _stream(generator).randint(low, high, math.prod(shape)).reshape(shape)
    return _finish(values.astype((dtype or dtypes.int64).np), device, requires_grad)


def randperm(n: int, *, generator: Any = None, dtype: DType | None = None, device: Any = None, **_: Any) -> Tensor:
    """A random permutation of 0..n-1. Source: https://docs.pytorch.org/docs/2.13/generated/torch.randperm.html"""
    return _finish(_stream(generator).randperm(n).astype((dtype or dtypes.int64).np), device, False)


Generator.wrap_state = staticmethod(from_host)
