"""Muon: momentum made orthogonal."""

from __future__ import annotations

from typing import Any

from jax import lax, numpy as jnp

from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import number, one_element
from kilnn.optim.rules import rule

_A, _B, _C = 3.4445, -4.7750, 2.0315
_ADJUSTMENTS = (None, "original", "match_rms_adamw")


@rule("muon")
def muon_rule(
    p: Any, g: Any, buffer: Any, kept: Scalar, rate: Scalar, momentum: Scalar, rest: Scalar, a: Scalar, b: Scalar,
    c: Scalar, eps: Scalar, *, nesterov: bool, iterations: int,
) -> Any:  # fmt: skip
    """buffer += (1-momentum)(g-buffer); p = kept p - rate orthogonal(buffer, or with Nesterov a mix of it and g)."""
    buffer = buffer + rest * (g - buffer)
    update = g + momentum * (buffer - g) if nesterov else buffer
    return kept * p - rate * _orthogonal(update, (a, b, c), eps, iterations).astype(p.dtype), buffer


def _orthogonal(x: Any, coefficients: tuple[Any, Any, Any], eps: Any, iterations: int) -> Any:
    """The nearest matrix with orthonormal rows (or columns), by Newton-Schulz iterations in bfloat16."""
    tall = x.shape[0] > x.shape[1]
    a, b, c = [k.astype(jnp.float32) for k in coefficients]
    low, single = jnp.bfloat16, jnp.float32

    def product(x: Any, y: Any) -> Any:
        return lax.dot(x, y, preferred_element_type=single)

    x = x.astype(low)
    x = x.T if tall else x
    norm = jnp.sqrt(jnp.sum(jnp.square(x.astype(single)))).astype(low)
    x = x / jnp.maximum(norm, eps.astype(low))
    for _ in range(iterations):
        gram = product(x, x.T).astype(low)
        polynomial = (b * gram.astype(single) + c * product(gram, gram)).astype(low)
        x = (a * x.astype(single) + product(polynomial, x)).astype(low)
    return x.T if tall else x


class Muon(BundledOptimizer):
    """Muon: the running mean of the gradient of a matrix, with all its singular values made equal, is the step.

    B = momentum B + (1 - momentum) g;  with Nesterov O = orthogonal((1 - momentum) g + momentum B), else of B;
    p = (1 - lr weight_decay) p - lr f O,  f = sqrt(max(1, rows / columns)) or 0.2 sqrt(max(rows, columns))

    Args:
        params: matrices, or parameter groups of them. Vectors, embeddings and the last layer want another optimizer.
        lr: learning rate, >= 0.
        weight_decay: decoupled, >= 0.
        momentum: >= 0.
        nesterov: look a step ahead.
        ns_coefficients: of x, x^3 and x^5 in the Newton-Schulz iteration.
        eps: the smallest norm that a matrix is divided by.
        ns_steps: iterations, < 100.
        adjust_lr_fn: "original" (None) or "match_rms_adamw": which f.

    Raises:
        ValueError: a hyper-parameter outside its range, or a parameter that is no matrix.
        RuntimeError: in `step`, a complex parameter.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, 2, requires_grad=True)
        >>> optimizer = kilnn.optim.Muon([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> 0.8 < w[0, 0].item() < 1
        True

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; Liu et al. 2025,
    https://arxiv.org/abs/2502.16982; https://docs.pytorch.org/docs/2.13/generated/torch.optim.Muon.html
    """

    _counts_steps = False
    _states = ("momentum_buffer",)
    _apart = True

    def __init__(
        self, params: ParamsT, lr: Any = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (_A, _B, _C), eps: float = 1e-7, ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        one_element("lr", lr)
        if not number(lr) >= 0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in _ADJUSTMENTS:
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        }  # fmt: skip
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As Optimizer.add_param_group; every parameter is a matrix."""
        super().add_param_group(param_group)
        for p in param_group["params"]:
            if p.ndim != 2:
                self.param_groups.pop()
                raise ValueError(f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}")

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        if bundle.avals[0].dtype.kind == "c":
            raise RuntimeError("Muon does not support complex parameters")
        if group["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        return muon_rule, self._states, (bool(group["nesterov"]), int(group["ns_steps"]))

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        lr, momentum = number(group["lr"]), number(group["momentum"])
        rows, columns = bundle.avals[0].shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            factor = 0.2 * max(rows, columns) ** 0.5
        else:
            factor = max(1.0, rows / columns) ** 0.5
        return (
            1 - lr * number(group["weight_decay"]), lr * factor, momentum, 1 - momentum,
            *map(number, group["ns_coefficients"]), number(group["eps"]),
        )  # fmt: skip
