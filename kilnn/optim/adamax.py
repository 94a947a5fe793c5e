"""Adamax: Adam with the largest gradient."""

from __future__ import annotations

from typing import Any

from jax import lax, numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_betas, check_implementation, check_range, check_rate, number
from kilnn.optim.rules import decay_kind, decayed, rule


@rule("adamax")
def adamax_rule(
    p: Any, g: Any, m: Any, u: Any, step_size: Scalar, beta1_rest: Scalar, beta2: Scalar, eps: Scalar, decay: Scalar,
    *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """m += (1-b1)(g-m); u = max(b2 u, |g| + eps); p -= step_size m / u."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    m = m + beta1_rest * (g - m)
    u = lax.max(beta2 * u, jnp.abs(g) + eps)
    return p - step_size * (m / u), m, u


class Adamax(BundledOptimizer):
    """Adamax: Adam with a running maximum of the gradient's size instead of its mean square.

    m = b1 m + (1 - b1) g,  u = max(b2 u, |g| + eps),  p = p - lr / (1 - b1^t) m / u

    Args:
        params: tensors or parameter groups.
        lr: learning rate, >= 0.
        betas: decay of the running mean and of the running maximum, each in [0, 1).
        eps: added to the gradient's size, >= 0.
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
        >>> optimizer = kilnn.optim.Adamax([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.9

    Source: Kingma and Ba 2014, section 7.1, https://arxiv.org/abs/1412.6980;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adamax.html
    """

    _states = ("exp_avg", "exp_inf")

    def __init__(
        self, params: ParamsT, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        check_rate(lr)
        check_range("epsilon value", eps, 0.0)
        check_betas(betas)
        check_range("weight_decay value", weight_decay, 0.0)
        check_implementation(differentiable=differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        return adamax_rule, self._states, (bool(group["maximize"]), decay_kind(group))

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        beta1, beta2 = number(group["betas"][0]), number(group["betas"][1])
        return (
            number(group["lr"]) / (1 - beta1**bundle.steps), 1 - beta1, beta2, number(group["eps"]),
            number(group["weight_decay"]),
        )  # fmt: skip
