"""The older spectral_norm: a hook writes the weight before every call."""

from __future__ import annotations

from typing import Any, TypeVar

from kilnn import linalg
from kilnn.engine.grad_mode import no_grad
from kilnn.nn import functional as F
from kilnn.nn.layers.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter
from kilnn.tensor.functions.random import randn
from kilnn.tensor.tensor import Tensor

M = TypeVar("M", bound=Module)


class SpectralNorm:
    """The hook of `spectral_norm`, also called when a checkpoint is loaded or saved."""

    version = 1

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight with dimension `dim` as rows."""
        if self.dim != 0:
            weight = weight.permute(self.dim, *(d for d in range(weight.dim()) if d != self.dim))
        return weight.reshape(weight.size(0), -1)

    def compute_weight(self, module: Module, iterate: bool) -> Tensor:
        """The weight divided by its estimated norm, after steps of the power method if `iterate`."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = self.matrix(weight)
        if iterate:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.T.mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()
        made: Tensor = weight / u.dot(matrix.mv(v))
        return made

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


class _OnLoad:
    """Makes up v for checkpoints of the first version, which had u and the normalised weight only."""

    def __init__(self, hook: SpectralNorm) -> None:
        self.hook = hook

    def __call__(self, state_dict: Any, prefix: str, metadata: Any, strict: Any, missing: Any, *_: Any) -> None:
        hook = self.hook
        version = metadata.get("spectral_norm", {}).get(hook.name + ".version")
        key = prefix + hook.name
        if version is not None and version >= 1:
            return
        if all(f"{key}{end}" in state_dict for end in ("_orig", "_u", "_v")) and key not in state_dict:
            return
        if any(f"{key}{end}" not in state_dict for end in ("_orig", "", "_u")):
            return  # the loader says which keys are missing
        with no_grad():
            weight = state_dict[key + "_orig"]
            value = state_dict.pop(key)
            u = state_dict[key + "_u"]
            matrix = hook.matrix(weight)
            sigma = (weight / value).mean()
            v = linalg.multi_dot([linalg.pinv(matrix.T @ matrix), matrix.T, u.unsqueeze(1)]).squeeze(1)
            state_dict[key + "_v"] = v * (sigma / u.dot(matrix.mv(v)))


class _OnSave:
    """Notes the version in the checkpoint."""

    def __init__(self, hook: SpectralNorm) -> None:
        self.hook = hook

    def __call__(self, module: Module, state_dict: Any, prefix: str, metadata: Any) -> None:
        notes = metadata.setdefault("spectral_norm", {})
        key = self.hook.name + ".version"
        if key in notes:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        notes[key] = self.hook.version


def _hook(module: Module, name: str) -> tuple[int, SpectralNorm] | None:
    for key, hook in (module._hooks.pre if module._hooks else {}).items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            return key, hook
    return None


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight by its greatest singular value, estimated by the power method. The older way:
    `kilnn.nn.utils.parametrizations.spectral_norm` does the same as a parametrization.

    Args:
        module, name: the module that holds the weight, and the weight's name; the parameter becomes `<name>_orig`.
        n_power_iterations: steps of the power method in each call while training.
        eps: smallest norm divided by.
        dim: the dimension that is the rows of the matrix; default 0, 1 for transposed convolutions.

    Raises: RuntimeError when it is normalised already, ValueError when the weight is None.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.spectral_norm.html
    """
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d) else 0
    if _hook(module, name) is not None:
        raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    rows, columns = hook.matrix(weight.detach()).shape
    u = F.normalize(randn(rows, dtype=weight.dtype, device=weight.device), dim=0, eps=eps)
    v = F.normalize(randn(columns, dtype=weight.dtype, device=weight.device), dim=0, eps=eps)
    del module._parameters[name]
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module.register_forward_pre_hook(hook)
    module._register_state_dict_hook(_OnSave(hook))
    module._register_load_state_dict_pre_hook(_OnLoad(hook))
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make a weight of the older `spectral_norm` an ordinary parameter again.

    Raises: ValueError when it is not normalised.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.remove_spectral_norm.html
    """
    found = _hook(module, name)
    if found is None or module._hooks is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    key, hook = found
    with no_grad():
        value = hook.compute_weight(module, False).detach()
    delattr(module, name)
    del module._buffers[name + "_u"], module._buffers[name + "_v"], module._parameters[name + "_orig"]
    module.register_parameter(name, Parameter(value))
    del module._hooks.pre[key]
    tables = module._state_tables or {}
    for kind, word in (("save_post", _OnSave), ("load_pre", _OnLoad)):
        for number, held in list(tables.get(kind, {}).items()):
            held = getattr(held, "hook", held) if not isinstance(held, word) else held  # noqa: PLW2901
            if isinstance(held, word) and held.hook is hook:
                del tables[kind][number]
    return module
