"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from jax import numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_implementation, check_range, check_rate, number
from kilnn.optim.rules import decay_kind, decayed, rule
from kilnn.optim.state import rounded


@rule("asgd")
def asgd_rule(
    p: Any, g: Any, average: Any, eta: Scalar, kept: Scalar, mu: Scalar, decay: Scalar, *, maximize: bool,
    weight_decay: str,
) -> Any:  # fmt: skip
    """p = kept p - eta g; average += mu (p - average), or p where mu is 1."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    p = kept * p - eta * g
    return p, jnp.where(mu == 1, p, average + mu * (p - average))


class ASGD(BundledOptimizer):
    """Averaged stochastic gradient descent: plain steps with a falling rate, and the mean of the weights beside them.

    p = (1 - lambd eta) p - eta g,  ax = ax + mu (p - ax);  then for the next step
    eta = lr / (1 + lambd lr t)^alpha,  mu = 1 / max(1, t - t0)

    Args:
        params: tensors or parameter groups.
        lr: learning rate, >= 0.
        lambd: decay.
        alpha: power of the rate's decay.
        t0: step from which on weights are averaged; the average is `state[p]["ax"]`.
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
        >>> optimizer = kilnn.optim.ASGD([w], lr=0.1, lambd=0.0)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.8

    Source: Polyak and Juditsky 1992, https://doi.org/10.1137/0330046;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.ASGD.html
    """

    _states = ("ax",)
    _numbers = ("eta", "mu")

    def __init__(
        self, params: ParamsT, lr: Any = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        check_rate(lr)
        check_range("weight_decay value", weight_decay, 0.0)
        check_implementation(differentiable=differentiable)
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _initial_numbers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"eta": rounded(number(group["lr"])), "mu": 1.0}

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        return asgd_rule, self._states, (bool(group["maximize"]), decay_kind(group))

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        eta, mu = bundle.numbers["eta"], bundle.numbers["mu"]
        lr, lambd, step = number(group["lr"]), number(group["lambd"]), bundle.steps
        bundle.advance(
            eta=rounded(lr / (1 + lambd * lr * step) ** number(group["alpha"])),
            mu=rounded(1 / max(1.0, step - number(group["t0"]))),
        )
        return eta, 1 - lambd * eta, mu, number(group["weight_decay"])
