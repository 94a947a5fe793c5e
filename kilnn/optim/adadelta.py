"""Adadelta."""

from __future__ import annotations

from typing import Any

from jax import numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_implementation, check_range, check_rate, number
from kilnn.optim.rules import decay_kind, decayed, rule


@rule("adadelta")
def adadelta_rule(
    p: Any, g: Any, square: Any, moved: Any, lr: Scalar, rho: Scalar, rest: Scalar, eps: Scalar, decay: Scalar, *,
    maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """square: running mean of g^2; d = sqrt(moved + eps) / sqrt(square + eps) g; moved: of d^2; p -= lr d."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    square = rho * square + rest * g * g
    change = jnp.sqrt(moved + eps) / jnp.sqrt(square + eps) * g
    return p - lr * change, square, rho * moved + rest * change * change


class Adadelta(BundledOptimizer):
    """Adadelta: the gradient scaled by running root mean squares of past changes and of itself.

    s = rho s + (1 - rho) g^2,  d = sqrt(u + eps) / sqrt(s + eps) g,  u = rho u + (1 - rho) d^2,  p = p - lr d

    Args:
        params: tensors or parameter groups.
        lr: learning rate, >= 0.
        rho: decay of the running means, in [0, 1].
        eps: added under the roots, >= 0.
        weight_decay: L2 penalty, >= 0.
        maximize: ascend.
        foreach, capturable: accepted; the step is one compiled program in any case.
        differentiable: not supported.

    Raises:
        ValueError: a hyper-parameter outside its range.
        NotImplementedError: differentiable=True.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, requires_grad=True)
        >>> optimizer = kilnn.optim.Adadelta([w], lr=1.0, eps=0.01)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.6877

    Source: Zeiler 2012, https://arxiv.org/abs/1212.5701;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adadelta.html
    """

    _states = ("square_avg", "acc_delta")

    def __init__(
        self, params: ParamsT, lr: Any = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_rate(lr)
        check_range("rho value", rho, 0.0, 1.0)
        check_range("epsilon value", eps, 0.0)
        check_range("weight_decay value", weight_decay, 0.0)
        check_implementation(differentiable=differentiable)
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        return adadelta_rule, self._states, (bool(group["maximize"]), decay_kind(group))

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        rho = number(group["rho"])
        return number(group["lr"]), rho, 1 - rho, number(group["eps"]), number(group["weight_decay"])
