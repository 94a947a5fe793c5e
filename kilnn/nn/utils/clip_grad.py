"""Limiting gradients. Nothing here reads a value, so the step stays one program."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from kilnn.engine.grad_mode import no_grad
from kilnn.tensor.create import tensor
from kilnn.tensor.functions.joining import stack
from kilnn.tensor.tensor import Tensor


def _tensors(parameters: Any) -> list[Tensor]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all elements of the tensors together.

    Args:
        tensors: one or more tensors.
        norm_type: p of the norm; may be inf.
        error_if_nonfinite: raise when it is NaN or infinite; this waits for the value.
        foreach: accepted; there is one implementation.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.get_total_norm.html
    """
    grads = _tensors(tensors)
    if not grads:
        return tensor(0.0)
    order = float(norm_type)
    with no_grad():
        norms = [g.norm(order) for g in grads]
        total = stack(norms).norm(order) if len(norms) > 1 else norms[0]
    if error_if_nonfinite and not bool(total.isfinite().item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Scale the gradients of the parameters by min(1, max_norm / (total_norm + 1e-6)), in place.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.clip_grads_with_norm_.html
    """
    with no_grad():
        factor = ((total_norm + 1e-6).reciprocal() * float(max_norm)).clamp_max(1.0)
        for p in _tensors(parameters):
            if p.grad is not None:
                p.grad.mul_(factor)


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients together so that their norm is at most max_norm, in place.

    Args:
        parameters: one or more tensors with gradients.
        max_norm: the largest norm; a run-time number.
        norm_type: p of the norm; may be inf.
        error_if_nonfinite: raise when the norm is NaN or infinite; this waits for the value.
        foreach: accepted; there is one implementation.

    Returns: the norm before, a tensor that nobody has waited for.

    Example:
        >>> import kilnn
        >>> w = kilnn.zeros(2, requires_grad=True)
        >>> w.grad = kilnn.tensor([3.0, 4.0])
        >>> kilnn.nn.utils.clip_grad_norm_([w], 1.0).item()
        5.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.clip_grad_norm_.html
    """
    parameters = _tensors(parameters)
    grads = [p.grad for p in parameters if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value], in place.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.clip_grad_value_.html
    """
    limit = float(clip_value)
    with no_grad():
        for p in _tensors(parameters):
            if p.grad is not None:
                p.grad.clamp_(-limit, limit)


def clip_grad_norm(
    parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """The older name of `clip_grad_norm_`."""
    warnings.warn(
        "`kilnn.nn.utils.clip_grad_norm` is now deprecated in favor of `kilnn.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)
