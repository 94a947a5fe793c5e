"""`save` and `load`: PyTorch's `.pt` files, without PyTorch and without running code; safetensors by their suffix."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

from kilnn.base.errors import message
from kilnn.io.archive import ZIP_START, read_container, write_archive
from kilnn.io.atomic import replacing
from kilnn.io.location import Location, relocation
from kilnn.io.pickle_reader import PickleReader
from kilnn.io.pickle_writer import PickleWriter
from kilnn.io.rebuild import Rebuilder, StoragePlan, parameter_class, parse_identity
from kilnn.io.safe_globals import finder
from kilnn.io.safetensors_format import load_safetensors, save_safetensors

SUFFIX = ".safetensors"
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def save(
    obj: Any, f: str | os.PathLike[str] | BinaryIO, pickle_module: Any = pickle, pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False,
) -> None:  # fmt: skip
    """Save tensors and the structure around them to a file that `torch.load(weights_only=True)` reads, too.

    A path gets the new file only when it is complete: a crash on the way leaves the old one. Tensors that share memory
    share it in the file.

    Args:
        obj: tensors and parameters in nested dicts, OrderedDicts, lists, tuples and sets, with str, bytes, int, float,
            complex, bool, None, dtypes and devices.
        f: a path, or a file opened for writing bytes. A path that ends in `.safetensors` gets that format
            (`kilnn.io.save_safetensors`).
        pickle_module, pickle_protocol: accepted as `pickle` and 2; the pickle inside is written by kilnn.
        _use_new_zipfile_serialization: the format before PyTorch 1.6 (False) can be read but not written.
        _disable_byteorder_record: accepted as False.

    Raises: TypeError naming the entry of another class, ValueError for a tuple that contains itself.

    Example:
        >>> import io, kilnn
        >>> file = io.BytesIO()
        >>> kilnn.save({"weight": kilnn.ones(2), 3: ("a", None)}, file)
        >>> _ = file.seek(0)
        >>> kilnn.load(file)[3]
        ('a', None)

    Differs from PyTorch: objects of other classes are refused here and not when the file is read.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.save.html
    """
    if pickle_module is not pickle or pickle_protocol != 2 or _disable_byteorder_record:
        raise NotImplementedError(
            "save: the pickle inside the file is written by kilnn, with protocol 2: pickle_module, pickle_protocol and "
            "_disable_byteorder_record cannot be changed"
        )
    if not _use_new_zipfile_serialization:
        raise NotImplementedError("save: the file format before PyTorch 1.6 can be read, but is not written")
    if isinstance(f, str | os.PathLike):
        name = os.fsdecode(os.fspath(f))
        if name.endswith(SUFFIX):
            save_safetensors(obj, f)
            return
        plan, pickled = _describe(obj)
        with replacing(f) as draft, open(draft, "wb") as file:
            write_archive(file, Path(name).stem or "archive", pickled, plan.arrays)
    elif hasattr(f, "write"):
        plan, pickled = _describe(obj)
        whole = io.BytesIO()  # not every file can be asked where it is
        write_archive(whole, "archive", pickled, plan.arrays)
        f.write(whole.getvalue())
    else:
        raise TypeError(f"save: expected a path or a file opened for writing bytes, but got {type(f).__name__}")


def _describe(obj: Any) -> tuple[StoragePlan, bytes]:
    plan = StoragePlan()
    parameters = parameter_class() if "kilnn.nn.parameter" in sys.modules else None
    return plan, PickleWriter(plan.place, parameters).dump(obj)


def load(
    f: str | os.PathLike[str] | BinaryIO, map_location: Location = None, pickle_module: Any = None, *,
    weights_only: bool | None = True, mmap: bool | None = None, **pickle_load_args: Any,
) -> Any:  # fmt: skip
    """Load a file of `save`, of `torch.save` (both its formats) or of safetensors.

    Nothing in a file is ever executed: it may hold tensors, containers and numbers, and classes that were allowed with
    `kilnn.serialization.add_safe_globals`.

    Args:
        f: a path, or a file opened for reading bytes.
        map_location: the device for all tensors, a dict from saved device to new one, or a function of (storage, name
            of its device) that returns the storage, moved or not; None puts each tensor on the device it was saved
            from.
        pickle_module: accepted as None or `pickle`; kilnn reads the pickle itself.
        weights_only: accepted; files are read as with True whatever it is.
        mmap: map a file instead of reading all of it; `f` has to be a path.
        pickle_load_args: `encoding="utf-8"` is accepted.

    Returns: the object that was saved.

    Raises: pickle.UnpicklingError for other classes and damaged pickles, RuntimeError for a damaged archive and
        when a tensor's device is not on this machine.

    Example:
        >>> import io, kilnn
        >>> file = io.BytesIO()
        >>> kilnn.save([kilnn.zeros(3), kilnn.float32], file)
        >>> _ = file.seek(0)
        >>> kilnn.load(file)[1]
        kilnn.float32

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.load.html
    """
    if pickle_module not in (None, pickle):
        raise RuntimeError("load: kilnn reads the pickle itself and does not take another pickle_module")
    if set(pickle_load_args) - {"encoding"} or pickle_load_args.get("encoding", "utf-8") != "utf-8":
        raise NotImplementedError(f"load: {', '.join(pickle_load_args)} cannot be given: kilnn reads the pickle itself")
    if not isinstance(f, str | os.PathLike):
        if not hasattr(f, "read"):
            raise TypeError(f"load: expected a path or a file opened for reading bytes, but got {type(f).__name__}")
        if mmap:
            raise ValueError("f must be a file filename in order to use the torch.load mmap argument")
    start = _first_bytes(f)
    if start == ZIP_START or start[:2] in _PICKLE_STARTS:
        pickled, storages, byteorder = read_container(f, bool(mmap))
        return _load_pickled(pickled, Rebuilder(storages, byteorder, relocation(map_location)))
    return load_safetensors(f, map_location)


def _first_bytes(f: Any) -> bytes:
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return file.read(4)
    if not (hasattr(f, "seek") and hasattr(f, "tell")):
        raise AttributeError(
            message(
                "load: the file can only be torch.load from a file that is seekable",
                fix="read it whole: kilnn.load(io.BytesIO(f.read()))",
            )
        )
    here = f.tell()
    start = bytes(f.read(4))
    f.seek(here)
    return start


def _load_pickled(pickled: bytes, rebuilder: Rebuilder) -> Any:
    """Twice: first only to see which storages are used and by how many tensors."""
    uses: Counter[Any] = Counter()
    sizes: dict[Any, int] = {}

    def note(identity: Any) -> Any:
        kind, key, _, _, view = parse_identity(identity)
        uses[key if view is None else (key, view[0])] += 1
        sizes[key] = 1 if kind.dtype is None else kind.dtype.itemsize

    functions = rebuilder.functions()
    PickleReader(finder(dict.fromkeys(functions, lambda *args: None), dry=True), note).load(pickled)
    rebuilder.prepare(sizes, {key for key, count in uses.items() if count > 1})
    return PickleReader(finder(functions), rebuilder.persistent).load(pickled)
