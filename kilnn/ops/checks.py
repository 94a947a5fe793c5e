"""Words and small checks shared by the validators of the neural-network operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from kilnn.base import dtypes


def type_name(dtype: Any) -> str:
    """PyTorch's word for a dtype in its messages ("Float", "Long")."""
    return dtypes.word_of(dtypes.from_numpy(np.dtype(dtype)))


def refuse(x: Any, kinds: str, kernel: str) -> None:
    """Raise as PyTorch does for kinds of dtypes ("b" bool, "iu" integers, "c" complex) that a kernel does not have."""
    if x.dtype.kind in kinds:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(x.dtype)}'")


def is_half(dtype: Any) -> bool:
    return np.dtype(dtype).name in ("float16", "bfloat16")


def is_float(dtype: Any) -> bool:
    return bool(np.dtype(dtype).kind == "f" or np.dtype(dtype).name == "bfloat16")


def wide(x: Any) -> Any:
    """float16 and bfloat16 as float32 (statistics and exponentials are computed in it); others as they are."""
    return x.astype(np.float32) if is_half(x.dtype) else x


def size_text(shape: Any) -> str:
    """A shape as PyTorch prints it: [2, 3]."""
    return "[" + ", ".join(str(n) for n in shape) + "]"


def dim_text(shape: Any) -> str:
    """A shape as PyTorch prints kernel sizes: (2 x 3)."""
    return "(" + " x ".join(str(n) for n in shape) + ")"


def require_float(name: str, x: Any) -> None:
    """Raise as PyTorch's kernels do for a dtype they have no code for."""
    if not is_float(x.dtype):
        raise NotImplementedError(f"\"{name}\" not implemented for '{type_name(x.dtype)}'")


def require_parameters(x: Any, *parameters: Any) -> None:
    """Raise as PyTorch's normalisations do unless parameters and statistics share x's dtype, or are float32 beside a
    16-bit one."""
    allowed = {np.dtype(x.dtype), np.dtype(np.float32) if is_half(x.dtype) else np.dtype(x.dtype)}
    found = {np.dtype(p.dtype) for p in parameters if p is not None}
    if len(found) > 1 or not found <= allowed:
        names = ", ".join(sorted({type_name(dtype) for dtype in found}))
        raise RuntimeError(
            f"mixed dtype: the input is {type_name(x.dtype)}, its weight, bias or statistics are {names}; convert one "
            "with .to(), for example model.double() for an input of float64"
        )


def require_dim(x: Any, dim: int) -> None:
    """Raise PyTorch's IndexError when `dim` is not a dimension of x."""
    rank = max(len(x.shape), 1)
    if not -rank <= dim < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
