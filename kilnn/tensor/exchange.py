"""Tensors from and to other libraries: DLPack, buffers, files, anything that holds numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.dtypes import DType
from kilnn.engine.execute import from_dlpack as _jax_from_dlpack
from kilnn.tensor.create import from_host, from_jax, tensor
from kilnn.tensor.doors import is_tensor

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """The values of another library's tensor.

    Args:
        ext_tensor: an object with `__dlpack__` (NumPy and JAX arrays, PyTorch's tensors).
        device: where the result lives; by default where they are.
        copy: False raises where a copy is needed: only JAX's arrays are taken without one.

    Differs from PyTorch: a snapshot; later writes on either side are not seen by the other.

    Example:
        >>> import kilnn, numpy
        >>> kilnn.from_dlpack(numpy.arange(3)).tolist()
        [0, 1, 2]

    Source: https://docs.pytorch.org/docs/2.13/dlpack.html
    """
    if is_tensor(ext_tensor):
        found: Tensor = ext_tensor.detach()
    elif not hasattr(ext_tensor, "__dlpack__"):
        raise NotImplementedError("from_dlpack(): capsules are not supported: hand over the object with __dlpack__")
    elif hasattr(ext_tensor, "sharding"):
        found = from_jax(ext_tensor)
    elif copy is False:
        raise BufferError("from_dlpack(): memory of other libraries is copied, but copy=False was asked for")
    else:
        found = from_jax(_jax_from_dlpack(ext_tensor))
    return found if device is None else found.to(device=device)


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the values, for libraries that take no objects.

    Source: https://docs.pytorch.org/docs/2.13/dlpack.html
    """
    return tensor.__dlpack__()


def frombuffer(buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """The numbers in an object with Python's buffer protocol, in one dimension.

    Args:
        buffer: bytes, bytearray, array.array, ...
        dtype: the type of its numbers.
        count: how many; -1 for all.
        offset: bytes to skip first.

    Differs from PyTorch: a snapshot; later writes to the buffer are not seen.

    Example:
        >>> import kilnn
        >>> kilnn.frombuffer(bytes([1, 0, 2, 0]), dtype=kilnn.int16).tolist()
        [1, 2]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.frombuffer.html
    """
    size = memoryview(buffer).nbytes
    if not size:
        raise ValueError("both buffer length (0) and count must not be 0")
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({size} bytes) minus 1"
        )
    return from_host(np.frombuffer(buffer, dtype.np, count, offset).copy(), requires_grad)


def from_file(filename: str, shared: bool | None = None, size: int | None = 0, *, dtype: DType | None = None) -> Tensor:
    """The first `size` numbers of a binary file.

    Differs from PyTorch: the file is read, not mapped, so shared=True (writes go to the file) is refused.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.from_file.html
    """
    if shared:
        raise NotImplementedError("from_file(): shared=True is not supported: files are read, not mapped")
    kind = (dtype or dtypes.get_default_dtype()).np
    array = np.fromfile(filename, kind, size or 0)
    if array.size < (size or 0):
        raise RuntimeError(f"from_file(): {filename} holds {array.size} numbers of {kind.name}, not {size}")
    return from_host(array)


def adopted(value: Any) -> Tensor | None:
    """A copy of an array or of another library's tensor, without its gradient; None for anything else."""
    if not hasattr(value, "__array__") or isinstance(value, np.generic):
        return None
    return asarray(value.detach() if hasattr(value, "detach") else value)


def asarray(obj: Any, *, dtype: DType | None = None, device: Any = None, copy: bool | None = None,
            requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Anything that holds numbers as a tensor: a tensor itself where nothing changes, else a copy.

    Args:
        obj: tensor, array, object with `__dlpack__` or a buffer, number, or nested sequences.
        dtype, device: by default those of obj.
        copy: True for a copy in any case; False raises ValueError where one is needed.
        requires_grad: record operations on it.

    Example:
        >>> import kilnn
        >>> kilnn.asarray([1, 2]).dtype
        kilnn.int64

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.asarray.html
    """
    if is_tensor(obj):
        found = obj.to(device=device, dtype=dtype or obj.dtype)
        if found is obj and copy:
            found = obj.clone()
        elif found is not obj and copy is False:
            raise ValueError("can't alias tensor: its dtype or device changes")
    elif copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor: kilnn copies what comes from outside")
    elif isinstance(obj, np.ndarray | np.generic) or not hasattr(obj, "__dlpack__"):
        if isinstance(obj, bytes | bytearray | memoryview):
            found = frombuffer(obj, dtype=dtype or dtypes.get_default_dtype())
        else:
            found = tensor(obj, dtype=dtype, device=device)
    else:
        found = from_dlpack(obj).to(device=device, dtype=dtype)
    return found.detach().requires_grad_(True) if requires_grad else found  # type: ignore[no-any-return]  # a Tensor
