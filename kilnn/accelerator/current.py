"""Questions to the accelerator that programs run on."""

from __future__ import annotations

from typing import Any

from kilnn.base.device import Device, current_index, devices_of, set_current_index
from kilnn.base.hardware import accelerator, device_at, number_of, peak, reset_peak, statistics
from kilnn.engine import expect


def _type() -> str:
    found = accelerator()
    if found is None:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    return found.type


def is_available() -> bool:
    """Whether there is an accelerator.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.is_available.html
    """
    return accelerator() is not None


def current_accelerator(check_available: bool = False) -> Device | None:
    """The accelerator as a device without a number, or None.

    Args:
        check_available: accepted; what is reported is always available.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.current_accelerator.html
    """
    return accelerator()


def device_count() -> int:
    """The number of accelerators of this process.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.device_count.html
    """
    found = accelerator()
    return 0 if found is None else len(devices_of(found.type))


def current_device_index() -> int:
    """The number of the current accelerator: what its type without a number stands for.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.current_device_index.html
    """
    return current_index(_type())


def set_device_index(device: Any) -> None:
    """Make an accelerator the current one in this thread.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.set_device_index.html
    """
    type = _type()
    device_at(device, type)
    set_current_index(type, number_of(device, type))


class device_index:
    """`with kilnn.accelerator.device_index(0):` makes an accelerator the current one in the block.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.device_index.html
    """

    def __init__(self, device: int | None) -> None:
        self.idx = device
        self.before = 0

    def __enter__(self) -> None:
        if self.idx is not None:
            self.before = current_device_index()
            set_device_index(self.idx)

    def __exit__(self, *error: object) -> None:
        if self.idx is not None:
            set_current_index(_type(), self.before)


def synchronize(device: Any = None) -> None:
    """Run everything recorded by this thread and wait until the accelerator has finished.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.synchronize.html
    """
    device_at(device, _type())
    expect.synchronize()


def memory_allocated(device_index: Any = None) -> int:
    """Bytes in use.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.memory_allocated.html
    """
    return statistics(device_index, _type()).get("bytes_in_use", 0)


def max_memory_allocated(device_index: Any = None) -> int:
    """The most bytes in use since the start or since `reset_peak_memory_stats`; see `kilnn.cuda.max_memory_allocated`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.max_memory_allocated.html
    """
    return peak(device_index, _type())


def reset_peak_memory_stats(device_index: Any = None) -> None:
    """Start `max_memory_allocated` anew.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.reset_peak_memory_stats.html
    """
    reset_peak(device_index, _type())


def memory_stats(device_index: Any = None) -> dict[str, int]:
    """JAX's counters.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.memory_stats.html
    """
    return statistics(device_index, _type())


def get_memory_info(device_index: Any = None) -> tuple[int, int]:
    """(free, total) bytes of what the allocator may use.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.get_memory_info.html
    """
    counters = statistics(device_index, _type())
    total = counters.get("bytes_limit", 0)
    return total - counters.get("bytes_in_use", 0), total


def empty_cache() -> None:
    """Nothing to do: memory that JAX's allocator holds serves the next program.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.accelerator.empty_cache.html
    """
    _type()
