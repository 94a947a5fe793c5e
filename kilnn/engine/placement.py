"""Where programs run and arrays lie: the engine's names of devices ("cpu", "cuda:0") and JAX's devices."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from kilnn.base.device import Device, jax_device

MOVING = "between devices"
"""What `Entry.device` says of operations that no program holds, because their result lies on another device."""

_places: dict[str, Any] = {}
several_devices: list[bool] = []
"""Not empty once a device was used that is not the one where JAX puts arrays unasked."""

ARRAYS: set[type[Any]] = {np.ndarray}
"""Exact classes of computed data that are no JAX tracers, as far as they were met."""


def place(name: str) -> Any:
    """JAX's device of that name; None for the one where JAX puts arrays and runs programs unasked."""
    try:
        return _places[name]
    except KeyError:
        device = jax_device(Device(name))
        usual = jax.config.jax_default_device or jax.local_devices()[0]  # type: ignore[attr-defined]  # JAX makes the names
        _places[name] = None if device == usual else device
        if device != usual:
            several_devices.append(True)
        return _places[name]


class _Elsewhere:
    """64-bit types, and a device that is not JAX's usual one."""

    def __init__(self, device: Any) -> None:
        self.parts = (jax.enable_x64(True), jax.default_device(device))

    def __enter__(self) -> None:
        for part in self.parts:
            part.__enter__()

    def __exit__(self, *error: Any) -> None:
        for part in reversed(self.parts):
            part.__exit__(*error)


def running_on(name: str) -> AbstractContextManager[Any]:
    """Within it JAX computes on this device, with 64-bit types."""
    device = place(name)
    return jax.enable_x64(True) if device is None else _Elsewhere(device)


def x64_switch() -> tuple[Any, Any]:
    """Two functions in C that do what `with jax.enable_x64(True)` does: one sets the thread's own setting and returns
    the one before, the other sets that again. (None, None) where JAX has them no more, or has more to do."""
    state = jax.enable_x64
    if getattr(state, "_update_thread_local_hook", state) is not None:
        return None, None
    found = getattr(state, "swap_local", None), getattr(state, "set_local", None)
    return found if None not in found else (None, None)


def to_device(array: Any, name: str) -> Any:
    """The array on a device, as a jax.Array."""
    with running_on(name):
        made = jax.device_put(array, place(name))
    ARRAYS.add(made.__class__)
    return made


def name_of(array: Any) -> str:
    """The engine's name of the device on which a jax.Array lies."""
    if isinstance(array, Tracer) or len(array.devices()) > 1:
        return "cpu"
    (device,) = array.devices()
    for name, known in list(_places.items()):
        if known == device:
            return name
    if device.platform == "cpu":
        return "cpu"
    return f"{_WORDS.get(device.platform, device.platform)}:{device.local_hardware_id or 0}"


_WORDS = {"gpu": "cuda", "rocm": "cuda"}


def gathered(arrays: list[Any], name: str) -> list[Any]:
    """The arrays, all on one device: a number on the CPU may stand beside tensors on another."""
    if not several_devices:
        return arrays
    device = place(name) or jax.config.jax_default_device or jax.local_devices()[0]  # type: ignore[attr-defined]  # see above
    return [
        a if not isinstance(a, jax.Array) or isinstance(a, Tracer) or a.devices() == {device} else to_device(a, name)
        for a in arrays
    ]
