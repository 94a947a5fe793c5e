"""PyTorch's first spellings: `Tensor(2, 3)`, `FloatTensor`, `LongTensor([1, 2])`, `x.new(...)`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.device import as_device
from kilnn.base.dtypes import DType
from kilnn.base.layout import strided
from kilnn.engine import views
from kilnn.engine.handle import Handle
from kilnn.tensor import create
from kilnn.tensor.size import Size
from kilnn.tensor.storage import TypedStorage, UntypedStorage


def construct(dtype: DType, device: str, args: tuple[Any, ...], named_device: Any = None) -> Any:
    """What PyTorch's legacy constructors do: `(2, 3)` and a `Size` are shapes, sequences are data, tensors aliases.

    Raises: TypeError for anything else.
    """
    if named_device is not None and as_device(named_device).type != device.partition(":")[0]:
        raise RuntimeError(
            f"legacy constructor expects device type: {device.partition(':')[0]} but device type: "
            f"{as_device(named_device).type} was passed"
        )
    if not args:
        return create.empty(0, dtype=dtype, device=device)
    (first, *rest) = args
    if isinstance(first, Handle) and not rest:
        if first.dtype is not dtype:  # type: ignore[attr-defined]  # a Tensor
            word, got = name_of(dtype, device), name_of(first.dtype, device)  # type: ignore[attr-defined]  # a Tensor
            raise TypeError(f"expected {word} (got {got})")
        return views.alias(first)
    if isinstance(first, Size) and not rest:
        return create.empty(first, dtype=dtype, device=device)
    if isinstance(first, UntypedStorage | TypedStorage) and not rest:
        return first.tensor(dtype)
    if all(hasattr(n, "__index__") and not isinstance(n, bool) for n in args):
        return create.empty(*args, dtype=dtype, device=device)
    if rest or not (hasattr(first, "__len__") or isinstance(first, np.ndarray)) or isinstance(first, str):
        raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
    array = create.array_of_data(first, None)
    if array.size and array.dtype.kind in "iu" and dtype.category == dtypes.INTEGER:
        limits = np.iinfo(dtype.np)  # type: ignore[type-var]  # an integer dtype
        if array.min() < limits.min or array.max() > limits.max:
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    return create.placed(array.astype(dtype.np), device, False)


def name_of(dtype: DType, device: str) -> str:
    """The legacy name of tensors of a dtype on a device."""
    return f"kilnn.{'cuda.' if device.startswith('cuda') else ''}{dtypes.word_of(dtype)}Tensor"


class tensortype(type):
    """The class of `FloatTensor` and its kin: calling one makes a tensor, `isinstance` asks for dtype and device."""

    dtype: DType
    device_type: str
    layout = strided

    @property
    def is_cuda(cls) -> bool:
        """Whether its tensors are on a GPU."""
        return cls.device_type == "cuda"

    def __call__(cls, *args: Any, device: Any = None) -> Any:
        return construct(cls.dtype, "cuda:0" if cls.is_cuda else "cpu", args, device)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Handle) and instance.dtype is cls.dtype and instance.is_cuda == cls.is_cuda  # type: ignore[attr-defined]  # a Tensor


def _make(dtype: DType, device_type: str) -> tensortype:
    word = f"{dtypes.word_of(dtype)}Tensor"
    where = "kilnn.cuda" if device_type == "cuda" else "kilnn"
    on_gpu = " on a GPU" if device_type == "cuda" else ""
    text = (
        f"Tensors of {dtype.name}{on_gpu}: PyTorch's first spelling of a dtype.\n\n"
        "Called with sizes it makes a tensor of that shape, with a sequence one of that data.\n\n"
        "Source: https://docs.pytorch.org/docs/2.13/tensors.html"
    )
    made = tensortype(word, (), {"__doc__": text, "__module__": where})
    made.dtype, made.device_type = dtype, device_type
    return made


FloatTensor, CudaFloatTensor = _make(dtypes.float32, "cpu"), _make(dtypes.float32, "cuda")
DoubleTensor, CudaDoubleTensor = _make(dtypes.float64, "cpu"), _make(dtypes.float64, "cuda")
HalfTensor, CudaHalfTensor = _make(dtypes.float16, "cpu"), _make(dtypes.float16, "cuda")
BFloat16Tensor, CudaBFloat16Tensor = _make(dtypes.bfloat16, "cpu"), _make(dtypes.bfloat16, "cuda")
LongTensor, CudaLongTensor = _make(dtypes.int64, "cpu"), _make(dtypes.int64, "cuda")
IntTensor, CudaIntTensor = _make(dtypes.int32, "cpu"), _make(dtypes.int32, "cuda")
ShortTensor, CudaShortTensor = _make(dtypes.int16, "cpu"), _make(dtypes.int16, "cuda")
CharTensor, CudaCharTensor = _make(dtypes.int8, "cpu"), _make(dtypes.int8, "cuda")
ByteTensor, CudaByteTensor = _make(dtypes.uint8, "cpu"), _make(dtypes.uint8, "cuda")
BoolTensor, CudaBoolTensor = _make(dtypes.bool, "cpu"), _make(dtypes.bool, "cuda")

_ALL = (
    FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor, LongTensor, IntTensor, ShortTensor, CharTensor, ByteTensor,
    BoolTensor,
)  # fmt: skip
_BY_WORD = {t.__name__: t for t in _ALL}


def legacy_dtype(word: Any) -> DType | None:
    """The dtype of a legacy name ("torch.FloatTensor") or class, or None."""
    if isinstance(word, tensortype):
        return word.dtype
    found = _BY_WORD.get(word.rsplit(".", 1)[-1]) if isinstance(word, str) else None
    return None if found is None else found.dtype


def set_default_tensor_type(t: Any) -> None:
    """PyTorch's old `set_default_dtype`: takes a class such as `FloatTensor`, or its name.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.set_default_tensor_type.html
    """
    dtype = legacy_dtype(t)
    if dtype is None or not dtype.is_floating_point:
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    if (isinstance(t, tensortype) and t.is_cuda) or (isinstance(t, str) and ".cuda." in t):
        raise NotImplementedError("set_default_tensor_type(): use set_default_device('cuda') for the device")
    warnings.warn(
        "kilnn.set_default_tensor_type() is deprecated, as in PyTorch 2.1: use kilnn.set_default_dtype() and "
        "kilnn.set_default_device().",
        UserWarning,
        stacklevel=2,
    )
    dtypes.set_default_dtype(dtype)
