"""Hyper-parameters: their checks with PyTorch's errors, and how they become numbers."""

from __future__ import annotations

import math
from typing import Any

from kilnn.tensor.tensor import Tensor


def number(value: Any) -> float:
    """A hyper-parameter as a Python float (a tensor is read)."""
    if value.__class__ is float:
        return value
    return float(value.item()) if isinstance(value, Tensor) else float(value)


def check_range(name: str, value: Any, low: float, high: float = math.inf, open_high: bool = False) -> None:
    """PyTorch's ValueError for hyper-parameters outside their range."""
    x = number(value) if isinstance(value, Tensor) else value
    if not (low <= x and (x < high if open_high else x <= high)):
        raise ValueError(f"Invalid {name}: {value}")


def check_rate(lr: Any) -> None:
    """A learning rate is a number or a tensor with one element, and >= 0."""
    one_element("lr", lr)
    check_range("learning rate", lr, 0.0)


def one_element(name: str, value: Any) -> None:
    """PyTorch's ValueError for a hyper-parameter in a tensor of several elements."""
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element")


def check_betas(betas: tuple[Any, Any]) -> None:
    """Both decay rates are in [0, 1)."""
    for place in (0, 1):
        check_range(f"beta parameter at index {place}", betas[place], 0.0, 1.0, open_high=True)


def check_implementation(*, differentiable: bool, foreach: bool | None = None, fused: bool | None = None) -> None:
    """PyTorch's errors for implementation switches that exclude each other; NotImplementedError for `differentiable`.

    What is left (`foreach`, `fused`, `capturable`) only chooses between implementations of the same update in PyTorch;
    here the update is a part of one compiled program in any case.
    """
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise NotImplementedError(
            "differentiable=True is not supported: the update is recorded without a gradient graph. Write the update "
            "with tensor operations (p = p - lr * p.grad) to differentiate through it"
        )
