"""Local response normalisation: each channel against its neighbours."""

from __future__ import annotations

from kilnn.nn import functional as F
from kilnn.nn.functional.normalization import neighbours
from kilnn.nn.module import Module
from kilnn.tensor.tensor import Tensor


class _ResponseNorm(Module):
    """What the two layers share."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class LocalResponseNorm(_ResponseNorm):
    """x / (k + alpha * mean of x**2 over `size` neighbouring channels)**beta.

    Shape: (N, C, ...).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LocalResponseNorm.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)


class CrossMapLRN2d(_ResponseNorm):
    """`LocalResponseNorm` of (N, C, H, W) as PyTorch ported it from Torch7: the first channel stays in all later sums.

    Differs from PyTorch: the gradient is the derivative; PyTorch's looks at the wrong neighbours.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.CrossMapLRN2d.html
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        square = input * input
        reach = (self.size - 1) // 2
        total = neighbours(square, reach, reach)
        later = max(input.size(1) - reach - 1, 0)
        if later:
            first = square[:, :1].expand(-1, later, -1, -1)
            total = total + F.pad(first, (0, 0, 0, 0, input.size(1) - later, 0))
        return input * (total * (self.alpha / self.size) + self.k).pow(-self.beta)
