"""The loss of label sequences without an alignment."""

from __future__ import annotations

from typing import Any

from kilnn.base import dtypes
from kilnn.nn.functional.loss import reduced, reduction_of
from kilnn.ops import ctc_loss as ops
from kilnn.tensor.create import tensor
from kilnn.tensor.doors import record
from kilnn.tensor.tensor import Tensor


def _lengths(given: Any, like: Tensor) -> Tensor:
    made = given if isinstance(given, Tensor) else tensor(list(given), dtype=dtypes.int64, device=like.device)
    if made.dtype.is_floating_point:
        raise RuntimeError(f"input_lengths and target_lengths must be integral, but got {made.dtype}")
    return made.reshape(1) if made.dim() == 0 else made


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """-log of the probability of the targets, summed over all their alignments with the input.

    Args:
        log_probs: (T, N, C) or (T, C), logarithms of probabilities: what `log_softmax` gives.
        targets: (N, S) class numbers, or those of all samples one after the other (sum of target_lengths).
        input_lengths, target_lengths: (N) tensors or tuples; steps and labels that count.
        blank: the class that stands for "no label"; it must not occur in the targets.
        reduction: "mean" divides by the target lengths first.
        zero_infinity: 0 in place of infinite losses (targets longer than the input) and of their gradients.

    Targets one after the other make the number of states a property of the longest; it is rounded up to 16, so that
    batches share programs. This reads target_lengths. Padded targets (N, S) do not.

    Raises: RuntimeError when shapes do not fit, and for lengths out of range, when the program has run.

    Example:
        >>> import kilnn
        >>> log_probs = kilnn.full((2, 1, 2), 0.5).log()
        >>> kilnn.nn.functional.ctc_loss(log_probs, kilnn.tensor([[1]]), (2,), (1,)).exp().item()
        1.3333333730697632

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.ctc_loss.html and A. Graves et al.,
    "Connectionist Temporal Classification", ICML 2006
    """
    reduction = reduction_of(reduction)
    single = log_probs.dim() == 2
    if log_probs.dim() not in (2, 3):
        raise RuntimeError(f"ctc_loss: expected log_probs of 2 or 3 dimensions, got {log_probs.dim()}")
    frames = log_probs.unsqueeze(1) if single else log_probs
    inputs, counts = _lengths(input_lengths, targets), _lengths(target_lengths, targets)
    longest = 0
    if targets.dim() == 1:
        most = max(counts.tolist(), default=0)
        longest = min(-(-most // 16) * 16, targets.size(0))
    operands = (frames, targets, inputs, counts)
    loss = record(ops.ctc_loss, operands, (int(blank), longest, bool(zero_infinity)))
    if reduction == "mean":
        return (loss / counts.clamp_min(1).to(loss.dtype)).mean()
    loss = reduced(loss, reduction)
    return loss.squeeze(0) if single and reduction == "none" else loss
