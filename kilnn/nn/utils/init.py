"""Modules without initial values; memory formats of weights."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from kilnn.base.generator import fork_rng
from kilnn.engine.grad_mode import no_grad
from kilnn.nn.layers.convolution import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from kilnn.nn.module import Module

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """A module whose parameters hold no particular values; no random numbers are used up.

    Args:
        module_cls: a module class that takes `device`.
        args, kwargs: what it is made with.

    Raises: RuntimeError when it is no Module class or does not take `device`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.skip_init.html
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    with fork_rng():
        return module_cls(*args, **kwargs)


def _convert(module: M, memory_format: Any, kinds: tuple[type, ...]) -> M:
    for part in module.modules():
        if isinstance(part, kinds):
            with no_grad():
                part.weight.data = part.weight.detach().clone().contiguous(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Give the weights of all two-dimensional convolutions a memory format.

    XLA chooses the layout of arrays itself, so this changes no speed; values stay as they are.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.convert_conv2d_weight_memory_format.html
    """
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Give the weights of all three-dimensional convolutions a memory format; see the one for two.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.convert_conv3d_weight_memory_format.html
    """
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))
