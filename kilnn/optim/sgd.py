"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from kilnn.ops.spec import Op, Scalar, op
from kilnn.optim.optimizer import Optimizer, ParamsT, check_range, number, refuse


@op(name="sgd")
def sgd_rule(p: Any, g: Any, lr: Scalar, decay: Scalar, *, maximize: bool, decays: bool) -> Any:
    """p -= lr (g + decay p)."""
    g = -g if maximize else g
    return p - lr * (g + decay * p if decays else g)


@op(name="sgd_momentum")
def sgd_momentum_rule(
    p: Any,
    g: Any,
    buffer: Any,
    lr: Scalar,
    decay: Scalar,
    momentum: Scalar,
    share: Scalar,
    *,
    maximize: bool,
    decays: bool,
    nesterov: bool,
) -> Any:
    """buffer = momentum buffer + share g; p -= lr (buffer, or g + momentum buffer with Nesterov)."""
    g = -g if maximize else g
    if decays:
        g = g + decay * p
    buffer = momentum * buffer + share * g
    return p - lr * (g + momentum * buffer if nesterov else buffer), buffer


class SGD(Optimizer):
    """Stochastic gradient descent: p = p - lr * g, optionally with momentum.

    With momentum: b = momentum * b + (1 - dampening) * g (b = g in the first step), p = p - lr * b;
    Nesterov: p = p - lr * (g + momentum * b).

    Args:
        params: tensors or parameter groups.
        lr: learning rate, >= 0.
        momentum: >= 0.
        dampening: of the gradient's share in the momentum buffer.
        weight_decay: L2 penalty, >= 0.
        nesterov: needs momentum > 0 and dampening = 0.
        maximize: ascend.
        foreach, fused: accepted; the step is one compiled program in any case.
        differentiable: not supported.

    Raises:
        ValueError: a hyper-parameter outside its range.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(1, requires_grad=True)
        >>> optimizer = kilnn.optim.SGD([w], lr=0.5)
        >>> (w * 2).sum().backward()
        >>> optimizer.step()
        >>> w.item()
        0.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.SGD.html
    """

    _counts_steps = False
    _states = ("momentum_buffer",)

    def __init__(
        self, params: ParamsT, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: Any = 0,
        nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_range("learning rate", lr, 0.0)
        check_range("momentum value", momentum, 0.0)
        check_range("weight_decay value", weight_decay, 0.0)
        refuse(differentiable=differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)
        self._prepare()

    def _rule(self, group: dict[str, Any]) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        flags = (bool(group["maximize"]), group["weight_decay"] != 0)
        if group["momentum"] == 0:
            return sgd_rule, (), flags
        return sgd_momentum_rule, ("momentum_buffer",), (*flags, bool(group["nesterov"]))

    def _scalars(self, group: dict[str, Any], step: int) -> tuple[float, ...]:
        lr, decay, momentum = number(group["lr"]), number(group["weight_decay"]), number(group["momentum"])
        if momentum == 0:
            return lr, decay
        return lr, decay, momentum, 1.0 if step == 1 else 1 - number(group["dampening"])
