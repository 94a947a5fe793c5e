"""What JAX says of the machine's accelerators: how many, which, how much memory. JAX is asked at the first question."""

from __future__ import annotations

import re
from typing import Any

from kilnn.base.device import Device, as_device, current_index, devices_of

NOT_THERE = "kilnn found no CUDA device: install kilnn[cuda13] (or kilnn[cuda12]) on a machine with an NVIDIA GPU"


def number_of(device: Any, type: str = "cuda") -> int:
    """The number of an accelerator: from a number, a device of that type or its name, or None (the first)."""
    if device is None:
        return current_index(type)
    if isinstance(device, int) and not isinstance(device, bool):
        return device if device >= 0 else 0
    found = as_device(device)
    if found.type != type:
        raise ValueError(f"Expected a {type} device, but got: {found}")
    return current_index(type) if found.index is None else found.index


def device_at(device: Any, type: str = "cuda") -> Any:
    """JAX's device for an accelerator.

    Raises: AssertionError (PyTorch's type) where the machine has none of that type, RuntimeError for a number too high.
    """
    found = devices_of(type)
    if not found:
        raise AssertionError(NOT_THERE)
    number = number_of(device, type)
    if number >= len(found):
        raise RuntimeError(f"invalid device ordinal {number}: this machine has {len(found)} {type} device(s)")
    return found[number]


def accelerator() -> Device | None:
    """The kind of accelerator that programs run on, or None on a machine with CPUs alone."""
    return next((Device(type) for type in ("cuda", "tpu", "mps", "xpu") if devices_of(type)), None)


def version_of_cuda() -> str | None:
    """The CUDA version that JAX's plugin was built for, such as "12.8"; None without an NVIDIA GPU."""
    found = devices_of("cuda")
    number = re.search(r"cuda (\d+)", found[0].client.platform_version) if found else None
    return f"{int(number[1]) // 1000}.{int(number[1]) % 1000 // 10}" if number else None


_peaks: dict[int, int] = {}
"""Number of a device -> what its peak was at the last `reset_peak`."""


def statistics(device: Any, type: str = "cuda") -> dict[str, int]:
    """The allocator's counters, empty where it keeps none."""
    return dict(device_at(device, type).memory_stats() or {})


def reset_peak(device: Any, type: str = "cuda") -> None:
    """Peaks are reported from now on as the use of now, until the allocator sees a higher one."""
    _peaks[number_of(device, type)] = statistics(device, type).get("peak_bytes_in_use", 0)


def peak(device: Any, type: str = "cuda") -> int:
    """The most bytes in use since the start, or since `reset_peak`."""
    counters = statistics(device, type)
    highest: int = counters.get("peak_bytes_in_use", 0)
    before = _peaks.get(number_of(device, type), -1)
    return highest if highest > before else counters.get("bytes_in_use", 0)
