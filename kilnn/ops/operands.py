"""What validators and formulas ask of an operand: its kind, its name in messages, its NaN."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_bool(x: Any) -> bool:
    """Whether an operand, as a validator sees it, is a bool: an aval or the type of a Python number."""
    return x is bool or getattr(x, "dtype", None) == np.bool_


def is_integral(x: Any) -> bool:
    """Whether an operand, as a validator sees it, is a whole number or a bool."""
    return x in (bool, int) if isinstance(x, type) else x.dtype.kind in "iub"


def is_nan(x: Any) -> Any:
    """A mask of the elements that are NaN; on NumPy and JAX arrays."""
    return x != x  # noqa: PLR0124  # NaN alone differs from itself


_C_NAMES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int",
    "int64": "long int", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double",
    "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


def c_name(dtype: Any) -> str:
    """The C++ word for a dtype, which some of PyTorch's messages use ("long int")."""
    return _C_NAMES[np.dtype(dtype).name]
