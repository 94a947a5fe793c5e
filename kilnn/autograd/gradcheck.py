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
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False, check_batched_grad: bool = False, check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False, check_backward_ad: bool = True, fast_mode: bool = False, masked: bool | None = None,
) -> bool:  # fmt: skip
    """Compare the gradients of `func` with central differences, element by element.

    Args:
        func: a function of tensors that returns a tensor or a tuple of them.
        inputs: a tensor or a tuple; those that require grad must be float64 or complex128.
        eps: step of the differences.
        atol, rtol: allowed absolute and relative error.
        raise_exception: raise instead of returning False.
        nondet_tol: how much two backward passes may differ.
        check_undefined_grad: accepted; formulas are never called with undefined gradients.
        check_grad_dtypes: gradients must have the dtypes of their inputs.
        fast_mode: accepted; every element is compared in any case.
        check_batched_grad, check_batched_forward_grad, check_forward_ad, masked: not supported.
        check_backward_ad: must be True.

    Raises:
        GradcheckError: a gradient differs from the numerical one.
        ValueError: no input requires grad.
        NotImplementedError: an option that is not supported.

    Example:
        >>> import kilnn
        >>> x = kilnn.tensor([0.5, 2.0], dtype=kilnn.float64, requires_grad=True)
        >>> kilnn.autograd.gradcheck(lambda x: x.exp(), x)
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.gradcheck.gradcheck.html
    """
    _refuse(
        check_batched_grad=check_batched_grad, check_batched_forward_grad=check_batched_forward_grad,
        check_forward_ad=check_forward_ad, masked=masked, without_check_backward_ad=not check_backward_ad,
    )  # fmt: skip
    args = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    if not any(isinstance(t, Tensor) and t.requires_grad for t in args):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    try:
        _check(func, args, eps, atol, rtol, nondet_tol, check_grad_dtypes)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _refuse(**options: Any) -> None:
    for name, wanted in options.items():
        if wanted:
            raise NotImplementedError(f"gradcheck({name}=True) is not supported: gradients of backward() are checked")


def _check(
    func: Callable[..., Any], args: list[Any], eps: float, atol: float, rtol: float, nondet_tol: float, dtypes: bool
) -> None:
    checked = [n for n, t in enumerate(args) if isinstance(t, Tensor) and t.requires_grad]
    rng = np.random.default_rng(0)
    for number, out in enumerate(_outputs(func, args)):
        weight: Any = rng.standard_normal(tuple(out.shape))
        if out.is_complex():
            weight = weight + 1j * rng.standard_normal(tuple(out.shape))
        wanted = [args[n] for n in checked]
        analytic, again = (
            grad(out, wanted, from_host(np.asarray(weight)), retain_graph=True, allow_unused=True) for _ in range(2)
        )
        for n, got, second in zip(checked, analytic, again, strict=True):
            expected = _numerical(func, args, n, number, weight, eps)
            values = np.zeros_like(expected) if got is None else array_of_tensor(got)
            if dtypes and got is not None and got.dtype is not args[n].dtype:
                raise GradcheckError(f"the gradient of input {n} is {got.dtype!r}, the input {args[n].dtype!r}")
            if got is not None and np.abs(values - array_of_tensor(second)).max(initial=0.0) > nondet_tol:
                raise GradcheckError(
                    f"Backward is not reentrant: two gradients of input {n} differ by more than nondet_tol"
                )
            if not np.allclose(values, expected, rtol=rtol, atol=atol):
                raise GradcheckError(
                    f"Jacobian mismatch for output {number} with respect to input {n}:\nnumerical: {expected}\n"
                    f"analytical: {values}"
                )


def _numerical(
    func: Callable[..., Any], args: list[Any], n: int, number: int, weight: Any, eps: float
) -> np.ndarray[Any, Any]:
    """The derivative of the sum of Re(conj(weight) * output); by a complex input d/d real + i d/d imaginary."""
    base = array_of_tensor(args[n])
    out = np.zeros(base.shape, base.dtype)
    for index in np.ndindex(*base.shape):
        for direction in (1, 1j) if base.dtype.kind == "c" else (1,):
            total = 0.0
            for sign in (1, -1):
                moved = base.copy()
                moved[index] += sign * eps * direction
                changed = list(args)
                changed[n] = from_host(moved, requires_grad=True)
                result = array_of_tensor(_outputs(func, changed)[number])
                total += sign * float((np.conj(weight) * result).real.sum())
            out[index] += direction * total / (2 * eps)
    return out


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True, **options: Any,
) -> bool:  # fmt: skip
    """Compare second derivatives with central differences of the first.

    Args:
        func, inputs, eps, atol, rtol, raise_exception, options: as in `gradcheck`.
        grad_outputs: the gradients of the outputs. Default: fixed numbers.
        gen_non_contig_grad_outputs: the default gradients lie in memory with gaps.

    Example:
        >>> import kilnn
        >>> x = kilnn.tensor([0.5, 2.0], dtype=kilnn.float64, requires_grad=True)
        >>> kilnn.autograd.gradgradcheck(lambda x: x**3, x)
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.gradcheck.gradgradcheck.html
    """
    args = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    given = (
        None
        if grad_outputs is None
        else list(grad_outputs if isinstance(grad_outputs, tuple | list) else [grad_outputs])
    )

    def default(out: Tensor) -> Tensor:
        count = out.numel()
        values: Any = np.cos(np.arange(count, dtype=np.float64))
        if out.is_complex():
            values = values + 1j * np.sin(np.arange(count, dtype=np.float64))
        if gen_non_contig_grad_outputs:
            return from_host(np.repeat(values, 2))[::2].reshape(tuple(out.shape))
        return from_host(values.reshape(tuple(out.shape)))

    def first(*xs: Any) -> Any:
        outputs = _outputs(func, xs)
        wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        weights = [default(o) for o in outputs] if given is None else given
        found = grad(outputs, wanted, weights, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None and g.requires_grad)

    return gradcheck(first, args, eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, **options)
