"""Adagrad."""

from __future__ import annotations

from typing import Any

from jax import numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_implementation, check_range, check_rate, number
from kilnn.optim.rules import decay_kind, decayed, rule


@rule("adagrad")
def adagrad_rule(
    p: Any, g: Any, total: Any, rate: Scalar, eps: Scalar, decay: Scalar, *, maximize: bool, weight_decay: str
) -> Any:
    """total += g^2; p -= rate g / (sqrt(total) + eps)."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    total = total + g * g
    return p - rate * (g / (jnp.sqrt(total) + eps)), total


class Adagrad(BundledOptimizer):
    """Adagrad: the gradient divided by the root of the sum of all its squares so far.

    s = s + g^2,  p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    Args:
        params: tensors or parameter groups.
        lr: learning rate, >= 0.
        lr_decay: >= 0.
        weight_decay: L2 penalty, >= 0.
        initial_accumulator_value: what the sum starts from, >= 0.
        eps: added to the denominator, >= 0.
        maximize: ascend.
        foreach, fused: accepted; the step is one compiled program in any case.
        differentiable: not supported.

    Raises:
        ValueError: a hyper-parameter outside its range.
        NotImplementedError: differentiable=True.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, requires_grad=True)
        >>> optimizer = kilnn.optim.Adagrad([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.9

    Source: Duchi, Hazan and Singer 2011, https://jmlr.org/papers/v12/duchi11a.html;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adagrad.html
    """

    _states = ("sum",)

    def __init__(
        self, params: ParamsT, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_rate(lr)
        check_range("lr_decay value", lr_decay, 0.0)
        check_range("weight_decay value", weight_decay, 0.0)
        check_range("initial_accumulator_value value", initial_accumulator_value, 0.0)
        check_range("epsilon value", eps, 0.0)
        check_implementation(differentiable=differentiable, foreach=foreach, fused=fused)
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:  # as in PyTorch, the state is there before the first step
            for bundle in self._bundles[id(group)]:
                self._begin_state(bundle, self._states, group)

    def share_memory(self) -> None:
        """Not supported: there is no memory shared between processes.

        Raises: NotImplementedError."""
        raise NotImplementedError("Adagrad.share_memory(): kilnn's tensors are not shared between processes")

    def _initial(self, name: str, group: dict[str, Any], bundle: Bundle) -> complex:
        start = self.defaults["initial_accumulator_value"]
        return complex(start, start) if bundle.avals[0].dtype.kind == "c" else float(start)

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        return adagrad_rule, self._states, (bool(group["maximize"]), decay_kind(group))

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        rate = number(group["lr"]) / (1 + (bundle.steps - 1) * number(group["lr_decay"]))
        return rate, number(group["eps"]), number(group["weight_decay"])
