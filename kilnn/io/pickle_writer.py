"""Nested Python data as a pickle that names PyTorch's classes, written opcode by opcode.

The standard library's pickler writes the name of a class only after importing it, and PyTorch's are not here. What is
written is what `torch.save` writes for the same data: protocol 2, tensors as calls of `torch._utils._rebuild_tensor_v2`
on numbered storages, which lie beside the pickle.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kilnn.base.device import Device
from kilnn.base.dtypes import DType
from kilnn.base.errors import message
from kilnn.io.structure import refusal, spell
from kilnn.tensor.size import Size
from kilnn.tensor.tensor import Tensor

STORAGE_NAMES = {
    "float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "bfloat16": "BFloat16Storage",
    "uint8": "ByteStorage", "int8": "CharStorage", "int16": "ShortStorage", "int32": "IntStorage",
    "int64": "LongStorage", "bool": "BoolStorage", "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
}  # fmt: skip
"""PyTorch's storage class for each dtype."""

_KEPT = (
    "tensors, dict, OrderedDict, Counter, list, tuple, set, str, bytes, bytearray, int, float, complex, bool, None, "
    "NumPy's numbers, dtypes, devices"
)


class Placed(NamedTuple):
    """Where a tensor's elements lie: number and length of its storage, and the way through it."""

    key: str
    length: int
    offset: int
    strides: tuple[int, ...]


