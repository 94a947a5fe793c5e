"""linear, bilinear, and a linear layer with its cross entropy."""

from __future__ import annotations

import math
from typing import Any

from kilnn.nn.functional.loss import cross_entropy
from kilnn.ops import linear as ops
from kilnn.tensor.doors import record
from kilnn.tensor.tensor import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x W^T + b.

    Args:
        input: (..., in_features).
        weight: (out_features, in_features), or (in_features).
        bias: (out_features), or None.

    Returns: (..., out_features).

    Raises: RuntimeError when the sizes or dtypes do not fit.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.linear(kilnn.ones(2, 3), kilnn.ones(4, 3)).shape
        kilnn.Size([2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.linear.html
    """
    return record(ops.linear, (input, weight, bias))


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x1^T W x2 + b.

    Args:
        input1: (..., in1_features).
        input2: (..., in2_features).
        weight: (out_features, in1_features, in2_features).
        bias: (out_features), or None.

    Returns: (..., out_features).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.bilinear.html
    """
    return record(ops.bilinear, (input1, input2, weight, bias))


def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
    weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
    label_smoothing: float = 0.0, options: Any = None,
) -> Tensor:  # fmt: skip
    """cross_entropy(linear(input, linear_weight, linear_bias), target).

    Args:
        input: (N, in_features) or (in_features).
        linear_weight: (C, in_features), or (C, d1, ..., in_features) for targets (N, d1, ...).
        target, weight, reduction, ignore_index, label_smoothing: as in `cross_entropy`.
        linear_bias: (C, d1, ...), or None.
        options: None only.

    Raises: RuntimeError when sizes do not fit; NotImplementedError for options.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.linear_cross_entropy.html
    """
    if options is not None:
        raise NotImplementedError("linear_cross_entropy(): computing in chunks is not supported; leave options=None")
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}")
    features = input.size(-1)
    if features != linear_weight.size(-1):
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {features} and {linear_weight.size(-1)}, respectively"
        )
    classes = tuple(linear_weight.shape)[:-1]
    if linear_bias is not None and tuple(linear_bias.shape) != classes:
        raise RuntimeError(f"expected linear_bias shape {classes}, got {tuple(linear_bias.shape)}")
    if len(classes) > 1 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
    shape = (*tuple(input.shape)[:-1], *classes)
    if ignore_index is not None and tuple(target.shape) == shape:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if len(classes) > 1:
        count = math.prod(classes)
        linear_weight = linear_weight.reshape(count, features)
        linear_bias = None if linear_bias is None else linear_bias.reshape(count)
    logits = linear(input, linear_weight, linear_bias).reshape(shape)
    return cross_entropy(
        logits, target, weight, ignore_index=-100 if ignore_index is None else ignore_index, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip
