"""The older weight_norm: a hook writes the weight before every call."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter
from kilnn.nn.utils.parametrizations import norm_except_dim
from kilnn.tensor.tensor import Tensor

M = TypeVar("M", bound=Module)


class WeightNorm:
    """The hook of `weight_norm`."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight of its length and direction."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        made: Tensor = v * (g / norm_except_dim(v, self.dim))
        return made

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def _hook(module: Module, name: str) -> tuple[int, WeightNorm] | None:
    for key, hook in (module._hooks.pre if module._hooks else {}).items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            return key, hook
    return None


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Replace a weight by the parameters `<name>_g`, its length, and `<name>_v`, its direction. The older way:
    `kilnn.nn.utils.parametrizations.weight_norm` does the same as a parametrization.

    Args:
        module, name: the module that holds the weight, and the weight's name.
        dim: the dimension of which every slice has a length of its own; None for one length.

    Raises: RuntimeError when it is normalised already.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.weight_norm.html
    """
    warnings.warn(
        "`kilnn.nn.utils.weight_norm` is deprecated in favor of `kilnn.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    if _hook(module, name) is not None:
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    del module._parameters[name]
    length = norm_except_dim(weight.detach(), hook.dim)
    module.register_parameter(name + "_g", Parameter(length))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make a weight of the older `weight_norm` an ordinary parameter again.

    Raises: ValueError when it is not normalised.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.remove_weight_norm.html
    """
    found = _hook(module, name)
    if found is None or module._hooks is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    key, hook = found
    value = hook.compute_weight(module).detach()
    delattr(module, name)
    del module._parameters[name + "_g"], module._parameters[name + "_v"]
    setattr(module, name, Parameter(value))
    del module._hooks.pre[key]
    return module
