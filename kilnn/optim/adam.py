"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from jax import lax, numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_betas, check_implementation, check_range, check_rate, number, one_element
from kilnn.optim.rules import decay_kind, decay_number, decayed, rule
from kilnn.tensor.tensor import Tensor


@rule("adam")
def adam_rule(
    p: Any, g: Any, m: Any, v: Any, step_size: Scalar, beta1_rest: Scalar, beta2: Scalar, beta2_rest: Scalar,
    root_correction: Scalar, eps: Scalar, decay: Scalar, *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """m += (1-b1)(g-m); v = b2 v + (1-b2) g^2; p -= step_size m / (sqrt(v)/root_correction + eps)."""
    p, g = decayed(p, g, decay, maximize, weight_decay)
    m = m + beta1_rest * (g - m)
    v = beta2 * v + beta2_rest * g * g
    return p - step_size * (m / (jnp.sqrt(v) / root_correction + eps)), m, v


@rule("adam_amsgrad")
def adam_amsgrad_rule(
    p: Any, g: Any, m: Any, v: Any, top: Any, step_size: Scalar, beta1_rest: Scalar, beta2: Scalar, beta2_rest: Scalar,
    root_correction: Scalar, eps: Scalar, decay: Scalar, *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """As adam, with the largest v so far in the denominator."""
    p, g = decayed(p, g, decay, maximize, weight_decay)
    m = m + beta1_rest * (g - m)
    v = beta2 * v + beta2_rest * g * g
    top = lax.max(top, v)
    return p - step_size * (m / (jnp.sqrt(top) / root_correction + eps)), m, v, top


class Adam(BundledOptimizer):
    """Adam: steps along running means of the gradient, scaled by running means of its square.

    m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,
    p = p - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

    Args:
        params: tensors or parameter groups.
        lr: learning rate, >= 0.
        betas: decay of the two running means, each in [0, 1).
        eps: added to the denominator, >= 0.
        weight_decay: L2 penalty, >= 0.
        amsgrad: use the largest v so far.
        maximize: ascend.
        decoupled_weight_decay: shrink the weights directly, as AdamW does.
        foreach, fused, capturable: accepted; the step is one compiled program in any case.
        differentiable: not supported.

    Raises:
        ValueError: a hyper-parameter outside its range.
        NotImplementedError: differentiable=True.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, requires_grad=True)
        >>> optimizer = kilnn.optim.Adam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.9

    Source: Kingma and Ba 2014, https://arxiv.org/abs/1412.6980 (eps outside the bias correction, as in PyTorch);
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adam.html
    """

    def __init__(
        self, params: ParamsT, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        check_rate(lr)
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_range("epsilon value", eps, 0.0)
        check_betas(betas)
        check_range("weight_decay value", weight_decay, 0.0)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        for place in (0, 1):
            if isinstance(betas[place], Tensor) and not capturable and foreach:
                raise ValueError(f"betas[{place}] as a Tensor is not supported for capturable=False and foreach=True")
            one_element(f"betas[{place}]", betas[place])
        check_implementation(differentiable=differentiable, foreach=foreach, fused=fused)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    _states = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        attributes = (bool(group["maximize"]), decay_kind(group))
        if group["amsgrad"]:
            return adam_amsgrad_rule, ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"), attributes
        return adam_rule, ("exp_avg", "exp_avg_sq"), attributes

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        lr, (beta1, beta2), eps, step = group["lr"], group["betas"], group["eps"], bundle.steps
        if not (lr.__class__ is beta1.__class__ is beta2.__class__ is eps.__class__ is float):
            lr, beta1, beta2, eps = number(lr), number(beta1), number(beta2), number(eps)
        return (
            lr / (1 - beta1**step), 1 - beta1, beta2, 1 - beta2, (1 - beta2**step) ** 0.5, eps,
            decay_number(group, lr),
        )  # fmt: skip


class AdamW(Adam):
    """Adam with decoupled weight decay: p = p (1 - lr * weight_decay) before each step.

    Args: as Adam; weight_decay defaults to 0.01.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, requires_grad=True)
        >>> optimizer = kilnn.optim.AdamW([w], lr=0.1, weight_decay=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.85

    Source: Loshchilov and Hutter 2017, https://arxiv.org/abs/1711.05101;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.AdamW.html
    """

    def __init__(
        self, params: ParamsT, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip
