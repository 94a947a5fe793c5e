"""The outside oracle: the same code run on kilnn and on PyTorch, and the comparison of what came out.

Nothing here knows how kilnn works. Each comparison has a meta-test in `test_oracle.py` that feeds it a wrong answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

DEFAULT_RTOL = 1e-5
DEFAULT_ATOL = 1e-6


class Difference(AssertionError):
    """The two libraries disagree."""


def dtype_name(tensor: Any) -> str:
    return str(tensor.dtype).rsplit(".", 1)[-1]


def is_tensor(x: Any) -> bool:
    return hasattr(x, "requires_grad") and hasattr(x, "detach")


def to_numpy(tensor: Any) -> np.ndarray:
    """Values as NumPy; 16-bit floats are widened, because NumPy has no bfloat16."""
    tensor = tensor.detach()
    if dtype_name(tensor) in ("bfloat16", "float16"):
        tensor = tensor.float()
    if isinstance(tensor, torch.Tensor):
        return tensor.numpy(force=True)  # PyTorch's gradients may be lazy zeros
    return np.asarray(tensor.numpy())


def assert_same_meta(ours: Any, theirs: torch.Tensor, what: str = "tensor", *, leaf: bool = False) -> None:
    """Shape, dtype and requires_grad (and is_leaf): what can be compared without reading a value."""
    if not is_tensor(ours):
        raise Difference(f"{what}: {ours!r} where PyTorch has a tensor of shape {tuple(theirs.shape)}")
    if tuple(ours.shape) != tuple(theirs.shape):
        raise Difference(f"{what}: shape {tuple(ours.shape)}, PyTorch {tuple(theirs.shape)}")
    if dtype_name(ours) != dtype_name(theirs):
        raise Difference(f"{what}: dtype {dtype_name(ours)}, PyTorch {dtype_name(theirs)}")
    if bool(ours.requires_grad) != theirs.requires_grad:
        raise Difference(f"{what}: requires_grad {ours.requires_grad}, PyTorch {theirs.requires_grad}")
    if leaf and bool(ours.is_leaf) != theirs.is_leaf:
        raise Difference(f"{what}: is_leaf {ours.is_leaf}, PyTorch {theirs.is_leaf}")


def assert_same_values(ours: Any, theirs: torch.Tensor, rtol: float, atol: float, what: str = "tensor") -> None:
    a, b = to_numpy(ours), to_numpy(theirs)
    if a.shape != b.shape:
        raise Difference(f"{what}: NumPy shape {a.shape}, PyTorch {b.shape}")
    if a.dtype != b.dtype:
        raise Difference(f"{what}: NumPy dtype {a.dtype}, PyTorch {b.dtype}")
    exact = not np.issubdtype(b.dtype, np.inexact)
    same = np.array_equal(a, b) if exact else np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    if not same:
        raise Difference(f"{what}: values\n{a}\nPyTorch\n{b}")


def assert_same(
    ours: Any, theirs: torch.Tensor, rtol: float = DEFAULT_RTOL, atol: float = DEFAULT_ATOL, what: str = "tensor"
) -> None:
    """Same shape, dtype, requires_grad and values; NaN equals NaN, integers and booleans must be equal exactly."""
    assert_same_meta(ours, theirs, what)
    assert_same_values(ours, theirs, rtol, atol, what)


def assert_same_tree(
    ours: Any, theirs: Any, rtol: float = DEFAULT_RTOL, atol: float = DEFAULT_ATOL, what: str = "result"
) -> None:
    """Compare nested results: tensors, numbers, strings, None, lists, tuples and dictionaries."""
    if is_tensor(theirs):
        assert_same(ours, theirs, rtol, atol, what)
    elif isinstance(theirs, (list, tuple)):
        if not isinstance(ours, (list, tuple)) or len(ours) != len(theirs):
            raise Difference(f"{what}: {ours!r}, PyTorch {theirs!r}")
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same_tree(a, b, rtol, atol, f"{what}[{i}]")
    elif isinstance(theirs, dict):
        if not isinstance(ours, dict) or list(ours) != list(theirs):
            raise Difference(f"{what}: keys {ours!r}, PyTorch {list(theirs)}")
        for key in theirs:
            assert_same_tree(ours[key], theirs[key], rtol, atol, f"{what}[{key!r}]")
    elif isinstance(theirs, float):
        if type(ours) is not float or not np.isclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=True):
            raise Difference(f"{what}: {ours!r}, PyTorch {theirs!r}")
    elif isinstance(theirs, (bool, int, str, type(None))):
        if type(ours) is not type(theirs) or ours != theirs:
            raise Difference(f"{what}: {ours!r}, PyTorch {theirs!r}")
    else:
        raise TypeError(f"cannot compare {type(theirs).__name__}")


@dataclass
class Outcome:
    """What a piece of code did: a result, or the exception that it raised."""

    result: Any = None
    error: Exception | None = None


def outcome(run: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(result=run())
    except Exception as error:  # the exception is the outcome under test
        return Outcome(error=error)


def assert_same_error(ours: Exception | None, theirs: Exception | None, what: str = "code") -> None:
    """Both succeeded, or both raised the same builtin type (a subclass of PyTorch's type is accepted)."""
    if theirs is None and ours is None:
        return
    if theirs is None:
        raise Difference(f"{what}: raised {type(ours).__name__}: {ours}; PyTorch did not raise") from ours
    if ours is None:
        raise Difference(f"{what}: did not raise; PyTorch raised {type(theirs).__name__}: {theirs}")
    expected = next(c for c in type(theirs).__mro__ if c.__module__ == "builtins")
    if expected is Exception or not isinstance(ours, expected):
        raise Difference(
            f"{what}: raised {type(ours).__name__}: {ours}; PyTorch {type(theirs).__name__}: {theirs}"
        ) from ours


def assert_agrees(
    program: Callable[[Any], Any], library: Any, rtol: float = DEFAULT_RTOL, atol: float = DEFAULT_ATOL
) -> None:
    """Run `program(T)` with T = `library` and T = torch: same error type, or same nested result."""
    ours, theirs = outcome(lambda: program(library)), outcome(lambda: program(torch))
    assert_same_error(ours.error, theirs.error)
    if theirs.error is None:
        assert_same_tree(ours.result, theirs.result, rtol, atol)
