"""Activations and softmax. `inplace=True` writes the result into the input."""

from __future__ import annotations

import warnings
from typing import Any

from kilnn.base.dtypes import DType
from kilnn.engine.rng import next_offset
from kilnn.ops import activation as ops, random as random_ops
from kilnn.tensor.create import empty_like, zeros_like
from kilnn.tensor.doors import inplace as write, record
from kilnn.tensor.tensor import Tensor


def _run(op: Any, input: Tensor, numbers: tuple[Any, ...], inplace: bool, attributes: tuple[Any, ...] = ()) -> Tensor:
    operands = (input, *numbers)
    return write(input, op, operands, attributes) if inplace else record(op, operands, attributes)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0).

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.relu(kilnn.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.relu.html
    """
    return write(input, ops.relu, (input,)) if inplace else record(ops.relu, (input,))


def relu_(input: Tensor) -> Tensor:
    """`relu` in place."""
    return write(input, ops.relu, (input,))


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.relu6.html
    """
    return _run(ops.hardtanh, input, (0.0, 6.0), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, negative_slope * x elsewhere.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.leaky_relu.html
    """
    return _run(ops.leaky_relu, input, (negative_slope,), inplace)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, True)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where positive, weight * x elsewhere; one weight, or one for each channel.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.prelu.html
    """
    if weight.dim() > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.dim()}")
    return record(ops.prelu, (input, weight))


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """`leaky_relu` with a random slope in [lower, upper] for each element when training, else their mean.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.rrelu.html
    """
    if lower > upper:
        raise RuntimeError(f"Lower bound should be less than or equal to the upper bound, got {lower} and {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    noise = record(random_ops.uniform, next_offset(), (tuple(input.shape), input.dtype.np))
    made = input * (noise * (upper - lower) + lower).where(input < 0, noise.new_ones(()))
    return input.copy_(made) if inplace else made


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """`rrelu` in place."""
    return rrelu(input, lower, upper, training, True)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, alpha (exp(x) - 1) elsewhere.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.elu.html
    """
    return _run(ops.elu, input, (alpha, 1.0, 1.0), inplace)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`elu` in place."""
    return elu(input, alpha, True)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * elu(x, alpha) with the constants of self-normalising networks.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.selu.html
    """
    return _run(ops.elu, input, (1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0), inplace)


def selu_(input: Tensor) -> Tensor:
    """`selu` in place."""
    return selu(input, True)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1)).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.celu.html
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _run(ops.elu, input, (alpha, 1.0, 1.0 / alpha), inplace)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`celu` in place."""
    return celu(input, alpha, True)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x times the standard normal distribution function; approximate="tanh" uses a tanh formula.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.gelu.html
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return record(ops.gelu, (input,), (approximate == "tanh",))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x), also known as swish.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.silu.html
    """
    return _run(ops.silu, input, (), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.mish.html
    """
    return _run(ops.mish, input, (), inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x > threshold.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.softplus.html
    """
    return record(ops.softplus, (input, beta, threshold))


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.logsigmoid.html
    """
    return record(ops.logsigmoid, (input,))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val].

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hardtanh.html
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _run(ops.hardtanh, input, (min_val, max_val), inplace)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`hardtanh` in place."""
    return hardtanh(input, min_val, max_val, True)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """x / 6 + 1/2 limited to [0, 1].

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hardsigmoid.html
    """
    return _run(ops.hardsigmoid, input, (), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * hardsigmoid(x).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hardswish.html
    """
    return _run(ops.hardswish, input, (), inplace)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, 0 elsewhere.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hardshrink.html
    """
    return record(ops.hardshrink, (input, lambd))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 within it.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.softshrink.html
    """
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return record(ops.softshrink, (input, lambd))


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.tanhshrink.html
    """
    return input - input.tanh()


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.softsign.html
    """
    return input / (input.abs() + 1)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, value elsewhere.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.threshold.html
    """
    return _run(ops.threshold, input, (threshold, value), inplace)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """`threshold` in place."""
    return _run(ops.threshold, input, (threshold, value), True)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent. Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.tanh.html"""
    return input.tanh()


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)). Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.sigmoid.html"""
    return input.sigmoid()


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of the input along `dim` times the sigmoid of the second.

    Raises: RuntimeError when the dimension is odd.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.glu.html
    """
    return record(ops.glu, (input,), (dim,))


def _softmax_dim(name: str, ndim: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """exp(x) divided by its sum along `dim`.

    Args:
        input: any shape.
        dim: the dimension whose elements then sum to 1.
        dtype: convert the input to it first.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.softmax(kilnn.zeros(2), dim=0).tolist()
        [0.5, 0.5]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.softmax.html
    """
    if dim is None:
        dim = _softmax_dim("softmax", input.dim())
    return record(ops.softmax, (input if dtype is None else input.to(dtype),), (dim,))


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """softmax(-x).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.softmin.html
    """
    if dim is None:
        dim = _softmax_dim("softmin", input.dim())
    return softmax(-input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None) -> Tensor:
    """log(softmax(x)), computed without overflow.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.log_softmax.html
    """
    if dim is None:
        dim = _softmax_dim("log_softmax", input.dim())
    return record(ops.log_softmax, (input if dtype is None else input.to(dtype),), (dim,))


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the Gumbel-softmax distribution; `hard` gives one-hot vectors with the soft gradient.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.gumbel_softmax.html
    """
    noise = -empty_like(logits).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    return zeros_like(logits).scatter_(dim, index, 1.0) - soft.detach() + soft
