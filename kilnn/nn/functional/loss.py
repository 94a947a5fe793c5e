"""Losses. `reduction` is "mean", "sum" or "none"; `size_average` and `reduce` are PyTorch's older words for it."""

from __future__ import annotations

import warnings
from typing import Any

from kilnn.base.shapes import broadcast_shapes
from kilnn.engine.autocast import computed_in_float32
from kilnn.nn.functional.distance import pairwise_distance
from kilnn.ops import loss as ops
from kilnn.tensor.doors import cast, record, record_known, record_many
from kilnn.tensor.tensor import Tensor


def reduction_of(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """The one word for the three arguments.

    Raises: ValueError for an unknown word.
    """
    if size_average is not None or reduce is not None:
        average = size_average is None or size_average
        reduction = "none" if reduce is False else "mean" if average else "sum"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            stacklevel=3,
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """-log softmax(input) at the target class.

    Args:
        input: unnormalised scores (N, C, ...) or (C).
        target: class numbers (N, ...) in [0, C), int64; or probabilities in the input's shape.
        weight: (C) factors of the classes; the mean is then weighted too.
        ignore_index: class number of samples that do not count.
        label_smoothing: share in [0, 1] of the target that is spread evenly over all classes.

    Raises:
        ValueError: batch sizes differ.
        RuntimeError: other sizes or dtypes do not fit.
        IndexError: a class number out of range, when the program has run.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.cross_entropy(kilnn.zeros(1, 2), kilnn.tensor([1])).item()
        0.6931471824645996

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.cross_entropy.html
    """
    if size_average is None and reduce is None and label_smoothing.__class__ is float and not label_smoothing:
        known = record_known(ops.cross_entropy, (input, target, weight, 0.0), (reduction, ignore_index, False))
        if known is not None:
            return known[0]  # type: ignore[no-any-return]  # a Tensor
    reduction = reduction_of(reduction, size_average, reduce)
    smoothing = float(label_smoothing)
    if not 0.0 <= smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {smoothing}")
    if isinstance(target, list | tuple | int | float):
        raise TypeError(f"cross_entropy(): argument 'target' (position 2) must be Tensor, not {type(target).__name__}")
    if target.is_floating_point() and target.shape == input.shape:
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        operands = (input, target, weight, smoothing)
        loss: Tensor = record(
            ops.soft_cross_entropy, operands, ("none" if reduction == "none" else "sum", smoothing > 0)
        )
        if reduction == "mean":
            return loss.div(max(input.numel() // max(input.size(1 if input.dim() > 1 else 0), 1), 1))
        return loss
    if target.dim() == 1 and input.dim() == 1 and target.numel() == 1:
        target = target.reshape(())  # one sample, whose class may be given as a list of one
    attributes = (reduction, int(ignore_index), smoothing > 0)
    return record_many(ops.cross_entropy, (input, target, weight, smoothing), attributes)[0]


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the input at the target class; the input holds log-probabilities. The arguments are `cross_entropy`'s.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.nll_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if target.dim() == 1 and input.dim() == 1 and target.numel() == 1:
        target = target.reshape(())
    return record(ops.nll_loss, (input, target, weight), (reduction, int(ignore_index)))


def _fit(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """PyTorch's warning (at the user's line) for sizes that broadcast, its RuntimeError for others."""
    if target.shape != input.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
        whole = broadcast_shapes(input.shape, target.shape)
        if input.dtype is not target.dtype:  # to the promotion of dtypes a number counts like the others
            return input.expand(whole), target.expand(whole)
    return input, target


def _weighted(loss: Tensor, weight: Tensor, reduction: str) -> Tensor:
    if weight.shape != loss.shape:
        raise ValueError("Weights and input must have the same size.")
    product = loss * weight
    if reduction == "none":
        return product
    total: Tensor = product.sum()
    return total if reduction == "sum" else total / weight.sum()


def mse_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """(input - target)**2, for example averaged.

    Args:
        input, target: the same shape (other shapes are broadcast, with a warning).
        weight: factors of the elements, of the input's shape; the mean is then weighted.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.mse_loss(kilnn.tensor([1.0, 3.0]), kilnn.tensor([0.0, 0.0])).item()
        5.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.mse_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    input, target = _fit(input, target)
    if weight is not None:
        return _weighted(record(ops.mse_loss, (input, target), ("none",)), weight, reduction)
    return record(ops.mse_loss, (input, target), (reduction,))


@computed_in_float32
def l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """|input - target|; the arguments are those of `mse_loss`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.l1_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    input, target = _fit(input, target)
    each = (input - target).abs()  # in two steps, as PyTorch does: what is saved is the difference
    if weight is not None:
        return _weighted(each, weight, reduction)
    return each if reduction == "none" else each.mean() if reduction == "mean" else each.sum()


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """d**2 / (2 beta) where d = |input - target| < beta, d - beta / 2 elsewhere.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.smooth_l1_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    input, target = _fit(input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return record(ops.l1_loss, (input, target), (reduction,))
    return record(ops.smooth_l1_loss, (input, target, float(beta)), (reduction,))


@computed_in_float32
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d**2 / 2 where d = |input - target| <= delta, delta (d - delta / 2) elsewhere.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.huber_loss.html
    """
    reduction = reduction_of(reduction)
    input, target = _fit(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is not None:
        return _weighted(record(ops.huber_loss, (input, target, float(delta)), ("none",)), weight, reduction)
    return cast(record(ops.huber_loss, (input, target, float(delta)), (reduction,)), input.dtype)


def _same_size(name: str, input: Tensor, target: Tensor) -> None:
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
            if name == "binary_cross_entropy"
            else f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-(target log(input) + (1 - target) log(1 - input)); logarithms are limited to >= -100.

    Args:
        input: probabilities in [0, 1].
        target: the same shape, in [0, 1].
        weight: factors, broadcast to the input.

    Raises: ValueError for other shapes; RuntimeError for an input outside [0, 1], when the program has run.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.binary_cross_entropy.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    _same_size("binary_cross_entropy", input, target)
    if target.dtype is not input.dtype:
        raise RuntimeError(f"Found dtype {target.dtype.name} but expected {input.dtype.name}")
    if weight is not None:
        weight = weight.expand(input.shape)
    return record(ops.binary_cross_entropy, (input, target, weight), (reduction,))


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """binary_cross_entropy(sigmoid(input), target) without overflow.

    Args:
        input: scores of any size.
        target: the same shape, in [0, 1].
        weight: factors, broadcast to the input.
        pos_weight: factors of the loss of positive targets, broadcast to the input.

    Raises: ValueError for other shapes.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.binary_cross_entropy_with_logits.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    _same_size("binary_cross_entropy_with_logits", input, target)
    if not target.dtype.is_floating_point:
        raise RuntimeError(
            f"result type {input.dtype} can't be cast to the desired output type {target.dtype}: the target must be "
            "floating point; use target.float()"
        )
    input = cast(input, target.dtype)  # PyTorch works in place on 1 - target
    for name, w in (("weight", weight), ("pos_weight", pos_weight)):
        if w is not None and tuple(broadcast_shapes(input.shape, w.shape)) != tuple(input.shape):
            raise RuntimeError(f"{name} of size {w.shape} does not broadcast to the input's {input.shape}")
    return record(ops.binary_cross_entropy_with_logits, (input, target, weight, pos_weight), (reduction,))


def kl_div(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """target (log target - input): the Kullback-Leibler divergence.

    Args:
        input: log-probabilities.
        target: probabilities, or log-probabilities with `log_target`.
        reduction: also "batchmean": the sum divided by the batch size, the mathematical definition.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.kl_div.html
    """
    batchmean = reduction == "batchmean"
    if not batchmean:
        if reduction == "mean" and size_average is None and reduce is None:
            warnings.warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' "
                "divides only by the batch size, and aligns with the KL div math definition.'mean' will be "
                "changed to behave the same as 'batchmean' in the next major release.",
                stacklevel=2,
            )
        reduction = reduction_of(reduction, size_average, reduce)
    loss = record(ops.kl_div, (input, target), ("sum" if batchmean else reduction, bool(log_target)))
    return loss / input.size(0) if batchmean and input.dim() else loss


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The losses of the elements, averaged, summed or as they are."""
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


@computed_in_float32
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: bool | None = None,
    eps: float = 1e-8, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-likelihood of Poisson counts, without log(target!) unless `full` (Stirling's formula).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.poisson_nll_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (target * 6.283185307179586).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Minus the log-likelihood of normal observations with the given variances (at least eps).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.gaussian_nll_loss.html
    """
    reduction = reduction_of(reduction)
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.new_full(input.shape, float(var))
    elif var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = var.unsqueeze(-1)
        elif input.dim() != var.dim() or [b for a, b in zip(input.shape, var.shape, strict=True) if a != b] != [1]:
            raise ValueError("var is of incorrect size")
    limited = var.detach().clamp_min(eps) + (var - var.detach())  # the limit has no part in the gradient
    loss = 0.5 * (limited.log() + (input - target) ** 2 / limited)
    if full:
        loss = loss + 0.9189385332046727
    return reduced(loss, reduction)


@computed_in_float32
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + exp(-target * input)), targets -1 or 1.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.soft_margin_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    return reduced((-target * input).exp().log1p(), reduction)


@computed_in_float32
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The input where the target is 1, max(0, margin - input) where it is -1.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.hinge_embedding_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    far = (margin - input).clamp_min(0).masked_fill(target == 1, 0)
    near = input.masked_fill(target == -1, 0)
    return reduced(far + near, reduction)


@computed_in_float32
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, -target (input1 - input2) + margin).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.margin_ranking_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@computed_in_float32
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos(input1, input2) where the target is 1, max(0, cos - margin) where it is -1.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.cosine_embedding_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    tiny = 1e-12
    squares = ((input1 * input1).sum(-1) + tiny, (input2 * input2).sum(-1) + tiny)
    cos = (input1 * input2).sum(-1) / (squares[0] * squares[1]).sqrt()
    same = (1 - cos).masked_fill(target != 1, 0)
    other = (cos - margin).clamp_min(0).masked_fill(target != -1, 0)
    return reduced(same + other, reduction)


@computed_in_float32
def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with the p-norm distance.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.triplet_margin_loss.html
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduced((near - far + margin).clamp_min(0), reduction)
