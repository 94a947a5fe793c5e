"""What update rules share: how they are registered, and how a gradient is made ready."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from jax import lax, numpy as jnp

from kilnn.ops.spec import Op, op


def rule(name: str) -> Callable[[Callable[..., Any]], Op]:
    """Register an update rule `(parameter, gradient, *states, *numbers) -> (parameter, *states)`.

    To the rule complex arrays are pairs of real numbers, as in PyTorch: each part has its own second moment.
    """

    def register(fn: Callable[..., Any]) -> Op:
        @functools.wraps(fn)
        def of_pairs(*operands: Any, **attributes: Any) -> Any:
            if not jnp.iscomplexobj(operands[0]):
                return fn(*operands, **attributes)
            real = operands[0].real.dtype  # numbers beside complex arrays come in double precision
            outs = fn(*[_pairs(x) if jnp.iscomplexobj(x) else x.astype(real) for x in operands], **attributes)
            return tuple([lax.complex(x[..., 0], x[..., 1]) for x in outs]) if isinstance(outs, tuple) else (
                lax.complex(outs[..., 0], outs[..., 1])
            )  # fmt: skip

        return op(name=name, half="upcast")(of_pairs)

    return register


def _pairs(x: Any) -> Any:
    return jnp.stack([x.real, x.imag], -1)


def decayed(p: Any, g: Any, decay: Any, maximize: bool, weight_decay: str) -> tuple[Any, Any]:
    """Parameter and gradient after weight decay: "none", "l2" (g + decay p) or "decoupled" (p (1 - decay))."""
    if maximize:
        g = -g
    if weight_decay == "l2":
        g = g + decay * p
    elif weight_decay == "decoupled":
        p = p * (1 - decay)
    return p, g


def decay_kind(group: dict[str, Any]) -> str:
    """Which weight decay a group asks for; whether it is 0 is part of the program, as in PyTorch."""
    if group["weight_decay"] == 0:
        return "none"
    return "decoupled" if group.get("decoupled_weight_decay", False) else "l2"


def decay_number(group: dict[str, Any], lr: float) -> float:
    """The number that `decayed` takes."""
    decay = float(group["weight_decay"])
    return decay * lr if group.get("decoupled_weight_decay", False) else decay
