"""One safetensors file that holds the tensors, and in its header the structure around them.

Loading reads JSON and raw numbers and never executes anything, so a file from a stranger is safe to open. Other
programs that read safetensors see the tensors under their paths ("model.fc1.weight").
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TypeAlias

import ml_dtypes
import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors import numpy as safetensors_numpy

from kilnn.base.device import Device
from kilnn.io.atomic import replacing
from kilnn.io.location import Location, place, relocation
from kilnn.io.structure import Encoder, decode
from kilnn.tensor.create import array_of_tensor, from_host
from kilnn.tensor.tensor import Tensor

Array: TypeAlias = NDArray[Any]

FORMAT_VERSION = 1
_KEY = "kilnn"  # in the header's metadata
_RESERVED = "__metadata__"
_TYPES: Mapping[str, Any] = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16, "C64": np.complex64,
    "I64": np.int64, "I32": np.int32, "I16": np.int16, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip


def save_safetensors(obj: Any, f: str | os.PathLike[str] | BinaryIO) -> None:
    """Save tensors and the structure around them to a file.

    A path gets the new file only when it is complete: a crash on the way leaves the old one.

    Args:
        obj: tensors in nested dicts, OrderedDicts, lists and tuples, with str, int, float, complex, bool, None, dtypes
            and devices. Keys and tuples come back as they are; a tensor that occurs twice is one tensor again; a
            `Parameter` comes back as a tensor with `requires_grad`.
        f: a path, or a file opened for writing bytes.

    Raises: TypeError naming the entry of another class, ValueError for a container that contains itself.

    Differs from `save`: tensors that share memory are separate after loading.

    Example:
        >>> import io, kilnn
        >>> file = io.BytesIO()
        >>> kilnn.io.save_safetensors({"weight": kilnn.ones(2), 3: ("a", None)}, file)
        >>> _ = file.seek(0)
        >>> kilnn.io.load_safetensors(file)[3]
        ('a', None)

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.save.html
    """
    encoder = Encoder()
    root = encoder.encode(obj)
    arrays, table = _lay_out(encoder)
    description = json.dumps({"version": FORMAT_VERSION, "root": root, "tensors": table}, allow_nan=False)
    metadata = {_KEY: description}
    if isinstance(f, str | os.PathLike):
        with replacing(f) as draft:
            safetensors_numpy.save_file(arrays, draft, metadata)
    elif hasattr(f, "write"):
        f.write(safetensors_numpy.save(arrays, metadata))
    else:
        raise TypeError(f"save: expected a path or a file opened for writing bytes, but got {type(f).__name__}")


def _lay_out(encoder: Encoder) -> tuple[dict[str, Array], list[dict[str, Any]]]:
    """The arrays by their names in the file, and for each tensor what the file's types do not say."""
    arrays: dict[str, Array] = {}
    seen: dict[tuple[Any, ...], str] = {}
    held = []  # an address means one array only as long as that array lives
    table: list[dict[str, Any]] = []
    for tensor, wish in zip(encoder.tensors, encoder.names, strict=True):
        array = np.asarray(array_of_tensor(tensor))
        held.append(array)
        memory = (array.__array_interface__["data"][0], array.dtype, array.shape, array.strides)
        name = seen.get(memory) if array.size else None
        if name is None:
            name = seen[memory] = _free_name(wish, arrays)
            arrays[name] = _storable(array)
        entry: dict[str, Any] = {"data": name}
        if array.dtype == np.complex128:
            entry["complex128"] = True
        if tensor.requires_grad:
            entry["requires_grad"] = True
        if tensor.device.type != "cpu":
            entry["device"] = str(tensor.device)
        table.append(entry)
    return arrays, table


def _free_name(wish: str, taken: Mapping[str, Any]) -> str:
    name, number = wish, 1
    while name in taken or name == _RESERVED:
        name, number = f"{wish}~{number}", number + 1
    return name


def _storable(array: Array) -> Array:
    """Row-major, and complex128 as pairs of float64: safetensors has no type for it."""
    array = np.asarray(array, order="C")
    if array.dtype == np.complex128:
        return array.reshape(*array.shape, 1).view(np.float64)
    return array


def load_safetensors(f: str | os.PathLike[str] | BinaryIO, map_location: Location = None) -> Any:
    """Load what `save_safetensors` wrote, or the tensors of any other safetensors file as a dict.

    Args:
        f: a path, or a file opened for reading bytes.
        map_location: the device for all tensors, or a dict from saved device to new one, or a function as in
            `load`; None puts each tensor on the device it was saved from.

    Returns: the object that was saved.

    Raises: ValueError for a file that is no safetensors file or whose description is damaged, RuntimeError when a
        tensor's device is not on this machine.

    Example:
        >>> import io, kilnn
        >>> file = io.BytesIO()
        >>> kilnn.io.save_safetensors([kilnn.zeros(3), kilnn.float32], file)
        >>> _ = file.seek(0)
        >>> kilnn.io.load_safetensors(file)[1]
        kilnn.float32

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.load.html
    """
    relocate = relocation(map_location)
    arrays, metadata = _read(f)
    if _KEY not in metadata:
        return {name: place(from_host(array), "cpu", relocate) for name, array in arrays.items()}
    try:
        description = json.loads(metadata[_KEY])
        version, root, table = (description[part] for part in ("version", "root", "tensors"))
        if version != FORMAT_VERSION:
            raise ValueError(f"it has format version {version}, and this kilnn reads version {FORMAT_VERSION}")
        made: dict[int, Tensor] = {}

        def tensor(place: int) -> Tensor:
            if place not in made:
                made[place] = _make_tensor(table[place], arrays, relocate)
            return made[place]

        return decode(root, tensor)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"load: the description inside the file cannot be read: {error}") from error


def _make_tensor(entry: Mapping[str, Any], arrays: Mapping[str, Array], relocate: Callable[[str], Device]) -> Tensor:
    array = arrays[entry["data"]]
    array = array.view(np.complex128)[..., 0] if entry.get("complex128") else array
    # Entries may share data (tied weights), but tensors may be written to: each has its own.
    tensor = place(from_host(np.array(array, order="C")), entry.get("device", "cpu"), relocate)
    return tensor.requires_grad_() if entry.get("requires_grad") else tensor


def _read(f: Any) -> tuple[dict[str, Array], dict[str, str]]:
    try:
        if isinstance(f, str | os.PathLike):
            with safetensors.safe_open(os.fspath(f), "np") as opened:
                return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata() or {}
        if not hasattr(f, "read"):
            raise TypeError(f"load: expected a path or a file opened for reading bytes, but got {type(f).__name__}")
        content = f.read()
        entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]  # its stub lacks the annotation
        return {name: _as_array(spec) for name, spec in entries}, _metadata_of(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"load: this is no safetensors file: {error}") from error


def _as_array(spec: Mapping[str, Any]) -> Array:
    if spec["dtype"] not in _TYPES:
        raise ValueError(f"load: the file holds a tensor of type {spec['dtype']}, which kilnn does not have")
    return np.frombuffer(spec["data"], _TYPES[spec["dtype"]]).reshape(spec["shape"])


def _metadata_of(content: bytes) -> dict[str, str]:
    """The header is JSON after eight bytes that tell its length; `deserialize` has checked it, but keeps this part."""
    length = int.from_bytes(content[:8], "little")
    return dict(json.loads(content[8 : 8 + length]).get(_RESERVED) or {})
