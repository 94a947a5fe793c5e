"""Gradients against finite differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kilnn.autograd.backward import grad
from kilnn.tensor.create import array_of_tensor, from_host
from kilnn.tensor.tensor import Tensor


class GradcheckError(RuntimeError):
    """An analytical gradient differs from the numerical one."""


def _outputs(fn: Callable[..., Any], inputs: Sequence[Any]) -> list[Tensor]:
    out = fn(*inputs)
    return [t for t in (out if isinstance(out, tuple | list) else [out]) if isinstance(t, Tensor) and t.requires_grad]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of `func` with central differences, element by element.

    Args:
        func: a function of tensors that returns a tensor or a tuple of them.
        inputs: a tensor or a tuple; those that require grad must be float64.
        eps: step of the differences.
        atol, rtol: allowed absolute and relative error.
        raise_exception: raise instead of returning False.

    Raises:
        GradcheckError: a gradient differs from the numerical one.
        ValueError: no input requires grad.

    Example:
        >>> import kilnn
        >>> x = kilnn.tensor([0.5, 2.0], dtype=kilnn.float64, requires_grad=True)
        >>> kilnn.autograd.gradcheck(lambda x: x.exp(), x)
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.gradcheck.gradcheck.html
    """
    args = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    checked = [n for n, t in enumerate(args) if isinstance(t, Tensor) and t.requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    outputs = _outputs(func, args)
    rng = np.random.default_rng(0)
    for number, out in enumerate(outputs):
        weight = rng.standard_normal(tuple(out.shape))
        analytic = grad(out, [args[n] for n in checked], from_host(weight), retain_graph=True, allow_unused=True)
        for n, got in zip(checked, analytic, strict=True):
            expected = _numerical(func, args, n, number, weight, eps)
            values = np.zeros_like(expected) if got is None else array_of_tensor(got)
            if not np.allclose(values, expected, rtol=rtol, atol=atol):
                if not raise_exception:
                    return False
                raise GradcheckError(
                    f"Jacobian mismatch for output {number} with respect to input {n}:\nnumerical: {expected}\n"
                    f"analytical: {values}"
                )
    return True


def _numerical(
    func: Callable[..., Any], args: list[Any], n: int, number: int, weight: Any, eps: float
) -> np.ndarray[Any, Any]:
    base = array_of_tensor(args[n])
    out = np.zeros(base.shape)
    for index in np.ndindex(*base.shape):
        total = 0.0
        for sign in (1, -1):
            moved = base.copy()
            moved[index] += sign * eps
            changed = list(args)
            changed[n] = from_host(moved, requires_grad=True)
            total += sign * float((array_of_tensor(_outputs(func, changed)[number]) * weight).sum())
        out[index] = total / (2 * eps)
    return out


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3
) -> bool:
    """Compare second derivatives with central differences of the first.

    Args:
        func, inputs, eps, atol, rtol: as in `gradcheck`.

    Example:
        >>> import kilnn
        >>> x = kilnn.tensor([0.5, 2.0], dtype=kilnn.float64, requires_grad=True)
        >>> kilnn.autograd.gradgradcheck(lambda x: x**3, x)
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.gradcheck.gradgradcheck.html
    """
    args = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)

    def first(*xs: Any) -> Any:
        outputs = _outputs(func, xs)
        wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        weights = [from_host(np.cos(np.arange(o.numel(), dtype=np.float64)).reshape(tuple(o.shape))) for o in outputs]
        found = grad(outputs, wanted, weights, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None and g.requires_grad)

    return gradcheck(first, args, eps=eps, atol=atol, rtol=rtol)
