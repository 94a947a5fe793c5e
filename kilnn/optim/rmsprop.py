"""RMSprop."""

from __future__ import annotations

from typing import Any

from jax import numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_implementation, check_range, check_rate, number
from kilnn.optim.rules import decay_kind, decayed, rule


@rule("rmsprop")
def rmsprop_rule(
    p: Any, g: Any, square: Any, lr: Scalar, alpha: Scalar, rest: Scalar, eps: Scalar, decay: Scalar, momentum: Scalar,
    *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """square = alpha square + (1 - alpha) g^2; p -= lr g / (sqrt(square) + eps)."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    square = alpha * square + rest * g * g
    return p - lr * (g / (jnp.sqrt(square) + eps)), square


@rule("rmsprop_momentum")
def rmsprop_momentum_rule(
    p: Any, g: Any, square: Any, buffer: Any, lr: Scalar, alpha: Scalar, rest: Scalar, eps: Scalar, decay: Scalar,
    momentum: Scalar, *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """As rmsprop, the scaled gradient gathered in a momentum buffer."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    square = alpha * square + rest * g * g
    buffer = momentum * buffer + g / (jnp.sqrt(square) + eps)
    return p - lr * buffer, square, buffer


@rule("rmsprop_centered")
def rmsprop_centered_rule(
    p: Any, g: Any, square: Any, mean: Any, lr: Scalar, alpha: Scalar, rest: Scalar, eps: Scalar, decay: Scalar,
    momentum: Scalar, *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """As rmsprop, with the variance instead of the mean square."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    square = alpha * square + rest * g * g
    mean = mean + rest * (g - mean)
    return p - lr * (g / (jnp.sqrt(square - mean * mean) + eps)), square, mean


@rule("rmsprop_centered_momentum")
def rmsprop_centered_momentum_rule(
    p: Any, g: Any, square: Any, buffer: Any, mean: Any, lr: Scalar, alpha: Scalar, rest: Scalar, eps: Scalar,
    decay: Scalar, momentum: Scalar, *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """Centered, with momentum."""
    _, g = decayed(p, g, decay, maximize, weight_decay)
    square = alpha * square + rest * g * g
    mean = mean + rest * (g - mean)
    buffer = momentum * buffer + g / (jnp.sqrt(square - mean * mean) + eps)
    return p - lr * buffer, square, buffer, mean


class RMSprop(BundledOptimizer):
    """RMSprop: the gradient divided by a running root mean square of itself.

    s = alpha s + (1 - alpha) g^2,  p = p - lr * g / (sqrt(s) + eps)

    Args:
        params: tensors or parameter groups.
        lr: learning rate, >= 0.
        alpha: decay of the running mean, >= 0.
        eps: added to the denominator, >= 0.
        weight_decay: L2 penalty, >= 0.
        momentum: >= 0.
        centered: divide by the standard deviation instead (subtracts the squared running mean).
        maximize: ascend.
        foreach, capturable: accepted; the step is one compiled program in any case.
        differentiable: not supported.

    Raises:
        ValueError: a hyper-parameter outside its range.
        NotImplementedError: differentiable=True.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, requires_grad=True)
        >>> optimizer = kilnn.optim.RMSprop([w], lr=0.05)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.5

    Source: Hinton, lecture 6e, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.RMSprop.html
    """

    _states = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self, params: ParamsT, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
        momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_rate(lr)
        check_range("epsilon value", eps, 0.0)
        check_range("momentum value", momentum, 0.0)
        check_range("weight_decay value", weight_decay, 0.0)
        check_range("alpha value", alpha, 0.0)
        check_implementation(differentiable=differentiable)
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        flags = (bool(group["maximize"]), decay_kind(group))
        if group["centered"]:
            if group["momentum"] > 0:
                return rmsprop_centered_momentum_rule, ("square_avg", "momentum_buffer", "grad_avg"), flags
            return rmsprop_centered_rule, ("square_avg", "grad_avg"), flags
        if group["momentum"] > 0:
            return rmsprop_momentum_rule, ("square_avg", "momentum_buffer"), flags
        return rmsprop_rule, ("square_avg",), flags

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        alpha = number(group["alpha"])
        return (
            number(group["lr"]), alpha, 1 - alpha, number(group["eps"]), number(group["weight_decay"]),
            number(group["momentum"]),
        )  # fmt: skip
