"""The two containers of PyTorch's files, as a pickle and the bytes of its storages.

Since version 1.6 a file is a zip archive, not compressed: `NAME/data.pkl`, `NAME/data/0`, `NAME/data/1`, ... Before, it
was a row of pickles (a magic number, a version, facts about the machine, the object, the keys of its storages) and then
each storage as its number of elements and its elements.
"""

from __future__ import annotations

import io
import mmap as _mmap
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from kilnn.io.pickle_reader import PickleReader, end_of_pickle

ZIP_START = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_ALIGNMENT = 64
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_FOREIGN = "load: this is neither a file of torch.save nor of safetensors"
_BROKEN = "PytorchStreamReader failed reading zip archive"

Bytes = NDArray[np.uint8]
Storages = Callable[[str, int], Bytes]
"""(key, number of bytes) -> the bytes of a storage."""


def write_archive(file: BinaryIO, name: str, pickled: bytes, storages: Mapping[str, NDArray[Any]]) -> None:
    """Write a zip archive as PyTorch does: storages begin at multiples of 64 bytes, so that they can be mapped."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        _add(archive, f"{name}/data.pkl", pickled)
        _add(archive, f"{name}/.format_version", b"1")
        _add(archive, f"{name}/.storage_alignment", str(_ALIGNMENT).encode())
        _add(archive, f"{name}/byteorder", b"little")
        for key, array in storages.items():
            _add(archive, f"{name}/data/{key}", _little(array).reshape(-1).view(np.uint8).data)
        _add(archive, f"{name}/version", b"3\n")


def _little(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))


def _add(archive: zipfile.ZipFile, name: str, data: Any) -> None:
    info = zipfile.ZipInfo(name)
    large = len(data) >= zipfile.ZIP64_LIMIT
    assert archive.fp is not None
    start = archive.fp.tell() + _LOCAL_HEADER.size + len(name.encode()) + 4 + (20 if large else 0)
    padding = -start % _ALIGNMENT
    info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    with archive.open(info, "w", force_zip64=large) as entry:
        entry.write(data)


def read_container(f: Any, mmap: bool) -> tuple[bytes, Storages, str]:
    """The pickle of a file, a function that reads its storages, and the byte order of those.

    RuntimeError for a damaged archive, UnpicklingError for a damaged file of the old format.
    """
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            start = file.read(4)
            if start == ZIP_START:
                return _read_zip(file, os.fspath(f) if mmap else None)
            if mmap:
                raise RuntimeError(
                    "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True), "
                    "please torch.save your checkpoint with this option in order to use mmap."
                )
            file.seek(0)
            return _read_old(file.read())
    content = f.read()
    return _read_zip(io.BytesIO(content), None) if content[:4] == ZIP_START else _read_old(content)


def _read_zip(file: BinaryIO, path: str | bytes | None) -> tuple[bytes, Storages, str]:
    try:
        archive = zipfile.ZipFile(file)
        entries = {info.filename: info for info in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, struct.error, UnicodeDecodeError) as error:
        raise RuntimeError(f"{_BROKEN}: failed finding central directory ({error})") from error
    found = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(found) != 1:
        raise RuntimeError(f"{_BROKEN}: file not found: data.pkl. It is no file of torch.save")
    root = found[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in entries:
        raise RuntimeError(
            "load: this is a TorchScript archive, which holds compiled code and no state_dict: save model.state_dict()"
        )
    order = _content(archive, entries[f"{root}byteorder"]).decode() if f"{root}byteorder" in entries else "little"
    mapped = None if path is None else _map(file)

    # The archive's entries are read now or never: the file is closed when this function returns.
    whole = {} if mapped is not None else _all_data(archive, entries, f"{root}data/")

    def storage(key: str, nbytes: int) -> Bytes:
        info = entries.get(f"{root}data/{key}")
        if info is None or info.file_size != nbytes:
            raise RuntimeError(f"{_BROKEN}: storage {key!r} is {'missing' if info is None else 'of another size'}")
        if mapped is not None:
            return _mapped_entry(mapped, info)
        return whole[info.filename]

    return _content(archive, entries[found[0]]), storage, order


def _all_data(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], prefix: str) -> dict[str, Bytes]:
    return {
        name: np.frombuffer(_content(archive, info), np.uint8)
        for name, info in entries.items()
        if name.startswith(prefix)
    }


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type != zipfile.ZIP_STORED:
        raise RuntimeError(f"{_BROKEN}: {info.filename} is compressed, which files of torch.save never are")
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error) as error:
        raise RuntimeError(f"{_BROKEN}: {info.filename} cannot be read ({error})") from error


def _map(file: BinaryIO) -> Bytes:
    return np.frombuffer(_mmap.mmap(file.fileno(), 0, access=_mmap.ACCESS_READ), np.uint8)


def _mapped_entry(mapped: Bytes, info: zipfile.ZipInfo) -> Bytes:
    start = info.header_offset
    header = _LOCAL_HEADER.unpack(mapped[start : start + _LOCAL_HEADER.size].tobytes())
    begin = start + _LOCAL_HEADER.size + header[-2] + header[-1]
    if info.compress_type != zipfile.ZIP_STORED or begin + info.file_size > mapped.size:
        raise RuntimeError(f"{_BROKEN}: {info.filename} cannot be mapped")
    return mapped[begin : begin + info.file_size]


def _no_name(module: str, name: str) -> Any:
    raise pickle.UnpicklingError(f"load: {module}.{name} does not belong into the head of a file")


def _read_old(content: bytes) -> tuple[bytes, Storages, str]:
    try:
        places = [0]
        for _ in range(5):
            places.append(end_of_pickle(content, places[-1]))
        magic, protocol, machine, keys = (
            PickleReader(_no_name, _no_persistent).load(content[places[k] : places[k + 1]]) for k in (0, 1, 2, 4)
        )
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(f"{_FOREIGN}: {error}") from None
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise pickle.UnpicklingError(_FOREIGN)
    if not isinstance(keys, list):
        raise pickle.UnpicklingError("load: the list of storages is damaged")
    order = "little" if not isinstance(machine, dict) or machine.get("little_endian", True) else "big"
    return content[places[3] : places[4]], OldStorages(content, places[5], keys, order), order


def _no_persistent(identity: Any) -> Any:
    raise pickle.UnpicklingError("load: the head of the file refers to storages")


class OldStorages:
    """Storages behind the pickles, one after the other, each with its number of elements; how many bytes those have
    says the object that uses it."""

    def __init__(self, content: bytes, start: int, keys: list[Any], order: str) -> None:
        self.content = content
        self.start = start
        self.keys = keys
        self.order = order
        self.item_sizes: dict[Any, int] = {}

    def __call__(self, key: str, nbytes: int) -> Bytes:
        place = self.start
        for other in self.keys:
            count = int.from_bytes(self.content[place : place + 8], self.order, signed=True)  # type: ignore[arg-type]  # "little" or "big"
            length = count * self.item_sizes.get(other, 1)
            if other == key:
                if length != nbytes or place + 8 + length > len(self.content):
                    raise RuntimeError(f"load: the file ends too early or is damaged: storage {key!r}")
                return np.frombuffer(self.content, np.uint8, nbytes, place + 8)
            place += 8 + length
        raise RuntimeError(f"load: storage {key!r} is missing")
