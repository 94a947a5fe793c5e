"""Other dtypes and devices."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.base.dtypes import DType
from kilnn.engine.handle import Handle
from kilnn.ops import creation
from kilnn.tensor.create import device_label
from kilnn.tensor.doors import cast, record
from kilnn.tensor.legacy import legacy_dtype, name_of

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def to(
    input: Tensor, *args: Any, dtype: DType | None = None, device: Any = None, non_blocking: builtins.bool = False,
    copy: builtins.bool = False, memory_format: Any = None, other: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The tensor in another dtype or on another device; the tensor itself if it is there already.

    Args:
        args: a dtype, a device, a device and a dtype, or a tensor to agree with; then `non_blocking` and `copy`.
        dtype, device: the same, by name.
        non_blocking: accepted; transfers never block.
        copy: a copy even if nothing changes.
        memory_format: accepted; memory is always laid out in the order of the indices.

    Example:
        >>> import kilnn
        >>> kilnn.tensor([1, 2]).to(kilnn.float32).dtype
        kilnn.float32

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.to.html
    """
    flags = []
    for arg in args:
        if isinstance(arg, builtins.bool):
            flags.append(arg)
        elif dtypes.is_dtype(arg):
            dtype = dtypes.as_dtype(arg)
        elif isinstance(arg, Handle):
            other = arg  # type: ignore[assignment]  # a Tensor
        elif arg is not None:
            device = arg
    if other is not None:
        dtype, device = other.dtype, other.device
    copy = copy or (len(flags) > 1 and flags[1])
    moved = _on_device(input, device)
    out = cast(moved, dtype)
    return record(creation.clone, (out,)) if copy and out is input else out


def _on_device(input: Tensor, device: Any) -> Tensor:
    if device is None:
        return input
    label = device_label(device)
    return input if label == input.aval.device else record(creation.move, (input,), (label,))


def cuda(input: Tensor, device: Any = None, non_blocking: builtins.bool = False, memory_format: Any = None) -> Tensor:
    """The tensor on a CUDA device."""
    return to(input, device="cuda" if device is None else device)


def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: host memory needs no pinning here."""
    return input


def get_device(input: Tensor) -> builtins.int:
    """The number of the device, -1 for the CPU."""
    device = input.device
    return -1 if device.type == "cpu" else device.index or 0


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of another one."""
    return cast(input, other.dtype)


def type(input: Tensor, dtype: Any = None, non_blocking: builtins.bool = False) -> Any:
    """The tensor in another dtype, which may be named as in "torch.FloatTensor"; without a dtype, that name."""
    if dtype is None:
        return name_of(input.dtype, input.aval.device)
    if not isinstance(dtype, DType):
        found = legacy_dtype(dtype)
        if found is None:
            raise ValueError(f"invalid type: '{dtype}'")
        on_gpu = ".cuda." in dtype if isinstance(dtype, str) else dtype.is_cuda
        return to(input, dtype=found, device="cuda" if on_gpu else "cpu")
    return cast(input, dtype)


def float(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in float32."""
    return cast(input, dtypes.float32)


def double(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in float64."""
    return cast(input, dtypes.float64)


def half(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in float16."""
    return cast(input, dtypes.float16)


def bfloat16(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in bfloat16."""
    return cast(input, dtypes.bfloat16)


def long(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in int64."""
    return cast(input, dtypes.int64)


def int(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in int32."""
    return cast(input, dtypes.int32)


def short(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in int16."""
    return cast(input, dtypes.int16)


def char(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in int8."""
    return cast(input, dtypes.int8)


def byte(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in uint8."""
    return cast(input, dtypes.uint8)


def bool(input: Tensor, memory_format: Any = None) -> Tensor:
    """True where the element is nonzero."""
    return cast(input, dtypes.bool)
