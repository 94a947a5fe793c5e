"""kilnn.autograd.graph: PyTorch's hooks on what the graph saves. They are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

_WHY = (
    "what the graph saves are values of a program that has not run yet, so there is no memory to pack. To save memory "
    "use kilnn.utils.checkpoint.checkpoint"
)


class saved_tensors_hooks:
    """Functions called when a tensor is saved for backward and when it is used. Not available.

    Args:
        pack_hook, unpack_hook: the functions.

    Raises: NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/autograd.html#torch.autograd.graph.saved_tensors_hooks
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> NoReturn:
        raise NotImplementedError(f"autograd.graph.saved_tensors_hooks: {_WHY}")


class save_on_cpu:
    """Keep what is saved for backward on the CPU. Not available.

    Args:
        pin_memory, device_type: as in PyTorch.

    Raises: NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/autograd.html#torch.autograd.graph.save_on_cpu
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> NoReturn:
        raise NotImplementedError(f"autograd.graph.save_on_cpu: {_WHY}")
