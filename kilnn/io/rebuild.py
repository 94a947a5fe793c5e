"""Tensors from storages in files and back: shared memory stays shared, strides stay as they are."""

from __future__ import annotations

import math
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kilnn.base import dtypes, shapes
from kilnn.base.device import Device
from kilnn.engine import views
from kilnn.engine.handle import alias_handle
from kilnn.io.archive import OldStorages, Storages
from kilnn.io.location import place
from kilnn.io.pickle_writer import Placed
from kilnn.io.safe_globals import StorageType
from kilnn.tensor.create import array_of_tensor, from_host
from kilnn.tensor.doors import geometry
from kilnn.tensor.tensor import Tensor

Array = NDArray[Any]


class StoragePlan:
    """For writing: the arrays that have to be stored, and where in them each tensor is."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self._keys: dict[Any, str] = {}

    def place(self, tensor: Tensor) -> Placed:
        """Where the elements of a tensor lie; its storage is stored once for all tensors that share it."""
        shape, strides, offset = geometry(tensor)
        whole = np.asarray(array_of_tensor(alias_handle(tensor._storage, None))).reshape(-1)
        values = np.asarray(array_of_tensor(tensor))
        if tensor._view is not None and not _reads(whole, values, shape, strides, offset):
            return self._apart(tensor, values, shape, strides)
        return Placed(self._key(id(tensor._storage), whole), whole.size, offset, tuple(strides))

    def _apart(self, tensor: Tensor, values: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Placed:
        """Storage of its own for a tensor whose strides do not describe a way through the engine's array."""
        if not shapes.is_dense(shape, strides):
            strides = shapes.contiguous_strides(shape)
        memory = np.empty(values.size, values.dtype)
        np.lib.stride_tricks.as_strided(memory, shape, [s * memory.itemsize for s in strides])[...] = values
        return Placed(self._key((id(tensor._storage), strides), memory), memory.size, 0, tuple(strides))

    def _key(self, identity: Any, array: Array) -> str:
        key = self._keys.get(identity)
        if key is None:
            key = self._keys[identity] = str(len(self._keys))
            self.arrays[key] = array
        return key


