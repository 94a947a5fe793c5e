"""Resilient backpropagation."""

from __future__ import annotations

from typing import Any

from jax import numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import check_implementation, check_rate, number
from kilnn.optim.rules import rule


@rule("rprop")
def rprop_rule(
    p: Any, g: Any, before: Any, size: Any, shrink: Scalar, grow: Scalar, smallest: Scalar, largest: Scalar, *,
    maximize: bool,
) -> Any:  # fmt: skip
    """size grows where g keeps its sign and shrinks where g changes it, there without a step; p -= sign(g) size."""
    g = -g if maximize else g
    turn = jnp.sign(g * before)
    size = jnp.clip(size * jnp.where(turn > 0, grow, jnp.where(turn < 0, shrink, 1)), smallest, largest)
    g = jnp.where(turn < 0, 0, g)
    return p - jnp.sign(g) * size, g, size


class Rprop(BundledOptimizer):
    """Resilient backpropagation: only the signs of the gradient count; each weight has a step size of its own.

    Where g keeps its sign: size = min(etas[1] size, largest); where it changes: size = max(etas[0] size, smallest), and
    no step is made.  p = p - sign(g) size

    Args:
        params: tensors or parameter groups.
        lr: what the step sizes start from, >= 0.
        etas: factors (shrink, grow) with 0 < shrink < 1 < grow.
        step_sizes: (smallest, largest).
        maximize: ascend.
        foreach, capturable: accepted; the step is one compiled program in any case.
        differentiable: not supported.

    Raises:
        ValueError: a hyper-parameter outside its range.
        NotImplementedError: differentiable=True.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, requires_grad=True)
        >>> optimizer = kilnn.optim.Rprop([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0].item(), 4)
        0.9

    Source: Riedmiller and Braun 1993, https://doi.org/10.1109/ICNN.1993.298623;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.Rprop.html
    """

    _states = ("prev", "step_size")

    def __init__(
        self, params: ParamsT, lr: Any = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        check_implementation(differentiable=differentiable)
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _initial(self, name: str, group: dict[str, Any], bundle: Bundle) -> complex:
        if name == "prev":
            return 0.0
        lr = number(group["lr"])
        return complex(lr, lr) if bundle.avals[0].dtype.kind == "c" else lr

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        return rprop_rule, self._states, (bool(group["maximize"]),)

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        return (*map(number, group["etas"]), *map(number, group["step_sizes"]))
