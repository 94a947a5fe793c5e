"""Hinge losses over classes and labels, and triplets with any distance."""

from __future__ import annotations

from collections.abc import Callable

from kilnn.nn.functional.activation import logsigmoid
from kilnn.nn.functional.distance import pairwise_distance
from kilnn.nn.functional.loss import reduced, reduction_of
from kilnn.ops import margin_loss as ops
from kilnn.tensor.doors import record
from kilnn.tensor.tensor import Tensor


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """sum over the other classes j of max(0, margin - input[target] + input[j])**p, divided by C.

    Args:
        input: scores (N, C) or (C).
        target: class numbers (N) or (), int64, in [0, C).
        p: 1 or 2.
        weight: (C) factors of the target's class.

    Raises: ValueError for another p; RuntimeError for a class out of range, when the program has run.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.multi_margin_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    if input.dim() == 0:
        input = input.reshape(1)  # one class
    return record(ops.multi_margin_loss, (input, target, weight, float(margin)), (int(p), reduction))


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """sum over target classes t and other classes c of max(0, 1 - (input[t] - input[c])), divided by C.

    Args:
        input: scores (N, C) or (C).
        target: class numbers in the input's shape, int64; the first -1 of a row ends its list.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.multilabel_margin_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if input.dim() == 0 == target.dim():
        input, target = input.reshape(1), target.reshape(1)  # one class
    return record(ops.multilabel_margin_loss, (input, target), (reduction,))


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Binary cross entropy of sigmoid(input), averaged over the classes (the last dimension).

    Args:
        input: scores (N, C).
        target: 0 or 1 in the input's shape.
        weight: factors, broadcast to the input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.multilabel_soft_margin_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.sum(-1) / input.size(-1), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None, margin: float = 1.0, swap: bool = False,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with any distance d.

    Args:
        distance_function: d; the Euclidean `pairwise_distance` by default.
        margin: above 0.
        swap: use d(positive, negative) where it is smaller than d(anchor, negative).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.triplet_margin_with_distance_loss.html
    """
    reduction = reduction_of(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)
