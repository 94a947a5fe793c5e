"""SparseAdam: there are no sparse gradients."""

from __future__ import annotations

from typing import Any

from kilnn.optim.optimizer import Optimizer, ParamsT


class SparseAdam(Optimizer):
    """Not supported: Adam for sparse gradients, which kilnn does not have; `Embedding` gives dense ones.

    Raises:
        NotImplementedError: always.

    Example:
        >>> import kilnn
        >>> kilnn.optim.SparseAdam([kilnn.zeros(2, requires_grad=True)])
        Traceback (most recent call last):
        NotImplementedError: SparseAdam is for sparse gradients, and gradients are dense here. Use kilnn.optim.Adam

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.SparseAdam.html
    """

    def __init__(
        self, params: ParamsT, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:  # fmt: skip
        raise NotImplementedError(
            "SparseAdam is for sparse gradients, and gradients are dense here. Use kilnn.optim.Adam"
        )
