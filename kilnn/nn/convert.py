"""Moving and converting a module's tensors in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kilnn.base import dtypes
from kilnn.engine.grad_mode import no_grad
from kilnn.nn.parameter import adopt
from kilnn.tensor.tensor import Tensor


def apply_to_tensors(module: Any, fn: Callable[[Tensor], Tensor]) -> None:
    """Replace the storage of the module's own parameters, gradients and buffers by fn's results."""
    for p in module._parameters.values():
        if p is None:
            continue
        with no_grad():
            made = fn(p)
        if made is not p:
            adopt(p, made)
        if p.grad is not None:
            with no_grad():
                grad = fn(p.grad)
            if grad is not p.grad:
                grad.requires_grad_(p.grad.requires_grad)
                p._grad = grad
    for name, b in module._buffers.items():
        if b is not None:
            module._buffers[name] = fn(b)


def parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    """What `module.to(...)` does to one tensor; integers keep their dtype."""
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    other = kwargs.pop("tensor", None)
    for name in ("non_blocking", "memory_format", "copy"):
        kwargs.pop(name, None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    for a in args:
        if isinstance(a, Tensor):
            other = a
        elif dtypes.is_dtype(a):
            dtype = a
        elif not isinstance(a, bool) and a is not None:
            device = a
    if other is not None:
        device, dtype = other.device, other.dtype
    dtype = None if dtype is None else dtypes.as_dtype(dtype)
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")

    def convert(t: Tensor) -> Tensor:
        target = dtype if t.is_floating_point() or t.is_complex() else None
        if device is None:
            return t if target is None else t.to(target)
        return t.to(device) if target is None else t.to(device, target)

    return convert
