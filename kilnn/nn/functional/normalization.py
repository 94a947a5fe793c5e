"""Batch, layer, group, RMS, instance and local response normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kilnn.engine.grad_mode import no_grad
from kilnn.nn.functional.padding import pad
from kilnn.ops import normalization as ops
from kilnn.tensor.doors import inplace, record_many
from kilnn.tensor.tensor import Tensor


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """y = (x - mean) / sqrt(var + eps) * weight + bias for each channel.

    Args:
        input: (N, C, ...).
        running_mean, running_var: (C); used when not training, and updated in place when training.
        weight, bias: (C), or None.
        training: use the statistics of this batch (its biased variance).
        momentum: share of the batch in the running statistics (which get the unbiased variance).
        eps: added to the variance.

    Raises: ValueError when training on one value per channel; RuntimeError when sizes do not fit.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.batch_norm.html
    """
    count = 0
    if training:
        shape = input.shape
        count = input.numel() // shape[1] if len(shape) > 1 and shape[1] else 0
        if count == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {shape}")
        if count == 0 and len(shape) > 1 and 0 in shape[2:]:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {shape}")
    operands = (
        (input, weight, bias, None, None, eps) if training else (input, weight, bias, running_mean, running_var, eps)
    )
    out, mean, var, _ = record_many(ops.batch_norm, operands, (bool(training),))
    if training and running_mean is not None and running_var is not None:
        with no_grad():
            inplace(running_mean, ops.blend, (running_mean, mean, momentum), (0,))
            inplace(running_var, ops.blend, (running_var, var, momentum), (count,))
    return out


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalise each channel of each sample by its own statistics; the arguments are those of `batch_norm`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.instance_norm.html
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    shape = tuple(input.shape)
    places = input.numel() // max(shape[0] * shape[1], 1)
    if places == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    samples, channels = shape[:2]
    apart = input.reshape(1, samples * channels, *shape[2:])
    scale, shift = (None if v is None else v.repeat(samples) for v in (weight, bias))
    out, mean, var, _ = record_many(ops.batch_norm, (apart, scale, shift, None, None, eps), (True,))
    if running_mean is not None and running_var is not None:
        with no_grad():
            batch_mean = mean.reshape(samples, channels).mean(0)
            batch_var = var.reshape(samples, channels).mean(0)
            inplace(running_mean, ops.blend, (running_mean, batch_mean, momentum), (0,))
            inplace(running_var, ops.blend, (running_var, batch_var, momentum), (places,))
    return out.reshape(shape)


def _dims(input: Tensor, normalized_shape: Sequence[int], name: str) -> int:
    tail = tuple(normalized_shape)
    if not tail:
        raise RuntimeError(
            f"Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = {list(tail)}"
        )
    shape = tuple(input.shape)
    if shape[len(shape) - len(tail) :] != tail or len(shape) < len(tail):
        expected = "[*" + "".join(f", {n}" for n in tail) + "]"
        raise RuntimeError(
            f"Given normalized_shape={list(tail)}, expected input with shape {expected}, "
            f"but got input of size{list(shape)}"
        )
    return len(tail)


def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last dimensions.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the sizes of the dimensions normalised together.
        weight, bias: of shape normalized_shape, or None.
        eps: added to the variance.

    Raises: RuntimeError when the input does not end in normalized_shape.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.layer_norm(kilnn.tensor([[1.0, 3.0]]), (2,), eps=0.0).tolist()
        [[-1.0, 1.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.layer_norm.html
    """
    return record_many(ops.layer_norm, (input, weight, bias, eps), (_dims(input, normalized_shape, "layer_norm"),))[0]


_SMALLEST = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """y = x / sqrt(mean(x**2) + eps) * weight over the last dimensions; eps defaults to the dtype's machine epsilon.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.rms_norm.html
    """
    dims = _dims(input, normalized_shape, "rms_norm")
    if eps is None:
        name = "float32" if input.dtype.itemsize == 2 else input.dtype.name
        eps = _SMALLEST[name]
    return record_many(ops.rms_norm, (input, weight, eps), (dims,))[0]


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalise each group of channels of each sample.

    Args:
        input: (N, C, ...).
        num_groups: divides C.
        weight, bias: (C), or None.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.group_norm.html
    """
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    shape = tuple(input.shape)
    if (
        len(shape) > 1
        and shape[1] % num_groups == 0
        and shape[0] * (input.numel() // max(shape[0] * num_groups, 1)) == 1
    ):
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}")
    return record_many(ops.group_norm, (input, weight, bias, eps), (num_groups,))[0]


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """x / max(||x||_p, eps) along `dim`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.normalize.html
    """
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps)
    made = input / norm.expand_as(input)
    return made if out is None else out.copy_(made)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha * mean of x**2 over `size` neighbouring channels)**beta.

    Args:
        input: (N, C, ...) with at least one more dimension.
        size: the number of channels, those beyond the ends count as zeros.

    Raises: ValueError for fewer than 3 dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.local_response_norm.html
    """
    if input.dim() < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions)")
    if input.numel() == 0:
        return input
    mean = neighbours(input * input, size // 2, (size - 1) // 2) / size
    return input / (mean * alpha + k).pow(beta)


def neighbours(x: Tensor, before: int, after: int) -> Tensor:
    """Sums over each channel of (N, C, ...), `before` channels before it and `after` after it."""
    channels = x.size(1)
    padded = pad(x, (0, 0) * (x.dim() - 2) + (before, after))
    total = padded.narrow(1, 0, channels)
    for start in range(1, before + after + 1):
        total = total + padded.narrow(1, start, channels)
    return total
