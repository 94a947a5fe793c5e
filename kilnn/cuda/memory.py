"""Memory of a GPU, by JAX's allocator: it reserves most of it at the start and hands out parts."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from kilnn.base.device import devices_of
from kilnn.base.hardware import peak, reset_peak, statistics


class OutOfMemoryError(RuntimeError):
    """A GPU has no memory left.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.OutOfMemoryError.html
    """


def _counter(device: Any, name: str) -> int:
    return statistics(device).get(name, 0) if devices_of("cuda") else 0


def memory_allocated(device: Any = None) -> int:
    """Bytes in use; 0 on a machine without GPUs.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.memory_allocated.html
    """
    return _counter(device, "bytes_in_use")


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes in use since the start or since `reset_peak_memory_stats`.

    Differs from PyTorch: JAX's allocator does not reset its peak. After a reset the use of now is reported until a
    higher peak than the old one is reached.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.max_memory_allocated.html
    """
    return peak(device) if devices_of("cuda") else 0


def memory_reserved(device: Any = None) -> int:
    """Bytes that the allocator took from the GPU.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.memory_reserved.html
    """
    return _counter(device, "pool_bytes") or _counter(device, "bytes_reserved")


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the allocator took from the GPU.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.max_memory_reserved.html
    """
    return _counter(device, "peak_pool_bytes") or _counter(device, "peak_bytes_reserved")


def reset_peak_memory_stats(device: Any = None) -> None:
    """Start `max_memory_allocated` anew; nothing on a machine without GPUs.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.reset_peak_memory_stats.html
    """
    if devices_of("cuda"):
        reset_peak(device)


reset_max_memory_allocated = reset_peak_memory_stats


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Not supported: JAX's allocator keeps its totals.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.reset_accumulated_memory_stats.html
    """
    raise NotImplementedError("reset_accumulated_memory_stats(): JAX's allocator keeps its totals for good")


def memory_stats(device: Any = None) -> OrderedDict[str, int]:
    """The allocator's counters: PyTorch's names where there is a counterpart, then JAX's own.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.memory_stats.html
    """
    if not devices_of("cuda"):
        return OrderedDict()
    counters = statistics(device)
    found = OrderedDict(
        {
            "allocated_bytes.all.current": counters.get("bytes_in_use", 0),
            "allocated_bytes.all.peak": peak(device),
            "reserved_bytes.all.current": memory_reserved(device),
            "reserved_bytes.all.peak": max_memory_reserved(device),
        }
    )
    found.update(sorted(counters.items()))
    return found


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """(free, total) bytes of what the allocator may use.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.mem_get_info.html
    """
    counters = statistics(device)
    total = counters.get("bytes_limit", 0)
    return total - counters.get("bytes_in_use", 0), total


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The counters as a table; abbreviated: PyTorch's names only.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.memory_summary.html
    """
    counters = memory_stats(device)
    rows = [(k, v) for k, v in counters.items() if "." in k or not abbreviated]
    return "\n".join([f"{k:<32}{v:>20,}" for k, v in rows]) or "no GPU"


def empty_cache() -> None:
    """Nothing to do: memory that JAX's allocator holds serves the next program.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.empty_cache.html
    """
