"""The machine's accelerator, whatever its kind: PyTorch's `torch.accelerator`."""

from kilnn.accelerator.current import (
    current_accelerator as current_accelerator,
    current_device_index as current_device_index,
    device_count as device_count,
    device_index as device_index,
    empty_cache as empty_cache,
    get_memory_info as get_memory_info,
    is_available as is_available,
    max_memory_allocated as max_memory_allocated,
    memory_allocated as memory_allocated,
    memory_stats as memory_stats,
    reset_peak_memory_stats as reset_peak_memory_stats,
    set_device_index as set_device_index,
    synchronize as synchronize,
)
