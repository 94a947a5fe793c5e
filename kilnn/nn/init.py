"""Initial values. Random ones are drawn on the host from the default generator and equal PyTorch's CPU results
(on x86 with AVX2) bit for bit, orthogonal_ excepted."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from kilnn.base.generator import default_generator
from kilnn.engine.grad_mode import no_grad
from kilnn.engine.host import value_from
from kilnn.engine.views import write
from kilnn.tensor.create import array_of_tensor
from kilnn.tensor.functions import random
from kilnn.tensor.tensor import Tensor


def _put(tensor: Tensor, values: np.ndarray[Any, Any]) -> Tensor:
    """Make `values` the tensor's data, without a program."""
    write(
        tensor,
        value_from(np.asarray(values.reshape(tuple(tensor.shape)), tensor.dtype.np, order="C"), tensor.aval.device),
    )
    return tensor


def _stream(generator: Any) -> Any:
    return (default_generator if generator is None else generator).stream


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before a nonlinearity should be larger.

    Args:
        nonlinearity: "linear", "conv1d" (and the other convolutions), "sigmoid" (1), "tanh" (5/3), "relu" (sqrt 2),
            "leaky_relu" (sqrt(2 / (1 + param**2))), "selu" (3/4).
        param: the negative slope of leaky_relu, default 0.01.

    Raises: ValueError for another name.

    Example:
        >>> import kilnn
        >>> kilnn.nn.init.calculate_gain("tanh")
        1.6666666666666667

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.calculate_gain
    """
    linear = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
    if nonlinearity in linear or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is None:
            slope: float = 0.01
        elif isinstance(param, int | float) and not isinstance(param, bool):
            slope = param
        else:
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with numbers uniform in [a, b).

    Example:
        >>> import kilnn
        >>> w = kilnn.nn.init.uniform_(kilnn.empty(3, 5), -1, 1)
        >>> w.shape
        kilnn.Size([3, 5])

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.uniform_
    """
    with no_grad():
        return random.uniform_(tensor, a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal numbers.

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.normal_
    """
    with no_grad():
        return random.normal_(tensor, mean, std, generator=generator)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Tensor:
    """Fill with normal numbers drawn again until they lie in [a, b].

    Where less than 30 % of the distribution lies there, uniform candidates are accepted with the density instead.

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.trunc_normal_
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    stream, dtype, size = _stream(generator), tensor.dtype.np, tensor.numel()
    share = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)

    def redrawn(contiguous: bool) -> np.ndarray[Any, Any]:
        low, high = dtype.type(a), dtype.type(b)
        values: np.ndarray[Any, Any] = stream.normal(size, mean, std, dtype, contiguous)
        outside = (values < low) | (values > high)
        while outside.any():
            values = np.where(outside, stream.normal(size, mean, std, dtype, contiguous), values)
            outside = (values < low) | (values > high)
        return values

    def accepted(_: bool) -> np.ndarray[Any, Any]:
        mode = max(a, min(mean, b))
        peak = -0.5 * ((mode - mean) / std) ** 2
        pending = np.ones(size, bool)
        values = np.zeros(size, dtype)
        while pending.any():
            candidates = stream.uniform(size, a, b, dtype)
            values = np.where(pending, candidates, values)
            scaled = (candidates - dtype.type(mean)) / dtype.type(std)
            density = scaled * scaled * dtype.type(-0.5) - dtype.type(peak)
            with np.errstate(divide="ignore"):
                chance = np.log(stream.uniform(size, 0.0, 1.0, dtype))
            pending = pending & (chance > density)
        return values

    with no_grad():
        return random.fill(tensor, redrawn if share > 0.3 else accepted)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with `val`.

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.constant_
    """
    return _put(tensor, np.full(tuple(tensor.shape), val))


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones. Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.ones_"""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros. Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.zeros_"""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity.

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.eye_
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _put(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it passes its input channels on.

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.dirac_
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    shape = tuple(tensor.shape)
    if shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(shape)
    per_group = shape[0] // groups
    middle = tuple(n // 2 for n in shape[2:])
    for g in range(groups):
        for d in range(min(per_group, shape[1])):
            values[(g * per_group + d, d, *middle)] = 1
    return _put(tensor, values)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with uniform numbers in +-gain * sqrt(6 / (fan_in + fan_out)).

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.xavier_uniform_
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    a = math.sqrt(3.0) * std
    return uniform_(tensor, -a, a, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal numbers of deviation gain * sqrt(2 / (fan_in + fan_out)).

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.xavier_normal_
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def _empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Fill with uniform numbers in +-gain * sqrt(3 / fan).

    Args:
        tensor: at least 2 dimensions.
        a: the negative slope of leaky_relu.
        mode: "fan_in" keeps the size of activations, "fan_out" that of gradients.
        nonlinearity: see `calculate_gain`.

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.kaiming_uniform_
    """
    if _empty(tensor):
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    std = calculate_gain(nonlinearity, a) / math.sqrt(fan)
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Fill with normal numbers of deviation gain / sqrt(fan); see `kaiming_uniform_`.

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.kaiming_normal_
    """
    if _empty(tensor):
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    return normal_(tensor, 0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fill with a (semi-)orthogonal matrix; dimensions after the first are flattened.

    Differs from PyTorch: the same numbers are drawn, but the QR factorisation's last bits are NumPy's.
    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.orthogonal_
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    flat = _stream(generator).randn(rows * columns, tensor.dtype.np).reshape(rows, columns)
    q, r = np.linalg.qr(flat.T if rows < columns else flat)
    q = q * np.sign(np.diagonal(r))
    return _put(tensor, (q.T if rows < columns else q) * gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix with normal numbers, then a share `sparsity` of each column with zeros.

    Source: https://docs.pytorch.org/docs/2.13/nn.init.html#torch.nn.init.sparse_
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    values = np.array(array_of_tensor(normal_(tensor, 0.0, std, generator)))
    zeros = math.ceil(sparsity * rows)
    for column in range(columns):
        # PyTorch draws these permutations from the default generator, whatever `generator` says.
        values[default_generator.stream.randperm(rows)[:zeros], column] = 0
    return _put(tensor, values)


def _older(name: str) -> Any:
    def old(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return globals()[f"{name}_"](*args, **kwargs)

    old.__name__ = name
    old.__doc__ = f"The older name of `{name}_`."
    return old


uniform = _older("uniform")
normal = _older("normal")
constant = _older("constant")
eye = _older("eye")
dirac = _older("dirac")
xavier_uniform = _older("xavier_uniform")
xavier_normal = _older("xavier_normal")
kaiming_uniform = _older("kaiming_uniform")
kaiming_normal = _older("kaiming_normal")
orthogonal = _older("orthogonal")
sparse = _older("sparse")
