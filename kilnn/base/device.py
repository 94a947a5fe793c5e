"""Devices: PyTorch's names for where a tensor lives, the default one, and the way to JAX's devices."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec, TypeVar

if TYPE_CHECKING:
    import jax

P = ParamSpec("P")
R = TypeVar("R")

# PyTorch's word -> the platform names JAX may use for it.
PLATFORMS: Final[dict[str, tuple[str, ...]]] = {
    "cpu": ("cpu",),
    "cuda": ("cuda", "rocm"),
    "tpu": ("tpu",),
    "mps": ("METAL",),
    "xpu": ("xpu",),
    "meta": (),
}
_EXTRAS: Final = {"cuda": "pip install 'kilnn[cuda13]' (or kilnn[cuda12])", "tpu": "pip install 'jax[tpu]'"}
_INDEX = re.compile(r"0|[1-9][0-9]*")


class Device:
    """Where a tensor lives: a type and, for one of several, an index.

    Works as a context manager and as a decorator that makes it the default device. Exposed as `kilnn.device`.

    Args:
        type: "cpu", "cuda", "tpu", "mps", "xpu" or "meta", or with an index "cuda:1"; or a device, which is copied.
        index: the number of the device; leave it out for the current one.

    Raises: RuntimeError for an unknown type or a malformed index, TypeError for other objects.

    Example:
        >>> import kilnn
        >>> kilnn.device("cuda:1"), str(kilnn.device("cuda", 1)), kilnn.device("cpu") == kilnn.device("cpu", 0)
        (device(type='cuda', index=1), 'cuda:1', False)

    Source: https://docs.pytorch.org/docs/2.13/tensor_attributes.html#torch-device
    """

    __slots__ = ("_hash", "index", "type")

    _hash: int
    type: str
    index: int | None

    def __init__(self, type: str | Device, index: int | None = None) -> None:
        if isinstance(type, Device) and index is None:
            word, number = type.type, type.index
        elif isinstance(type, str):
            word, number = _parse(type, index)
        else:
            names = ", ".join(x.__class__.__name__ for x in (type, index) if x is not None) or "NoneType"
            raise TypeError(
                f"device() received an invalid combination of arguments - got ({names}), "
                "but expected (kilnn.device device) or (str type, int index = -1)"
            )
        object.__setattr__(self, "type", word)
        object.__setattr__(self, "index", number)
        object.__setattr__(self, "_hash", hash((word, number)))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"attribute '{name}' of 'kilnn.device' objects is not writable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"attribute '{name}' of 'kilnn.device' objects cannot be deleted")

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Device) and other.type == self.type and other.index == self.index)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple[object, tuple[str, int | None]]:
        return Device, (self.type, self.index)

    def __enter__(self) -> Device:
        _state.stack.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _state.stack.pop()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return wrapper


def _parse(text: str, index: object) -> tuple[str, int | None]:
    if not text:
        raise RuntimeError("Device string must not be empty")
    word, colon, digits = text.partition(":")
    if word not in PLATFORMS:
        raise RuntimeError(f"Expected one of {', '.join(PLATFORMS)} device type at start of device string: {text}")
    if index is None:
        if not colon:
            return word, None
        if not _INDEX.fullmatch(digits):
            raise RuntimeError(f"Invalid device string: '{text}'")
        return word, int(digits)
    if colon:
        raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {text}")
    if isinstance(index, bool) or not isinstance(index, int):
        raise TypeError(f"device(): argument 'index' (position 2) must be int, not {index.__class__.__name__}")
    if index < 0:
        raise RuntimeError("Device index must not be negative")
    return word, index


class _Default(threading.local):
    """Per thread: the devices of the open `with` blocks, above the one set by `set_default_device`."""

    def __init__(self) -> None:
        self.base = Device("cpu")
        self.stack: list[Device] = []
        self.current: dict[str, int] = {}  # type of device -> the number that its name alone stands for


_state = _Default()


def as_device(device: Device | str | None) -> Device:
    """A device from what the user wrote; `None` is the default device."""
    if device is None:
        return get_default_device()
    return device if isinstance(device, Device) else Device(device)


def placed(device: Device) -> Device:
    """What a tensor made on this device reports, as in PyTorch: `cuda` becomes the current `cuda:0`, `cpu:0` `cpu`."""
    if device.type in ("cpu", "meta"):
        return Device(device.type) if device.index == 0 else device
    return Device(device.type, current_index(device.type)) if device.index is None else device


def current_index(type: str) -> int:
    """The number that a device's type alone stands for in this thread."""
    return _state.current.get(type, 0)


def set_current_index(type: str, number: int) -> None:
    """Choose that number."""
    _state.current[type] = number


def get_default_device() -> Device:
    """The device on which this thread makes new tensors.

    Example:
        >>> import kilnn
        >>> kilnn.get_default_device()
        device(type='cpu')

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.get_default_device.html
    """
    return _state.stack[-1] if _state.stack else _state.base


def set_default_device(device: Device | str | None) -> None:
    """Choose the device on which this thread makes new tensors.

    Args:
        device: a device or its name; `None` goes back to the CPU.

    Raises: RuntimeError for an unknown device type.

    Example:
        >>> import kilnn
        >>> kilnn.set_default_device("cpu")

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.set_default_device.html
    """
    _state.base = Device("cpu") if device is None else as_device(device)


_jax_devices: dict[Device, jax.Device] = {}


def jax_device(device: Device) -> jax.Device:
    """JAX's device for this one; imports JAX at the first call. RuntimeError if this machine has no such device."""
    found = _jax_devices.get(device)
    if found is None:
        found = _jax_devices[device] = _find(device)
    return found


def devices_of(type: str) -> tuple[Any, ...]:
    """JAX's devices of one of PyTorch's device types, none if there are none."""
    import jax  # noqa: PLC0415  # importing kilnn.base must stay fast

    found = _of_type.get(type)
    if found is None:
        found = ()
        for platform in PLATFORMS[type]:
            try:
                found = tuple(jax.local_devices(backend=platform))
                break
            except RuntimeError:
                continue
        if found:
            _of_type[type] = found
    return found


_of_type: dict[str, tuple[Any, ...]] = {}


def _find(device: Device) -> jax.Device:
    if device.type == "meta":
        raise RuntimeError("device 'meta' holds shapes and dtypes only: there is nothing to compute with on it.")
    import jax  # noqa: PLC0415  # importing kilnn.base must stay fast

    found = devices_of(device.type)
    if (device.index or 0) < len(found):
        return found[device.index or 0]
    if found:
        raise RuntimeError(
            f"device '{device}' is not on this machine: the last '{device.type}' device is number {len(found) - 1}."
        )
    fix = _EXTRAS.get(device.type)
    raise RuntimeError(
        f"device '{device}' is not available: JAX found only {', '.join(sorted({d.platform for d in jax.devices()}))}."
        + (f" Fix: {fix}." if fix else "")
    )
