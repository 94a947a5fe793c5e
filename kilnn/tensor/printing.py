"""Tensors as text, in PyTorch's notation to the last blank."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kilnn.base import dtypes
from kilnn.engine import views
from kilnn.tensor.convert import observed


class _Options:
    """What `set_printoptions` sets."""

    precision = 4
    threshold: float = 1000
    edgeitems = 3
    linewidth = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES = {"default": (4, 1000, 3), "short": (2, 1000, 2), "full": (4, math.inf, 3)}


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """Choose how tensors are printed, for the whole process.

    Args:
        precision: digits after the point (4).
        threshold: number of elements above which only the edges are shown (1000).
        edgeitems: how many at each edge (3).
        linewidth: characters in a line (80).
        profile: "default", "short" or "full": sets the first three, and the line to 80.
        sci_mode: always (True) or never (False) write 1.0000e+00; None chooses by the values.

    Example:
        >>> import kilnn
        >>> kilnn.set_printoptions(precision=2)
        >>> kilnn.tensor([1 / 3])
        tensor([0.33])
        >>> kilnn.set_printoptions(profile="default")

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.set_printoptions.html
    """
    if profile is not None:
        _options.precision, _options.threshold, _options.edgeitems = _PROFILES[profile]
        _options.linewidth = 80
    if precision is not None:
        _options.precision = precision
    if threshold is not None:
        _options.threshold = threshold
    if edgeitems is not None:
        _options.edgeitems = edgeitems
    if linewidth is not None:
        _options.linewidth = linewidth
    _options.sci_mode = sci_mode


class _Column:
    """How the numbers of one tensor are written: all in one way and one width."""

    def __init__(self, shown: np.ndarray[Any, Any]) -> None:
        self.floating = shown.dtype.kind == "f"
        self.whole, self.scientific, self.width = True, False, 1
        if not self.floating:
            self.width = max((len(str(v)) for v in shown.reshape(-1).tolist()), default=1)
            return
        numbers = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
        if numbers.size:
            low, high = np.abs(numbers).min(), np.abs(numbers).max()
            self.whole = bool((numbers == np.ceil(numbers)).all())
            self.scientific = bool(high / low > 1000 or high > 1e8 or (not self.whole and low < 1e-4))
            if _options.sci_mode is not None:
                self.scientific = _options.sci_mode
            self.width = max(len(self._text(v)) for v in numbers.tolist())

    def _text(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{_options.precision}f}"

    def __call__(self, value: Any) -> str:
        return self._text(value).rjust(self.width)


def _edges(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Only what is shown of a large array."""
    n = _options.edgeitems
    for dim, size in enumerate(array.shape):
        if size > 2 * n:
            array = np.take(array, [*range(n), *range(size - n, size)], dim)
    return array


def _rows(array: np.ndarray[Any, Any], indent: int, short: bool, show: Callable[[Any], str], width: int) -> str:
    n = _options.edgeitems
    if array.ndim == 0:
        return show(array.item())
    cut = short and len(array) > 2 * n
    if array.ndim == 1:
        if short and not n:
            cells = ["..."]
        elif cut:
            cells = [*map(show, array[:n].tolist()), " ...", *map(show, array[-n:].tolist())]
        else:
            cells = [*map(show, array.tolist())]
        per_line = max(1, (_options.linewidth - indent) // width)
        lines = [", ".join(cells[i : i + per_line]) for i in range(0, len(cells), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [*array[:n], *array[len(array) - n :]] if cut else [*array]
    rows = [_rows(part, indent + 1, short, show, width) for part in parts]
    if cut:
        rows.insert(n, "...")
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(rows) + "]"


def _body(array: np.ndarray[Any, Any], indent: int) -> str:
    if array.dtype.kind == "V" or (array.dtype.itemsize < 4 and array.dtype.kind == "f"):
        array = array.astype(np.float32)  # 16 and 8 bits
    short = array.size > _options.threshold
    shown = _edges(array) if short else array
    if array.dtype.kind != "c":
        column = _Column(shown)
        return _rows(array, indent, short, column, column.width + 2)
    real, imag = _Column(shown.real), _Column(shown.imag)

    def show(value: complex) -> str:
        text = imag(value.imag).lstrip() + "j"
        return real(value.real) + (text if text[0] in "+-" else "+" + text)

    return _rows(array, indent, short, show, real.width + imag.width + 3)


def text_of(x: Any) -> str:
    """A tensor in PyTorch's notation: values, then what they do not tell of device, shape, dtype and history."""
    array = observed(x)
    aval = views.value_of_tensor(x).aval
    kind, default = dtypes.from_numpy(aval.dtype), dtypes.get_default_dtype()
    facts = [f"device='{aval.device}'"] if aval.device != "cpu" else []
    if aval.size == 0:
        if len(aval.shape) != 1:
            facts.append(f"size={tuple(aval.shape)}")
        usual = kind is default
    else:
        if not _options.edgeitems:
            facts.append(f"size={tuple(aval.shape)}")
        usual = kind in (default, default.to_complex(), dtypes.int64, dtypes.bool)
    if not usual:
        facts.append(f"dtype={kind!r}")
    node = views.node_of(x)
    if node is not None:
        facts.append(f"grad_fn=<{node.name()}>")
    elif x.requires_grad:
        facts.append("requires_grad=True")
    indent = len("tensor(")
    text = "tensor(" + ("[]" if aval.size == 0 else _body(array, indent))
    used = len(text) - text.rfind("\n") + 1
    for fact in facts:
        if used + len(fact) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + fact
            used = indent + len(fact)
        else:
            text += ", " + fact
            used += len(fact) + 2
    return text + ")"
