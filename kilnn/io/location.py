"""`map_location`: on which device the tensors of a file go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from kilnn.base.device import Device, as_device, jax_device
from kilnn.base.errors import message
from kilnn.tensor.tensor import Tensor

Location: TypeAlias = "Device | str | Mapping[str, str] | Callable[[Any, str], Any] | None"


class StoragePlace:
    """What a callable `map_location` is given for a storage: where it is, and PyTorch's ways to move it.

    Args:
        device: where it is.
    """

    def __init__(self, device: Device) -> None:
        self.device = device

    def cpu(self) -> StoragePlace:
        """The storage on the CPU."""
        return StoragePlace(Device("cpu"))

    def cuda(self, device: int | Device | None = None, non_blocking: bool = False) -> StoragePlace:
        """The storage on a GPU."""
        return StoragePlace(device if isinstance(device, Device) else Device("cuda", device or 0))

    def to(self, *, device: Device | str, non_blocking: bool = False) -> StoragePlace:
        """The storage on a device."""
        return StoragePlace(as_device(device))


def relocation(map_location: Location) -> Callable[[str], Device]:
    """A function from the name of the device a tensor was saved from to the device it goes to."""
    if map_location is None:
        return Device
    if isinstance(map_location, Mapping):
        return lambda saved: Device(map_location.get(saved, saved))
    if isinstance(map_location, str | Device):
        target = as_device(map_location)
        return lambda saved: target
    if callable(map_location):
        return lambda saved: _asked(map_location, saved)
    raise TypeError(
        "load: map_location is a device, its name, a dict of names or a function of (storage, name); received "
        f"{type(map_location).__name__}"
    )


def _asked(map_location: Callable[[Any, str], Any], saved: str) -> Device:
    """PyTorch reads every storage to the CPU, shows it to the function and takes what comes back; None leaves it to the
    saved name."""
    answer = map_location(StoragePlace(Device("cpu")), saved)
    if answer is None:
        return Device(saved)
    if isinstance(answer, StoragePlace):
        return answer.device
    raise RuntimeError(
        "load: the function given as map_location has to return the storage, moved or not, or None; received "
        f"{type(answer).__name__}"
    )


def place(tensor: Tensor, saved: str, relocate: Callable[[str], Device]) -> Tensor:
    """The tensor on the device it goes to. RuntimeError if this machine does not have it."""
    target = relocate(saved)
    if target == tensor.device:
        return tensor
    try:
        jax_device(target)
    except RuntimeError as error:
        raise RuntimeError(
            message(
                f"load: a tensor was saved from {saved!r} and goes to '{target}'", fix="load with map_location='cpu'"
            )
        ) from error
    moved: Tensor = tensor.to(target)
    return moved
