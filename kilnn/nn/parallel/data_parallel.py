"""Modules in parallel, with one device in one process: the module itself, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kilnn.distributed.group import ProcessGroup, the_group
from kilnn.nn.module import Module


class DataParallel(Module):
    """A module whose batches are split over devices. There is one, so it gets the whole batch.

    Args:
        module: the module; its parameters' names get the prefix "module.".
        device_ids, output_device: at most one device.
        dim: the dimension of samples.

    Raises: NotImplementedError for several devices.

    Example:
        >>> import kilnn
        >>> list(kilnn.nn.DataParallel(kilnn.nn.Linear(2, 1)).state_dict())
        ['module.weight', 'module.bias']

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.DataParallel.html
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        _one_device(device_ids)
        self.module = module
        self.dim = dim
        self.device_ids = [] if device_ids is None else list(device_ids)
        self.output_device = output_device

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def _one_device(device_ids: Any) -> None:
    if device_ids is not None and len(device_ids) > 1:
        raise NotImplementedError(
            f"device_ids={list(device_ids)}: this release runs a program on one device; give at most one"
        )


class DistributedDataParallel(Module):
    """A module whose gradients are averaged over processes. In a group of one they are what they are.

    Args:
        module: the module; its parameters' names get the prefix "module.".
        device_ids, output_device: at most one device.
        dim: the dimension of samples.
        broadcast_buffers, init_sync, process_group, bucket_cap_mb, find_unused_parameters, check_reduction,
            gradient_as_bucket_view, static_graph, delay_all_reduce_named_params, param_to_hook_all_reduce,
            mixed_precision, device_mesh, skip_all_reduce_unused_params: accepted; they say how processes exchange
            gradients.

    Raises: ValueError without a process group, RuntimeError for a module without parameters that require gradients.

    Example:
        >>> import kilnn
        >>> kilnn.distributed.init_process_group("gloo", world_size=1, rank=0)
        >>> net = kilnn.nn.parallel.DistributedDataParallel(kilnn.nn.Linear(2, 1))
        >>> net(kilnn.ones(3, 2)).shape
        kilnn.Size([3, 1])
        >>> kilnn.distributed.destroy_process_group()

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parallel.DistributedDataParallel.html
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0,
        broadcast_buffers: bool = True, init_sync: bool = True, process_group: ProcessGroup | None = None,
        bucket_cap_mb: float | None = None, find_unused_parameters: bool = False, check_reduction: bool = False,
        gradient_as_bucket_view: bool = False, static_graph: bool = False, delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None, mixed_precision: Any = None, device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.process_group = the_group(process_group)
        _one_device(device_ids)
        if mixed_precision is not None or device_mesh is not None:
            raise NotImplementedError("DistributedDataParallel: mixed_precision and device_mesh are not supported")
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a "
                "gradient."
            )
        self.module = module
        self.dim = dim
        self.device_ids = device_ids
        self.output_device = output_device
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.require_backward_grad_sync = True

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Gradients are not exchanged inside."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before
