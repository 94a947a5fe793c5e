"""linear and bilinear."""

from __future__ import annotations

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
