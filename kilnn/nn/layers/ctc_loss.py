"""CTCLoss."""

from __future__ import annotations

from typing import Any

from kilnn.nn import functional as F
from kilnn.nn.layers.loss import Loss
from kilnn.tensor.tensor import Tensor


class CTCLoss(Loss):
    """-log of the probability of label sequences, summed over all their alignments with the input.

    Args:
        blank: the class that stands for "no label".
        reduction: "mean" (after division by the target lengths), "sum" or "none".
        zero_infinity: 0 in place of infinite losses.

    Shape: log_probs (T, N, C), targets (N, S) or (sum of target_lengths), lengths (N).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CTCLoss.html
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
