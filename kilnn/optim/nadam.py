"""NAdam: Adam with Nesterov momentum."""

from __future__ import annotations

from typing import Any

from jax import numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_betas, check_implementation, check_range, check_rate, number
from kilnn.optim.rules import decay_kind, decay_number, decayed, rule
from kilnn.optim.state import rounded


@rule("nadam")
def nadam_rule(
    p: Any, g: Any, m: Any, v: Any, gradient_size: Scalar, mean_size: Scalar, beta1_rest: Scalar, beta2: Scalar,
    beta2_rest: Scalar, correction: Scalar, eps: Scalar, decay: Scalar, *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """m += (1-b1)(g-m); v = b2 v + (1-b2) g^2; p -= (gradient_size g + mean_size m) / (sqrt(v / correction) + eps)."""
    p, g = decayed(p, g, decay, maximize, weight_decay)
    m = m + beta1_rest * (g - m)
    v = beta2 * v + beta2_rest * g * g
    return p - (gradient_size * g + mean_size * m) / (jnp.sqrt(v / correction) + eps), m, v


class NAdam(BundledOptimizer):
    """NAdam: Adam whose running mean of the gradient is looked at one step ahead.

    mu_t = b1 (1 - 0.96^(t momentum_decay) / 2),  m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,
    p = p - lr (g (1 - mu_t) / (1 - mu_1...mu_t) + m mu_(t+1) / (1 - mu_1...mu_(t+1))) / (sqrt(v / (1 - b2^t)) + eps)

    Args:
        params: tensors or parameter groups.
        lr: learning rate, >= 0.
        betas: decay of the two running means, each in [0, 1).
        eps: added to the denominator, >= 0.
        weight_decay: L2 penalty, >= 0.
        momentum_decay: how fast mu grows to b1, >= 0.
        decoupled_weight_decay: shrink the weights directly, as AdamW does.
        maximize: ascend.
        foreach, capturable: accepted; the step is one compiled program in any case.
        differentiable: not supported.

    Raises:
        ValueError: a hyper-parameter outside its range.
        NotImplementedError: differentiable=True.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, requires_grad=True)
        >>> optimizer = kilnn.optim.NAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.8944

    Source: Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.NAdam.html
    """

    _states = ("exp_avg", "exp_avg_sq")
    _numbers = ("mu_product",)

    def __init__(
        self, params: ParamsT, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_rate(lr)
        check_range("epsilon value", eps, 0.0)
        check_betas(betas)
        check_range("weight_decay value", weight_decay, 0.0)
        check_range("momentum_decay value", momentum_decay, 0.0)
        check_implementation(differentiable=differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _initial_numbers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"mu_product": 1.0}

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        return nadam_rule, self._states, (bool(group["maximize"]), decay_kind(group))

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        lr, step = number(group["lr"]), bundle.steps
        beta1, beta2 = number(group["betas"][0]), number(group["betas"][1])
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1))
        product = rounded(bundle.numbers["mu_product"] * mu)
        bundle.advance(mu_product=product)
        return (
            lr * (1 - mu) / (1 - product), lr * mu_next / (1 - product * mu_next), 1 - beta1, beta2, 1 - beta2,
            1 - beta2**step, number(group["eps"]), decay_number(group, lr),
        )  # fmt: skip
