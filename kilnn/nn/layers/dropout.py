"""Dropout layers. They do nothing in evaluation mode."""

from __future__ import annotations

from kilnn.nn import functional as F
from kilnn.nn.module import Module
from kilnn.tensor.tensor import Tensor


class _Dropout(Module):
    """What the dropout layers share."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """While training, sets elements to zero with probability p and divides the others by 1 - p.

    Args:
        p: probability in [0, 1]; may be changed at any time without a new program.
        inplace: write the result into the input.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """While training, sets whole channels of (N, C, L) to zero with probability p.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout1d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """While training, sets whole channels of (N, C, H, W) to zero with probability p.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout2d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """While training, sets whole channels of (N, C, D, H, W) to zero with probability p.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout3d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """While training, dropout that keeps mean and variance, for networks with SELU.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.AlphaDropout.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """While training, `AlphaDropout` of whole channels of (N, C, ...).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.FeatureAlphaDropout.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
