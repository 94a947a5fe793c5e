"""PyTorch's records in kilnn's words: the function of the same name, the same arguments as kilnn's tensors."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import kilnn


def named(name: str) -> Any:
    """kilnn.<name>, or the method of that name, or the one that writes in place, or None."""
    found: Any = kilnn
    for part in name.split("."):
        found = getattr(found, part, None)
    if callable(found):
        return found
    return getattr(kilnn.Tensor, name, None) or getattr(kilnn.Tensor, f"{name}_", None)


def seeded(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Stands for PyTorch's `wrapper_set_seed`."""
    kilnn.manual_seed(42)
    return function(*args, **kwargs)


def rebuilt(function: types.FunctionType) -> Callable[..., Any]:
    """A function of PyTorch's test files that reads kilnn where it says torch."""
    scope = {**function.__globals__, "torch": kilnn, "wrapper_set_seed": seeded}
    cells = tuple(types.CellType(translated(c.cell_contents)) for c in function.__closure__ or ())
    made = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, cells)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def function_of(info: Any) -> Callable[..., Any] | None:
    """kilnn's function for an OpInfo; None where kilnn has none of that name."""
    own = named(info.name)
    if own is not None and isinstance(info.op, types.FunctionType) and info.op.__module__.startswith("torch.testing"):
        return rebuilt(info.op)
    return own


def translated(x: Any, memo: dict[int, Any] | None = None) -> Any:
    """Tensors as new leaves (one that stands in two places stays one); dtypes, devices and functions by name."""
    memo = {} if memo is None else memo
    if isinstance(x, torch.Tensor):
        if id(x) not in memo:
            memo[id(x)] = tensor(x)
        return memo[id(x)]
    if isinstance(x, dict):
        return {k: translated(v, memo) for k, v in x.items()}
    if isinstance(x, torch.Size):
        return kilnn.Size(x)
    if isinstance(x, tuple | list):
        plain = tuple if isinstance(x, tuple) else list
        return plain(translated(v, memo) for v in x)
    if isinstance(x, slice):
        return slice(*(translated(v, memo) for v in (x.start, x.stop, x.step)))
    if isinstance(x, torch.dtype | torch.memory_format | torch.layout):
        return getattr(kilnn, str(x).removeprefix("torch."))
    if isinstance(x, torch.device):
        return kilnn.device(str(x))
    if isinstance(x, torch.nn.Module):  # distances of triplet losses
        return getattr(kilnn.nn, type(x).__name__)()
    if isinstance(x, functools.partial):
        return functools.partial(translated(x.func), *translated(x.args), **translated(x.keywords))
    if isinstance(x, types.FunctionType) and x.__module__.startswith("torch.testing"):
        return rebuilt(x)
    if callable(x) and hasattr(x, "__qualname__") and str(x.__module__).startswith("torch."):
        return named(f"{x.__module__}.{x.__qualname__}".removeprefix("torch."))
    return x


def tensor(x: torch.Tensor) -> Any:
    """A leaf of kilnn with the values, the order of dimensions in memory, and the gradient flag of PyTorch's."""
    plain = x.detach().resolve_conj().resolve_neg()
    wide = plain.float() if plain.dtype is torch.bfloat16 else plain
    made = kilnn.tensor(np.array(wide.numpy())).to(getattr(kilnn, str(x.dtype).removeprefix("torch.")))
    if 0 not in x.shape and x.stride() != made.stride():
        order = sorted(range(x.ndim), key=lambda d: (-x.stride(d), -x.shape[d]))
        transposed = made.permute(order).contiguous().permute([order.index(d) for d in range(x.ndim)])
        if transposed.stride() == x.stride():
            made = transposed
    return made.detach().requires_grad_(x.requires_grad)
