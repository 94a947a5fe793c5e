"""Arithmetic as a layer, so that hooks see its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from kilnn.nn.layers.linear import Identity
from kilnn.nn.module import Module
from kilnn.tensor.functions import activation, arithmetic, joining, products
from kilnn.tensor.tensor import Tensor


class FloatFunctional(Module):
    """Sums and products of tensors whose results pass through the layer `activation_post_process`.

    That layer is an `nn.Identity`. Put another one in its place, or a hook on it, to look at results or to change them;
    PyTorch's quantisation puts its observers there.

    Example:
        >>> import kilnn
        >>> class Residual(kilnn.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.sum = kilnn.nn.quantized.FloatFunctional()
        ...     def forward(self, x):
        ...         return self.sum.add(x, x.relu())
        >>> Residual()(kilnn.tensor([-1.0, 2.0])).tolist()
        [-1.0, 4.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.ao.nn.quantized.FloatFunctional.html
    """

    def __init__(self) -> None:
        super().__init__()
        self.activation_post_process = Identity()

    def forward(self, x: Tensor) -> NoReturn:
        raise RuntimeError(
            "FloatFunctional is not intended to use the 'forward'. Please use the underlying operation: "
            "add, add_scalar, mul, mul_scalar, cat, add_relu or matmul"
        )

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """x + y."""
        return self._seen(arithmetic.add(x, y))

    def add_scalar(self, x: Tensor, y: float) -> Tensor:
        """x + y for a number y. The result passes by the layer, as in PyTorch."""
        return arithmetic.add(x, y)

    def mul(self, x: Tensor, y: Tensor) -> Tensor:
        """x * y, element by element."""
        return self._seen(arithmetic.mul(x, y))

    def mul_scalar(self, x: Tensor, y: float) -> Tensor:
        """x * y for a number y. The result passes by the layer, as in PyTorch."""
        return arithmetic.mul(x, y)

    def cat(self, x: Sequence[Tensor], dim: int = 0) -> Tensor:
        """The tensors one after another along `dim`."""
        return self._seen(joining.cat(x, dim=dim))

    def add_relu(self, x: Tensor, y: Tensor) -> Tensor:
        """max(x + y, 0)."""
        return self._seen(activation.relu(arithmetic.add(x, y)))

    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        """The matrix product of x and y."""
        return self._seen(products.matmul(x, y))

    def _seen(self, result: Tensor) -> Tensor:
        return self.activation_post_process(result)  # type: ignore[no-any-return]  # what a layer returns
