"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_implementation, check_range, check_rate, number
from kilnn.optim.rules import decay_kind, decayed, rule


@rule("sgd")
def sgd_rule(p: Any, g: Any, lr: Scalar, decay: Scalar, *, maximize: bool, weight_decay: str) -> Any:
    """p -= lr (g + decay p)."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    return p - lr * g


@rule("sgd_momentum")
def sgd_momentum_rule(
    p: Any, g: Any, buffer: Any, lr: Scalar, decay: Scalar, momentum: Scalar, share: Scalar, *, maximize: bool,
    weight_decay: str, nesterov: bool,
) -> Any:  # fmt: skip
    """buffer = momentum buffer + share g; p -= lr (buffer, or g + momentum buffer with Nesterov)."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    buffer = momentum * buffer + share * g
    return p - lr * (g + momentum * buffer if nesterov else buffer), buffer


class SGD(BundledOptimizer):
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
        NotImplementedError: differentiable=True.

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
        check_rate(lr)
        check_range("momentum value", momentum, 0.0)
        check_range("weight_decay value", weight_decay, 0.0)
        check_implementation(differentiable=differentiable, foreach=foreach, fused=fused)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        flags = (bool(group["maximize"]), decay_kind(group))
        if group["momentum"] == 0:
            return sgd_rule, (), flags
        return sgd_momentum_rule, ("momentum_buffer",), (*flags, bool(group["nesterov"]))

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        lr, decay, momentum = number(group["lr"]), number(group["weight_decay"]), number(group["momentum"])
        if momentum == 0:
            return lr, decay
        return lr, decay, momentum, 1.0 if bundle.steps == 1 else 1 - number(group["dampening"])