def _reads(whole: Array, values: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> bool:
    """Whether the strides, applied to the array, give the tensor's values."""
    if whole.dtype != values.dtype or not _inside(whole.size, shape, strides, offset):
        return False
    found = np.lib.stride_tricks.as_strided(whole[offset:], shape, [s * whole.itemsize for s in strides])
    return found.tobytes() == values.tobytes()


def _inside(length: int, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> bool:
    if 0 in shape:
        return 0 <= offset <= length
    return 0 <= offset and offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) < length


class _Storage:
    """A storage of a file while its tensors are made."""

    __slots__ = ("array", "flat", "key", "location", "whole")

    def __init__(self, array: Array, key: Any, location: str) -> None:
        self.array = array
        self.key = key
        self.location = location
        self.flat: Tensor | None = None
        self.whole: dict[Any, Tensor] = {}


class Rebuilder:
    """For reading: makes storages and tensors as the pickle asks for them."""

    def __init__(self, storages: Storages, byteorder: str, relocate: Callable[[str], Device]) -> None:
        self._read = storages
        self._big_endian = byteorder == "big"
        self._relocate = relocate
        self._storages: dict[Any, _Storage] = {}
        self._shared: set[Any] = set()

    def prepare(self, item_sizes: dict[Any, int], shared: set[Any]) -> None:
        """What a first pass over the pickle has found: bytes of an element, and which storages have several tensors."""
        if isinstance(self._read, OldStorages):
            self._read.item_sizes = item_sizes
        self._shared = shared

    def persistent(self, identity: Any) -> _Storage:
        """The storage that a persistent id names: ("storage", class, key, device, number of elements, view)."""
        kind, key, location, numel, view = parse_identity(identity)
        dtype = kind.dtype.np if kind.dtype is not None else np.dtype(np.uint8)
        name = key if view is None else (key, view[0])
        found = self._storages.get((name, dtype))
        if found is None:
            raw = self._read(key, numel * dtype.itemsize)
            array = raw.view(dtype)
            if self._big_endian != (sys.byteorder == "big"):
                array = array.byteswap()
            if view is not None:
                array = array[view[1] : view[1] + view[2]]
            found = self._storages[name, dtype] = _Storage(array, name, location)
        return found

    def functions(self) -> dict[str, Callable[..., Any]]:
        """PyTorch's names of the functions that rebuild tensors."""
        return {
            "torch._utils._rebuild_tensor": self.tensor,
            "torch._utils._rebuild_tensor_v2": self.tensor,
            "torch._utils._rebuild_tensor_v3": self.tensor_of_bytes,
            "torch._utils._rebuild_parameter": parameter,
            "torch._utils._rebuild_parameter_with_state": parameter,
            "torch._tensor._rebuild_from_type_v2": self.with_attributes,
        }

    def tensor(
        self, storage: Any, offset: int, shape: Any, strides: Any, requires_grad: bool = False, hooks: Any = None,
        metadata: Any = None,
    ) -> Tensor:  # fmt: skip
        """`torch._utils._rebuild_tensor_v2`."""
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("load: a tensor is made of something that is no storage")
        shape, strides = _integers(shape), _integers(strides)
        (offset,) = _integers((offset,))
        if len(shape) != len(strides) or not _inside(storage.array.size, shape, strides, offset):
            raise pickle.UnpicklingError(
                f"load: a tensor of shape {shape}, strides {strides} and offset {offset} does not fit into its storage "
                f"of {storage.array.size} elements"
            )
        if hooks or metadata:
            raise NotImplementedError("load: the file has tensors with backward hooks or with conjugate bits")
        made = place(self._view(storage, offset, shape, strides), storage.location, self._relocate)
        return made.requires_grad_() if requires_grad else made

    def tensor_of_bytes(
        self, storage: Any, offset: int, shape: Any, strides: Any, requires_grad: bool, hooks: Any, dtype: Any,
        metadata: Any = None,
    ) -> Tensor:  # fmt: skip
        """`torch._utils._rebuild_tensor_v3`: the storage is bytes, the dtype beside it."""
        if not isinstance(dtype, dtypes.DType) or not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("load: a tensor of bytes has no dtype")
        typed = _Storage(storage.array.view(np.uint8).view(dtype.np), storage.key, storage.location)
        return self.tensor(typed, offset, shape, strides, requires_grad, hooks, metadata)

    def with_attributes(self, function: Any, kind: Any, args: Any, state: Any) -> Any:
        """`torch._tensor._rebuild_from_type_v2`: a tensor with attributes of its own."""
        made = function.call(*args)
        if kind not in ("torch.Tensor", "torch.nn.parameter.Parameter") or not isinstance(made, Tensor):
            raise pickle.UnpicklingError("load: the file has a tensor of another class")
        return _attributed(made, state)

    def _view(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        """A tensor on the storage. One that fills it has it for itself until another one comes."""
        place_in = (offset, shape, strides)
        known = storage.whole.get(place_in)
        if known is not None:
            return views.alias(known)  # type: ignore[no-any-return]  # a Tensor
        span = math.prod(shape)
        if storage.key not in self._shared or not shapes.is_dense(shape, strides) or 0 in shape:
            spread = np.lib.stride_tricks.as_strided(
                storage.array[offset:], shape, [s * storage.array.itemsize for s in strides]
            )
            alone = views.with_strides(from_host(np.array(spread, order="C")), strides) if span else _empty(spread)
            storage.whole[place_in] = alone
            return alone
        if storage.flat is None:
            storage.flat = from_host(np.array(storage.array))
        order = sorted(range(len(shape)), key=lambda d: (-strides[d], d))
        part = storage.flat.narrow(0, offset, span).view([shape[d] for d in order])
        made = part.permute([order.index(d) for d in range(len(shape))]) if order != sorted(order) else part
        storage.whole[place_in] = made = views.alias(made)
        return made  # type: ignore[no-any-return]  # a Tensor


def _empty(spread: Array) -> Tensor:
    return from_host(np.empty(spread.shape, spread.dtype))


def _integers(items: Any) -> tuple[int, ...]:
    found = tuple(items)
    if not all(type(n) is int and n >= 0 for n in found):
        raise pickle.UnpicklingError(f"load: sizes, strides and offsets are integers from 0 on, not {found}")
    return found


def parse_identity(identity: Any) -> tuple[StorageType, str, str, int, Any]:
    """The parts of a persistent id. UnpicklingError if it is none of PyTorch's."""
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] not in ("storage", b"storage"):
        raise pickle.UnpicklingError(f"load: {identity!r} is no storage")
    kind, key, location, numel = identity[1:5]
    view = identity[5] if len(identity) == 6 else None
    good = isinstance(kind, StorageType) and isinstance(location, str) and type(numel) is int and numel >= 0
    if not good or (view is not None and not (isinstance(view, tuple) and len(view) == 3)):
        raise pickle.UnpicklingError(f"load: {identity!r} does not describe a storage")
    return kind, key, location, numel, view


def parameter_class() -> type[Tensor]:
    """`kilnn.nn.Parameter`; files without parameters never load `kilnn.nn`."""
    from kilnn.nn.parameter import Parameter  # noqa: PLC0415

    return Parameter


def parameter(data: Any, requires_grad: bool, hooks: Any, state: Any = None) -> Any:
    """`torch._utils._rebuild_parameter` and `_with_state`."""
    if not isinstance(data, Tensor):
        raise pickle.UnpicklingError("load: a parameter is made of something that is no tensor")
    made = parameter_class()(data, requires_grad)
    return _attributed(made, state) if state else made


def _attributed(made: Tensor, state: Any) -> Tensor:
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise pickle.UnpicklingError("load: the attributes of a tensor are no dict of names")
    hidden = [name for name in state if hasattr(type(made), name)]
    if hidden:
        raise pickle.UnpicklingError(f"load: a tensor in the file has attributes that hide methods: {hidden}")
    vars(made).update(state)
    return made