class PickleWriter:
    """Writes one object. `placed(tensor)` says where its elements are going to lie."""

    def __init__(self, placed: Callable[[Tensor], Placed], parameter_class: type | None) -> None:
        self._placed = placed
        self._parameter_class = parameter_class
        self._out = bytearray(b"\x80\x02")
        self._memo: dict[Any, int] = {}
        self._held: list[Any] = []  # an id names an object only as long as that lives
        self._open: list[Any] = []  # tuples being written: one inside itself could not be made again

    def dump(self, obj: Any) -> bytes:
        """The pickle of an object. TypeError names an entry of a class that cannot be kept."""
        self._write(obj, ())
        self._out += b"."
        return bytes(self._out)

    def _write(self, obj: Any, path: tuple[Any, ...]) -> None:
        if isinstance(obj, np.generic):  # what NumPy's mean() gives: a number, which any reader takes
            obj = obj.item()
        kind = type(obj)
        if obj is None:
            self._out += b"N"
        elif kind is bool:
            self._out += b"\x88" if obj else b"\x89"
        elif kind is int:
            self._integer(obj)
        elif kind is float:
            self._out += b"G" + struct.pack(">d", obj)
        elif kind is str:
            self._text(obj)
        elif kind is DType:
            self._name("torch", obj.name)
        elif kind is Device:
            self._call("torch", "device", (obj.type,) if obj.index is None else (obj.type, obj.index), path)
        elif kind is complex:
            self._call("__builtin__", "complex", (obj.real, obj.imag), path)
        elif kind is bytes:
            self._call("_codecs", "encode", (obj.decode("latin1"), "latin1"), path)
        elif id(obj) in self._memo:
            self._get(id(obj))
        elif kind is bytearray:
            self._call("__builtin__", "bytearray", (bytes(obj),), path)
            self._put(obj)
        elif isinstance(obj, Tensor):
            self._tensor(obj, path)
        elif kind in (list, dict, OrderedDict, Counter, tuple, Size, set):
            self._container(obj, path)
        else:
            raise TypeError(refusal(path, kind, kept=_KEPT))

    def _integer(self, number: int) -> None:
        if 0 <= number < 1 << 8:
            self._out += b"K" + bytes([number])
        elif -(1 << 31) <= number < 1 << 31:
            self._out += b"J" + struct.pack("<i", number)
        else:
            data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
            self._out += (
                b"\x8a" + bytes([len(data)]) if len(data) < 1 << 8 else b"\x8b" + struct.pack("<i", len(data))
            ) + data

    def _text(self, text: str) -> None:
        place = ("text", text)
        if place in self._memo:
            self._get(place)
            return
        data = text.encode("utf-8", "surrogatepass")
        self._out += b"X" + struct.pack("<I", len(data)) + data
        self._put_at(place)

    def _name(self, module: str, name: str) -> None:
        place = ("name", module, name)
        if place in self._memo:
            self._get(place)
            return
        self._out += f"c{module}\n{name}\n".encode()
        self._put_at(place)

    def _call(self, module: str, name: str, args: tuple[Any, ...], path: tuple[Any, ...]) -> None:
        self._name(module, name)
        self._tuple(args, path)
        self._out += b"R"

    def _tuple(self, items: Any, path: tuple[Any, ...]) -> None:
        if len(items) > 3:
            self._out += b"("
        for place, item in enumerate(items):
            self._write(item, (*path, place))
        self._out += (b")", b"\x85", b"\x86", b"\x87")[len(items)] if len(items) <= 3 else b"t"

    def _container(self, obj: Any, path: tuple[Any, ...]) -> None:
        if isinstance(obj, tuple):
            if id(obj) in {id(x) for x in self._open}:
                raise ValueError(f"save: {spell(path)} contains itself")
            self._open.append(obj)
            if isinstance(obj, Size):
                self._call("torch", "Size", (tuple(obj),), path)
            else:
                self._tuple(obj, path)
            self._open.pop()
            self._put(obj)
        elif isinstance(obj, list):
            self._out += b"]"
            self._put(obj)
            self._out += b"("
            for place, item in enumerate(obj):
                self._write(item, (*path, place))
            self._out += b"e"
        elif isinstance(obj, set):
            self._call("__builtin__", "set", (list(obj),), path)
            self._put(obj)
        elif isinstance(obj, Counter):
            self._call("collections", "Counter", (dict(obj),), path)
            self._put(obj)
        else:
            self._dict(obj, path)

    def _dict(self, obj: dict[Any, Any], path: tuple[Any, ...]) -> None:
        if isinstance(obj, OrderedDict):
            self._name("collections", "OrderedDict")
            self._out += b")R"
        else:
            self._out += b"}"
        self._put(obj)
        self._out += b"("
        for key, value in obj.items():
            if isinstance(key, Tensor):
                raise TypeError(message(f"save: a key of {spell(path)} is a tensor", fix="use its name or its number"))
            try:
                self._write(key, ())
            except TypeError:
                raise TypeError(refusal((*path, key), type(key), "the key of ", _KEPT)) from None
            self._write(value, (*path, key))
        self._out += b"u"
        if isinstance(obj, OrderedDict) and vars(obj):  # a state_dict has `_metadata`
            self._write(dict(vars(obj)), path)
            self._out += b"b"

    def _tensor(self, tensor: Tensor, path: tuple[Any, ...]) -> None:
        attributes = dict(vars(tensor))
        if self._parameter_class is not None and isinstance(tensor, self._parameter_class):
            self._name("torch._utils", "_rebuild_parameter_with_state" if attributes else "_rebuild_parameter")
            self._out += b"("
            self._rebuild(tensor, False)
            self._write(tensor.requires_grad, path)
            self._write(OrderedDict(), path)
        elif attributes:
            self._name("torch._tensor", "_rebuild_from_type_v2")
            self._out += b"("
            self._name("torch._utils", _rebuilder(tensor))
            self._name("torch", "Tensor")
            self._arguments(tensor, tensor.requires_grad)
        else:
            self._rebuild(tensor, tensor.requires_grad)
            self._put(tensor)
            return
        if attributes:
            self._write(attributes, path)
        self._out += b"tR"
        self._put(tensor)

    def _rebuild(self, tensor: Tensor, requires_grad: bool) -> None:
        self._name("torch._utils", _rebuilder(tensor))
        self._arguments(tensor, requires_grad)
        self._out += b"R"

    def _arguments(self, tensor: Tensor, requires_grad: bool) -> None:
        """(storage, offset, shape, strides, requires_grad, no hooks); dtypes without a storage class of their own lie
        as bytes, and are named at the end."""
        found = self._placed(tensor)
        named = STORAGE_NAMES.get(tensor.dtype.name)
        self._out += b"("
        self._out += b"("
        self._text("storage")
        self._name(*(("torch", named) if named else ("torch.storage", "UntypedStorage")))
        self._text(found.key)
        self._text(str(tensor.device))
        self._integer(found.length if named else found.length * tensor.itemsize)
        self._out += b"tQ"
        self._integer(found.offset)
        self._tuple(tuple(tensor.shape), ())
        self._tuple(found.strides, ())
        self._write(requires_grad, ())
        self._write(OrderedDict(), ())
        if not named:
            self._write(tensor.dtype, ())
        self._out += b"t"

    def _put(self, obj: Any) -> None:
        self._held.append(obj)
        self._put_at(id(obj))

    def _put_at(self, place: Any) -> None:
        number = self._memo[place] = len(self._memo)
        self._out += b"q" + bytes([number]) if number < 1 << 8 else b"r" + struct.pack("<I", number)

    def _get(self, place: Any) -> None:
        number = self._memo[place]
        self._out += b"h" + bytes([number]) if number < 1 << 8 else b"j" + struct.pack("<I", number)


def _rebuilder(tensor: Tensor) -> str:
    return "_rebuild_tensor_v2" if tensor.dtype.name in STORAGE_NAMES else "_rebuild_tensor_v3"
