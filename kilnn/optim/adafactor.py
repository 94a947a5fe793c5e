"""Adafactor: second moments kept as rows and columns."""

from __future__ import annotations

from typing import Any

from jax import numpy as jnp

from kilnn.base.limits import finfo
from kilnn.engine.update import Bundle
from kilnn.ops.spec import Op, Scalar
from kilnn.optim.bundled import BundledOptimizer
from kilnn.optim.optimizer import ParamsT
from kilnn.optim.options import number, one_element
from kilnn.optim.rules import decayed, rule


@rule("adafactor")
def adafactor_rule(
    p: Any, g: Any, rows: Any, columns: Any, rate: Scalar, rest: Scalar, eps1: Scalar, eps2: Scalar, clip: Scalar,
    decay: Scalar, *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """rows, columns: running means of g^2 along the last and the second last dimension; their product over the mean of
    the rows estimates the second moment."""
    scale = _scale(p, eps2)
    p, g = decayed(p, g, decay, maximize, weight_decay)
    rows = rows + rest * (jnp.mean(g * g, -1, keepdims=True) - rows)
    columns = columns + rest * (jnp.mean(g * g, -2, keepdims=True) - columns)
    moment = rows * columns / jnp.maximum(jnp.mean(rows, -2, keepdims=True), eps1)
    return p - rate * scale * _clipped(g, moment, eps1, clip), rows, columns


@rule("adafactor_vector")
def adafactor_vector_rule(
    p: Any, g: Any, variance: Any, rate: Scalar, rest: Scalar, eps1: Scalar, eps2: Scalar, clip: Scalar, decay: Scalar,
    *, maximize: bool, weight_decay: str,
) -> Any:  # fmt: skip
    """As adafactor, with the whole second moment, for parameters of fewer than two dimensions."""
    scale = _scale(p, eps2)
    p, g = decayed(p, g, decay, maximize, weight_decay)
    variance = variance + rest * (g * g - variance)
    return p - rate * scale * _clipped(g, variance, eps1, clip), variance


def _scale(p: Any, eps2: Any) -> Any:
    """The size of a parameter: its root mean square, or eps2 if that is larger."""
    return jnp.maximum(jnp.sqrt(jnp.mean(p * p)), eps2)


def _clipped(g: Any, moment: Any, eps1: Any, clip: Any) -> Any:
    """g over the root of its second moment, scaled down where its root mean square is larger than clip."""
    u = g / jnp.sqrt(jnp.maximum(moment, eps1 * eps1))
    return u / jnp.maximum(1, jnp.sqrt(jnp.mean(u * u)) / clip)


class Adafactor(BundledOptimizer):
    """Adafactor: Adam's scaling with memory for a row and a column instead of a matrix.

    With rest = t^beta2_decay: R and C run after the row and column means of g^2 with (1 - rest),
    v = R C / max(mean(R), eps1),  u = g / sqrt(max(v, eps1^2)),
    p = (1 - lr weight_decay) p - max(eps2, rms(p)) min(lr, 1 / sqrt(t)) u / max(1, rms(u) / d)

    Args:
        params: tensors or parameter groups.
        lr: the largest relative step, and the rate of weight decay, >= 0.
        beta2_decay: power of t, <= 0.
        eps: (eps1, eps2), both >= 0; eps1=None is the smallest step of the parameter's dtype above 1.
        d: largest root mean square of an update, >= 1.
        weight_decay: decoupled, >= 0.
        foreach: accepted; the step is one compiled program in any case.
        maximize: ascend.

    Raises:
        ValueError: a hyper-parameter outside its range.
        RuntimeError: in `step`, a complex parameter.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, 3, requires_grad=True)
        >>> optimizer = kilnn.optim.Adafactor([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w[0, 0].item(), 4)
        0.9
        >>> optimizer.state[w]["row_var"].shape, optimizer.state[w]["col_var"].shape
        (kilnn.Size([2, 1]), kilnn.Size([1, 3]))

    Source: Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.Adafactor.html
    """

    _states = ("row_var", "col_var", "variance")
    _apart = True

    def __init__(
        self, params: ParamsT, lr: Any = 1e-2, beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0, weight_decay: float = 0.0, *,
        foreach: bool | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        one_element("lr", lr)
        if not number(lr) >= 0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _shape_of(self, name: str, p: Any) -> tuple[int, ...]:
        shape = list(p.shape)
        if name == "row_var":
            shape[-1] = 1
        elif name == "col_var":
            shape[-2] = 1
        return tuple(shape)

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        aval = bundle.avals[0]
        if aval.dtype.kind == "c":
            raise RuntimeError("Adafactor does not support complex parameters")
        flags = (bool(group["maximize"]), "none" if group["weight_decay"] == 0 else "decoupled")
        if len(aval.shape) > 1:
            return adafactor_rule, ("row_var", "col_var"), flags
        return adafactor_vector_rule, ("variance",), flags

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        lr, step = number(group["lr"]), bundle.steps
        eps1, eps2 = group["eps"]
        if eps1 is None:
            eps1 = finfo(bundle.params[0].dtype).eps
        return (
            min(lr, 1 / step**0.5), step ** number(group["beta2_decay"]), float(eps1), float(eps2), number(group["d"]),
            lr * number(group["weight_decay"]),
        )  # fmt: skip
