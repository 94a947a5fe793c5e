"""Losses that own the layer from features to classes: LinearCrossEntropyLoss, AdaptiveLogSoftmaxWithLoss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from kilnn.nn import functional as F
from kilnn.nn.layers.container import ModuleList, Sequential
from kilnn.nn.layers.linear import Linear
from kilnn.nn.layers.loss import WeightedLoss
from kilnn.nn.module import Module
from kilnn.ops import loss as ops
from kilnn.tensor.doors import record
from kilnn.tensor.functions.joining import cat
from kilnn.tensor.tensor import Tensor


class LinearCrossEntropyLoss(WeightedLoss):
    """A linear layer from features to classes, and the cross entropy of what it gives.

    Args:
        in_features, num_classes: sizes of the layer.
        out_features: further dimensions of the targets.
        bias: whether the layer has one.
        reduction, weight, ignore_index, label_smoothing: as in `CrossEntropyLoss`.
        options: None only.

    Shape: input (N, in_features), target (N, *out_features) class numbers.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LinearCrossEntropyLoss.html
    """

    def __init__(
        self, in_features: int, num_classes: int, *, out_features: tuple[int, ...] = (), bias: bool = False,
        device: Any = None, dtype: Any = None, reduction: str = "mean", weight: Tensor | None = None,
        ignore_index: int | None = None, label_smoothing: float = 0.0, options: Any = None,
    ) -> None:  # fmt: skip
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        if options is not None:
            raise NotImplementedError(
                "LinearCrossEntropyLoss: computing in chunks is not supported; leave options=None"
            )
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.linear = Linear(in_features, num_classes * math.prod(out_features), bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape = (self.num_classes, *self.out_features)
        bias = None if self.linear.bias is None else self.linear.bias.reshape(shape)
        return F.linear_cross_entropy(
            input, self.linear.weight.reshape(*shape, self.linear.in_features), target, linear_bias=bias,
            weight=self.weight, reduction=self.reduction, ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, options={self.options}"
        )


class ASMoutput(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` returns: log-probabilities of the targets, and their mean with a minus sign."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Softmax over very many classes of unequal frequency: a short list, and clusters of rarer classes.

    Args:
        in_features: size of the last dimension of the input.
        n_classes: number of classes, the most frequent first.
        cutoffs: class numbers at which clusters begin.
        div_value: each cluster's projection is smaller by this factor than the one before.
        head_bias: whether the first layer has a bias.

    Returns: (output, loss): the log-probability of each target, and the mean of their negatives.

    Raises: RuntimeError for targets out of range, when the program has run.

    Differs from PyTorch in how it computes: every cluster looks at all rows, so that the program does not depend on the
    targets' values. Results are the same, but a cluster without a target gets gradients of zero, not None.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html and E. Grave et al.,
    "Efficient softmax approximation for GPUs", 2016, https://arxiv.org/abs/1609.04309
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0, head_bias: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        limits = list(cutoffs)
        if not limits:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        increasing = limits == sorted(set(limits)) and all(int(c) == c for c in limits)
        if not increasing or limits[0] <= 0 or limits[-1] > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1; got {limits} with n_classes={n_classes}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*limits, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            inner = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            first = Linear(in_features, inner, bias=False, device=device, dtype=dtype)
            self.tail.append(Sequential(first, Linear(inner, size, bias=False, device=device, dtype=dtype)))

    def reset_parameters(self) -> None:
        """Draw initial values again."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> ASMoutput:
        rank = target_.dim()
        if rank > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input_.dim() != rank + 1:
            raise RuntimeError(
                f"{rank}D target tensor expects {rank + 1}D input tensors, but found inputs with size {input_.size()}"
            )
        if rank == 1 and input_.size(0) != target_.size(0):
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        input, target = (input_, target_) if rank else (input_.unsqueeze(0), target_.unsqueeze(0))
        target = record(ops.known_class, (target,), (self.n_classes,))
        place = target
        output: Tensor | None = None
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:], strict=False)):
            mine = (target >= low) & (target < high)
            within = F.log_softmax(self.tail[i](input), dim=1)
            picked = within.gather(1, (target - low).clamp(0, high - low - 1).unsqueeze(1)).squeeze(1)
            part = picked.masked_fill(~mine, 0)
            output = part if output is None else output + part
            place = place.masked_fill(mine, self.shortlist_size + i)
        head = F.log_softmax(self.head(input), dim=1).gather(1, place.unsqueeze(1)).squeeze(1)
        assert output is not None  # there is at least one cluster
        output = output + head
        loss = (-output).mean()
        return ASMoutput(output if rank else output.squeeze(0), loss)

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities (N, n_classes) of all classes for an input (N, in_features)."""
        return self._all(input, self.head(input))

    def _all(self, input: Tensor, head_output: Tensor) -> Tensor:
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i in range(self.n_clusters):
            cluster = F.log_softmax(self.tail[i](input), dim=1)
            parts.append(cluster + head[:, self.shortlist_size + i].unsqueeze(1))
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The class of the greatest probability: that of the short list if the head prefers one, else of all."""
        head_output = self.head(input)
        best: Tensor = head_output.argmax(dim=1)
        return best.where(best < self.shortlist_size, self._all(input, head_output).argmax(dim=1))
