"""RAdam: Adam with a rectified second moment."""

from __future__ import annotations

from typing import Any

from jax import numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_betas, check_implementation, check_range, check_rate, number
from kilnn.optim.rules import decay_kind, decay_number, decayed, rule


@rule("radam")
def radam_rule(
    p: Any, g: Any, m: Any, v: Any, step_size: Scalar, beta1_rest: Scalar, beta2: Scalar, beta2_rest: Scalar,
    rectified: Scalar, eps: Scalar, decay: Scalar, *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """m += (1-b1)(g-m); v = b2 v + (1-b2) g^2; p -= step_size m (rectified / (sqrt(v) + eps), or 1 if that is 0)."""
    p, g = decayed(p, g, decay, maximize, weight_decay)
    m = m + beta1_rest * (g - m)
    v = beta2 * v + beta2_rest * g * g
    return p - step_size * m * jnp.where(rectified > 0, rectified / (jnp.sqrt(v) + eps), 1), m, v


class RAdam(BundledOptimizer):
    """RAdam: Adam that waits with its second moment until enough gradients were seen to trust it.

    m and v as in Adam; n = 2 / (1 - b2) - 1,  r = n - 2 t b2^t / (1 - b2^t).  Where r > 5:
    p = p - lr m / (1 - b1^t) sqrt(1 - b2^t) / (sqrt(v) + eps) sqrt((r-4)(r-2) n / ((n-4)(n-2) r)),
    else p = p - lr m / (1 - b1^t).

    Args:
        params: tensors or parameter groups.
        lr: learning rate, >= 0.
        betas: decay of the two running means, each in [0, 1).
        eps: added to the denominator, >= 0.
        weight_decay: L2 penalty, >= 0.
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
        >>> optimizer = kilnn.optim.RAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.8

    Source: Liu et al. 2019, https://arxiv.org/abs/1908.03265;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.RAdam.html
    """

    _states = ("exp_avg", "exp_avg_sq")

    def __init__(
        self, params: ParamsT, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_rate(lr)
        check_range("epsilon value", eps, 0.0)
        check_betas(betas)
        check_range("weight_decay value", weight_decay, 0.0)
        check_implementation(differentiable=differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        return radam_rule, self._states, (bool(group["maximize"]), decay_kind(group))

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        lr, step = number(group["lr"]), bundle.steps
        beta1, beta2 = number(group["betas"][0]), number(group["betas"][1])
        correction = 1 - beta2**step
        most = 2 / (1 - beta2) - 1
        length = most - 2 * step * beta2**step / correction
        rectified = 0.0
        if length > 5:
            rectified = ((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length) * correction) ** 0.5
        return (
            lr / (1 - beta1**step), 1 - beta1, beta2, 1 - beta2, rectified, number(group["eps"]),
            decay_number(group, lr),
        )  # fmt: skip
