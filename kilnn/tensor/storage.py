"""Storages: the elements of a tensor and its views, in one dimension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.device import Device
from kilnn.base.dtypes import DType
from kilnn.engine.handle import alias_handle, new_handle
from kilnn.engine.host import value_from
from kilnn.tensor.convert import observed

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def whole_of(x: Tensor) -> Tensor:
    """All elements of the storage that a tensor reads, in one dimension, outside any gradient graph."""
    return alias_handle(x._storage, None).view(-1)  # type: ignore[no-any-return]  # a Tensor


class UntypedStorage:
    """The bytes of a tensor and of all its views.

    Made by `x.untyped_storage()`. Reading elements reads the tensor's values; writing to them writes into the tensor.

    Source: https://docs.pytorch.org/docs/2.13/storage.html
    """

    def __init__(self, source: Any = 0) -> None:
        self._root: Any = source._root if isinstance(source, UntypedStorage) else source
        if isinstance(source, int):
            self._root = new_handle(value_from(np.zeros(source, np.uint8)))

    def _bytes(self) -> np.ndarray[Any, Any]:
        return np.ascontiguousarray(observed(self._root)).reshape(-1).view(np.uint8)

    def tensor(self, dtype: DType) -> Tensor:
        """The storage as a vector of a dtype: it must be that of the tensor, whose bits are not read as another's."""
        whole: Tensor = whole_of(self._root)
        if whole.dtype is dtype:
            return whole
        made: Tensor = new_handle(value_from(self._bytes().view(dtype.np).copy()))
        return made

    def data_ptr(self) -> int:
        """A number equal for tensors that share the storage; not an address."""
        return id(self._root._storage)

    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self._root.nbytes)

    def size(self) -> int:
        """Bytes of all elements."""
        return self.nbytes()

    __len__ = size

    def element_size(self) -> int:
        """1: it is counted in bytes."""
        return 1

    @property
    def device(self) -> Device:
        """Where the tensor lives."""
        return self._root.device  # type: ignore[no-any-return]  # a Device

    is_cuda = property(lambda self: self._root.is_cuda, doc="Whether the tensor is on a GPU.")

    def __getitem__(self, index: Any) -> Any:
        found = self._bytes()[index]
        return UntypedStorage(new_handle(value_from(found.copy()))) if isinstance(index, slice) else int(found)

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def tolist(self) -> list[int]:
        """The bytes as numbers."""
        return self._bytes().tolist()  # type: ignore[no-any-return]  # a list

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other.data_ptr() == self.data_ptr()

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __repr__(self) -> str:
        rows = "\n".join(f" {n}" for n in self.tolist())
        return f"{rows}\n[kilnn.storage.UntypedStorage(device={self.device}) of size {len(self)}]"


class TypedStorage:
    """The elements of a tensor and of all its views, in one dimension.

    Made by `x.storage()`. Reading elements reads the tensor's values; writing to them writes into the tensor.

    Source: https://docs.pytorch.org/docs/2.13/storage.html
    """

    def __init__(self, source: Any = 0, *, dtype: DType | None = None) -> None:
        if isinstance(source, int | list | tuple):
            kind = dtype or dtypes.get_default_dtype()
            array = np.zeros(source, kind.np) if isinstance(source, int) else np.asarray(source).astype(kind.np)
            source = new_handle(value_from(array))
        self._root: Any = source

    def untyped(self) -> UntypedStorage:
        """The same storage, counted in bytes."""
        return UntypedStorage(self._root)

    def tensor(self, dtype: DType) -> Tensor:
        """The storage as a vector."""
        if dtype is not self.dtype:
            raise TypeError(f"expected a storage of {dtype}, but got one of {self.dtype}")
        return whole_of(self._root)

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._root.dtype  # type: ignore[no-any-return]  # a DType

    @property
    def device(self) -> Device:
        """Where the tensor lives."""
        return self._root.device  # type: ignore[no-any-return]  # a Device

    is_cuda = property(lambda self: self._root.is_cuda, doc="Whether the tensor is on a GPU.")

    def data_ptr(self) -> int:
        """A number equal for tensors that share the storage; not an address."""
        return id(self._root._storage)

    def size(self) -> int:
        """Number of elements."""
        return int(self._root.numel())

    __len__ = size

    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self._root.nbytes)

    def element_size(self) -> int:
        """Bytes of one element."""
        return int(self._root.itemsize)

    def __getitem__(self, index: Any) -> Any:
        found = whole_of(self._root)[index]
        return TypedStorage(found.clone()) if isinstance(index, slice) else found.item()

    def __setitem__(self, index: Any, value: Any) -> None:
        whole_of(self._root)[index] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return whole_of(self._root).tolist()  # type: ignore[no-any-return]  # a list

    def fill_(self, value: Any) -> TypedStorage:
        """One value in place of all elements."""
        whole_of(self._root).fill_(value)
        return self

    def copy_(self, source: TypedStorage, non_blocking: bool = False) -> TypedStorage:
        """The elements of another storage of this size in place of its own."""
        whole_of(self._root).copy_(whole_of(source._root))
        return self

    def clone(self) -> TypedStorage:
        """A storage of its own with these elements."""
        return TypedStorage(whole_of(self._root).clone())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedStorage) and other.data_ptr() == self.data_ptr()

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __repr__(self) -> str:
        rows = "\n".join(f" {n}" for n in self.tolist())
        return f"{rows}\n[kilnn.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"
