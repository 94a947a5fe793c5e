"""`assert_close`: tensors, numbers and containers of them, within tolerances that depend on the dtype."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.dtypes import DType
from kilnn.engine.handle import Handle
from kilnn.tensor.create import tensor

_TOLERANCES: dict[DType, tuple[float, float]] = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
    dtypes.complex128: (1e-7, 1e-7),
}


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True, check_layout: bool = True,
    check_stride: bool = False, msg: Any = None,
) -> None:  # fmt: skip
    """Raise unless |actual - expected| <= atol + rtol * |expected|, in everything that both contain.

    Args:
        actual, expected: tensors, arrays, numbers, or sequences and mappings of them.
        allow_subclasses: subclasses of Tensor may be compared with each other.
        rtol, atol: both or none; by default those of the dtype (float32: 1.3e-6 and 1e-5).
        equal_nan: NaN equals NaN.
        check_device, check_dtype, check_layout, check_stride: whether these must agree too.
        msg: the error's text, or a function of the text that would be given.

    Raises: AssertionError for a difference, TypeError for things that cannot be compared.

    Example:
        >>> import kilnn
        >>> kilnn.testing.assert_close(kilnn.ones(2), kilnn.ones(2) + 1e-7)

    Source: https://docs.pytorch.org/docs/2.13/testing.html#torch.testing.assert_close
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            "rtol and atol must both be specified or both be unspecified, but got no "
            + ("rtol" if rtol is None else "atol")
        )
    checks = {"device": check_device, "dtype": check_dtype, "stride": check_stride}
    tolerances = None if rtol is None or atol is None else (rtol, atol)
    text = _difference(actual, expected, tolerances, equal_nan, checks, allow_subclasses, "")
    if text is not None:
        raise AssertionError(text if msg is None else msg(text) if callable(msg) else msg)


def _difference(
    a: Any, b: Any, tolerances: Any, equal_nan: bool, checks: dict[str, bool], subclasses: bool, where: str
) -> str | None:
    tail = f"\n\nThe failure occurred for item {where}" if where else ""
    if isinstance(b, Mapping) and isinstance(a, Mapping):
        if set(a) != set(b):
            return f"The keys of the mappings do not match:\n{sorted(map(str, set(a) ^ set(b)))}{tail}"
        pairs: Any = [(key, a[key], b[key]) for key in b]
    elif isinstance(b, Sequence) and isinstance(a, Sequence) and not isinstance(a, str) and not isinstance(b, str):
        if len(a) != len(b):
            return f"The length of the sequences mismatch: {len(a)} != {len(b)}{tail}"
        pairs = [(n, x, y) for n, (x, y) in enumerate(zip(a, b, strict=True))]
    else:
        text = _of_leaves(a, b, tolerances, equal_nan, checks, subclasses)
        return None if text is None else text + tail
    for key, x, y in pairs:
        text = _difference(x, y, tolerances, equal_nan, checks, subclasses, f"{where}[{key!r}]")
        if text is not None:
            return text
    return None


def _of_leaves(
    a: Any, b: Any, tolerances: Any, equal_nan: bool, checks: dict[str, bool], subclasses: bool
) -> str | None:
    if a is None or b is None:
        return None if a is b else f"None mismatch: {a} is not {b}"
    numbers = isinstance(a, int | float | complex) and isinstance(b, int | float | complex)
    x, y = (_as_tensor(v) for v in (a, b))
    if not subclasses and type(a) is not type(b):
        raise TypeError(f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}.")
    if x.shape != y.shape:
        return f"The values for attribute 'shape' do not match: {x.shape} != {y.shape}."
    if not numbers:
        for name, on in checks.items():
            got, want = (v.stride() if name == "stride" else getattr(v, name) for v in (x, y))
            if on and got != want:
                return f"The values for attribute '{name}' do not match: {got} != {want}."
    rtol, atol = tolerances or tuple(
        max(pair) for pair in zip(*(_TOLERANCES.get(v.dtype, (0.0, 0.0)) for v in (x, y)), strict=True)
    )
    return _of_arrays(_wide(x), _wide(y), rtol, atol, equal_nan, numbers)


def _as_tensor(x: Any) -> Any:
    if isinstance(x, Handle):
        return x
    if isinstance(x, float | complex):
        return tensor(x, dtype=dtypes.complex128 if isinstance(x, complex) else dtypes.float64)
    try:
        return tensor(x)
    except (TypeError, ValueError):
        raise TypeError(f"assert_close(): a {type(x).__name__} cannot be compared") from None


def _wide(x: Any) -> np.ndarray[Any, Any]:
    """Values in a type in which differences are exact enough."""
    array: np.ndarray[Any, Any] = x.detach().numpy()
    kind = array.dtype.kind
    if kind in "fV":
        return array.astype(np.float64)
    return array.astype(np.complex128 if kind == "c" else np.longdouble)


def _of_arrays(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], rtol: float, atol: float, equal_nan: bool, numbers: bool
) -> str | None:
    with np.errstate(all="ignore"):
        off = np.abs(a - b).astype(np.float64)
        allowed = atol + rtol * np.abs(b).astype(np.float64)
        same = (a == b) | ((off <= allowed) & np.isfinite(off))
        if equal_nan:
            same = same | (np.isnan(a) & np.isnan(b))
        if same.all():
            return None
        relative = np.where(off == 0, 0, off / np.abs(b).astype(np.float64))
    exact = rtol == 0 and atol == 0
    if numbers:
        head = f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {b.item()} but got {a.item()}.\n"
        limits = ("", "") if exact else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
        return f"{head}Absolute difference: {off.item()}{limits[0]}\nRelative difference: {relative.item()}{limits[1]}"
    wrong = int((~same).sum())
    lines = [
        f"Tensor-likes are not {'equal' if exact else 'close'}!\n",
        f"Mismatched elements: {wrong} / {a.size} ({wrong / a.size:.1%})",
    ]
    for word, values, limit in (("absolute", off, atol), ("relative", relative, rtol)):
        known = np.where(same | np.isnan(values), -math.inf, values) if not np.isnan(values).all() else values
        place = np.unravel_index(int(np.argmax(known)), values.shape)
        at = f" at index {tuple(int(n) for n in place)}" if values.ndim else ""
        allowance = "" if exact else f" (up to {limit} allowed)"
        lines.append(f"Greatest {word} difference: {values[place]}{at}{allowance}")
    return "\n".join(lines)


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None, equal_nan: bool = True,
    msg: Any = "",
) -> None:  # fmt: skip
    """PyTorch's old `assert_close`: dtypes and devices may differ, NaN equals NaN.

    Source: https://docs.pytorch.org/docs/2.13/testing.html#torch.testing.assert_allclose
    """
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=False, check_dtype=False,
        msg=msg or None,
    )  # fmt: skip
