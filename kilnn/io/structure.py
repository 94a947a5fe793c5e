"""Nested Python data as JSON, with its tensors taken out; and back, without running any code.

JSON has no tuples, no keys but strings and no infinities, so every value that is not plain JSON becomes an object with
one key, the tag:

    {"dict": [[key, value], ...]}    {"ordered": [[key, value], ...]}    {"tuple": [...]}    {"size": [...]}
    {"float": "nan"}    {"complex": [1.0, 2.0]}    {"dtype": "float32"}    {"device": "cuda:0"}    {"tensor": 3}

`{"tensor": n}` is entry n of a table; an object met twice is one entry and becomes one object again.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from kilnn.base import dtypes
from kilnn.base.device import Device
from kilnn.base.dtypes import DType
from kilnn.base.errors import message
from kilnn.tensor.size import Size
from kilnn.tensor.tensor import Tensor

_KEPT = "tensors, dict, OrderedDict, list, tuple, str, int, float, complex, bool, None, dtypes, devices"


class Encoder:
    """Turns one object into JSON data; `tensors` are those met on the way, `names` where each was first met."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.names: list[str] = []
        self._places: dict[int, int] = {}
        self._open: set[int] = set()

    def encode(self, obj: Any, path: tuple[Any, ...] = ()) -> Any:
        """The JSON data of `obj`. TypeError names an entry that cannot be kept, ValueError one that contains itself."""
        kind = type(obj)
        if obj is None or kind in (bool, int, str):
            return obj
        if kind is float:
            return obj if math.isfinite(obj) else {"float": repr(obj)}
        if kind is complex:
            return {"complex": [self.encode(obj.real), self.encode(obj.imag)]}
        if isinstance(obj, Tensor):
            return {"tensor": self._place(obj, path)}
        if kind is DType:
            return {"dtype": obj.name}
        if kind is Device:
            return {"device": str(obj)}
        if kind not in (list, tuple, dict, OrderedDict, Size):
            raise TypeError(refusal(path, kind))
        if id(obj) in self._open:
            raise ValueError(f"save: {spell(path)} contains itself")
        self._open.add(id(obj))
        try:
            return self._container(obj, path)
        finally:
            self._open.remove(id(obj))

    def _container(self, obj: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(obj, dict):
            tag = "ordered" if isinstance(obj, OrderedDict) else "dict"
            return {tag: [[self._key(key, path), self.encode(value, (*path, key))] for key, value in obj.items()]}
        items = [self.encode(item, (*path, place)) for place, item in enumerate(obj)]
        if isinstance(obj, Size):
            return {"size": items}
        return {"tuple": items} if isinstance(obj, tuple) else items

    def _key(self, key: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(key, Tensor):
            raise TypeError(message(f"save: a key of {spell(path)} is a tensor", fix="use its name or its number"))
        try:
            return self.encode(key)
        except TypeError:
            raise TypeError(refusal((*path, key), type(key), "the key of ")) from None

    def _place(self, tensor: Tensor, path: tuple[Any, ...]) -> int:
        place = self._places.get(id(tensor))
        if place is None:
            place = self._places[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
            self.names.append(".".join(map(str, path)) or "tensor")
        return place


def spell(path: Iterable[Any]) -> str:
    """How a user would write the entry: `obj['model'][3]`."""
    return "obj" + "".join(f"[{key!r}]" for key in path)


def refusal(path: Iterable[Any], kind: type, prefix: str = "", kept: str = _KEPT) -> str:
    """The error text for an entry of a class that a file cannot keep."""
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    fix = {
        "numpy": "make it a Python number with .item(), or a tensor with kilnn.tensor(...)",
        "collections": "convert it with dict(...) or tuple(...)",
    }.get(kind.__module__, "save what it is made of, for a module its state_dict()")
    return message(f"save: cannot keep {prefix}{spell(path)}", received=name, expected=kept, fix=fix)


def decode(data: Any, tensor: Callable[[int], Tensor]) -> Any:
    """The object that was encoded; `tensor(n)` makes entry n of the table. ValueError if the data is malformed."""
    if isinstance(data, list):
        return [decode(item, tensor) for item in data]
    if not isinstance(data, dict):
        return data
    if len(data) != 1:
        raise ValueError(f"an object with one tag was expected, but it has {sorted(data)}")
    ((tag, value),) = data.items()
    try:
        return _decode_tagged(tag, value, tensor)
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"the entry {tag!r} cannot be read: {error}") from error


def _decode_tagged(tag: str, value: Any, tensor: Callable[[int], Tensor]) -> Any:
    if tag in ("dict", "ordered"):
        pairs = [(decode(key, tensor), decode(item, tensor)) for key, item in value]
        return dict(pairs) if tag == "dict" else OrderedDict(pairs)
    if tag == "tuple":
        return tuple(decode(item, tensor) for item in value)
    if tag == "size":
        return Size(decode(item, tensor) for item in value)
    if tag == "tensor":
        return tensor(value)
    if tag == "float":
        return float(value)
    if tag == "complex":
        return complex(*(decode(part, tensor) for part in value))
    if tag == "dtype":
        return dtypes.by_name(value)
    if tag == "device":
        return _device(value)
    raise ValueError(f"unknown tag {tag!r}: the file was written by a newer version")


def _device(name: str) -> Device:
    try:
        return Device(name)
    except RuntimeError as error:
        raise TypeError(error) from None  # what is wrong is the file; `decode` says so
