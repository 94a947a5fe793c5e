"""Which names a pickle may use: PyTorch's own for tensors, and the classes a user adds."""

from __future__ import annotations

import builtins
import pickle
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from kilnn.base import dtypes
from kilnn.base.device import Device
from kilnn.io.pickle_reader import ALLOWED_INSTANCES, LEFT_OUT, Named
from kilnn.io.pickle_writer import STORAGE_NAMES
from kilnn.tensor.size import Size

_added: dict[str, Any] = {}


class StorageType:
    """PyTorch's class of a storage, in a file: it says the dtype, or nothing (bytes)."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: dtypes.DType | None) -> None:
        self.dtype = dtype


_STORAGES = {name: StorageType(dtypes.by_name(dtype)) for dtype, name in STORAGE_NAMES.items()}
_DTYPES = {dtype.name: dtype for dtype in (*dtypes.DTYPES, *dtypes.WIDE_UNSIGNED, *dtypes.FLOAT8)}


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1" or not isinstance(text, str):
        raise pickle.UnpicklingError("load: the pickle encodes something that is not bytes written as latin1")
    return text.encode("latin1")


def _bytearray(*args: Any) -> bytearray:
    if not all(isinstance(x, bytes) for x in args):  # a number would ask for that much memory
        raise pickle.UnpicklingError("load: the pickle makes a bytearray of something that is not bytes")
    return bytearray(*args)


def _device(*args: Any) -> Device:
    try:
        return Device(*args)
    except RuntimeError as error:
        raise pickle.UnpicklingError(f"load: the file names a device that kilnn does not know: {error}") from None


_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.bytearray": _bytearray,
    "builtins.complex": complex,
    "_codecs.encode": _encode,
    "torch.Size": Size,
    "torch.device": _device,
}


def finder(own: dict[str, Callable[..., Any]], dry: bool = False) -> Callable[[str, str], Any]:
    """What names stand for: `own` are the functions that rebuild tensors. Others raise UnpicklingError.

    dry: what the user has allowed is not called, and what it would make is left out.
    """

    def find(module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full in _added:
            found = _added[full]
            if dry:
                return Named(full, lambda *args, **kwargs: LEFT_OUT)
            return Named(full, found, found if isinstance(found, type) else None)
        if full in own:
            return Named(full, own[full])
        if full in _CALLS:
            return Named(full, _CALLS[full])
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if module in ("torch", "torch.cuda") and name in _STORAGES:
            return _STORAGES[name]
        if full in ("torch.storage.UntypedStorage", "torch.UntypedStorage"):
            return StorageType(None)
        if full in ("torch.Tensor", "torch.nn.parameter.Parameter"):
            return full
        raise pickle.UnpicklingError(
            f"Weights only load failed: the file wants {full}, which is no tensor, container or number. kilnn reads "
            "data and runs no code from files, whatever weights_only says. Fix: save a state_dict() or plain "
            "data; or, if you trust the class, allow it with kilnn.serialization.add_safe_globals([...])"
        )

    return find


def _named(items: Iterable[Any]) -> dict[str, Any]:
    found = {}
    for item in items:
        thing, name = item if isinstance(item, tuple) else (item, None)
        full = name or f"{thing.__module__}.{thing.__qualname__}"
        if getattr(thing, "__module__", None) == builtins.__name__ and not isinstance(thing, type):
            raise ValueError(f"add_safe_globals: {full} is a function that runs code, and is never allowed in a file")
        found[full] = thing
    return found


def _replace(items: dict[str, Any]) -> None:
    _added.clear()
    _added.update(items)
    ALLOWED_INSTANCES.clear()
    ALLOWED_INSTANCES.update(thing for thing in items.values() if isinstance(thing, type))


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Allow classes and functions in the files that `load` reads.

    Args:
        safe_globals: classes or functions, or pairs of one and its full name in the file.

    Example:
        >>> import argparse, kilnn
        >>> kilnn.serialization.add_safe_globals([argparse.Namespace])
        >>> kilnn.serialization.get_safe_globals()
        [<class 'argparse.Namespace'>]
        >>> kilnn.serialization.clear_safe_globals()

    Source: https://docs.pytorch.org/docs/2.13/notes/serialization.html#torch.serialization.add_safe_globals
    """
    _replace(_added | _named(safe_globals))


def get_safe_globals() -> list[Any]:
    """The classes and functions that were allowed.

    Example:
        >>> import kilnn
        >>> kilnn.serialization.get_safe_globals()
        []

    Source: https://docs.pytorch.org/docs/2.13/notes/serialization.html#torch.serialization.get_safe_globals
    """
    return list(_added.values())


def clear_safe_globals() -> None:
    """Allow none but PyTorch's own names again.

    Example:
        >>> import kilnn
        >>> kilnn.serialization.clear_safe_globals()

    Source: https://docs.pytorch.org/docs/2.13/notes/serialization.html#torch.serialization.clear_safe_globals
    """
    _replace({})


class safe_globals:
    """Allow classes and functions inside a `with` block.

    Args:
        safe_globals: as in `add_safe_globals`.

    Example:
        >>> import argparse, kilnn
        >>> with kilnn.serialization.safe_globals([argparse.Namespace]):
        ...     len(kilnn.serialization.get_safe_globals())
        1

    Source: https://docs.pytorch.org/docs/2.13/notes/serialization.html#torch.serialization.safe_globals
    """

    def __init__(self, safe_globals: list[Any]) -> None:
        self._wanted = _named(safe_globals)

    def __enter__(self) -> None:
        self._before = dict(_added)
        _replace(_added | self._wanted)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _replace(self._before)
