"""What layers expect of their inputs, in words: used only once a call has failed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kilnn.nn.module import Module


@dataclass(frozen=True)
class Complaint:
    """The argument that does not fit, what was expected of it, and how to mend it."""

    name: str
    expected: str
    fix: str = ""
    dtypes: bool = False  # the dtype is what matters: messages name it


_ARROWS = (
    ("in_features", "out_features"),
    ("in_channels", "out_channels"),
    ("num_embeddings", "embedding_dim"),
    ("input_size", "hidden_size"),
)
_SINGLE = ("num_features", "normalized_shape", "num_channels", "embed_dim", "kernel_size")
_LONGEST = 60


def summary(module: Module) -> str:
    """`Linear(128 -> 10)`: a layer's class and sizes; the class alone for modules with children."""
    name = type(module).__name__
    for first, last in _ARROWS:
        if hasattr(module, first) and hasattr(module, last):
            return f"{name}({getattr(module, first)} -> {getattr(module, last)})"
    for attribute in _SINGLE:
        if hasattr(module, attribute):
            return f"{name}({attribute}={getattr(module, attribute)})"
    text = repr(module)
    return name if "\n" in text or len(text) > _LONGEST or text == f"{name}()" else text


def in_words(given: dict[str, Any], dtypes: bool = False) -> str:
    """`input (64, 256)`, or `input (3, 4) and target (5,)`."""
    parts = [f"{name} {tuple(x.shape)}" + (f" of {x.dtype}" if dtypes else "") for name, x in given.items()]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def complaint(module: Module, given: dict[str, Any]) -> Complaint | None:
    """The first expectation that an argument does not meet; None when the trouble is none of these."""
    for rule in _RULES:
        found = rule(module, given)
        if found is not None:
            return found
    return None


def _last(name: str, x: Any, size: int) -> Complaint | None:
    if x.ndim and x.shape[-1] == size:
        return None
    return Complaint(name, f"last dimension must be {size}")


def _linear(module: Any, given: dict[str, Any]) -> Complaint | None:
    name, x = next(iter(given.items()))
    size = getattr(module, "in_features", None)
    found = None if size is None else _last(name, x, size)
    if found is None:
        return None
    for start in range(1, x.ndim - 1):
        if math.prod(x.shape[start:]) == size:
            return Complaint(name, found.expected, f"flatten it first: x.flatten({start})")
    if x.ndim == 2 and x.shape[0] == size:
        return Complaint(name, found.expected, "transpose it first: x.t()")
    if not x.ndim:
        return found
    width = math.prod(x.shape[1:]) if x.ndim > 2 and x.shape[-1] < size else x.shape[-1]
    before = "x.flatten(1) before it, and " if width != x.shape[-1] else ""
    return Complaint(name, found.expected, f"{before}{type(module).__name__}({width}, {module.out_features})")


def _bilinear(module: Any, given: dict[str, Any]) -> Complaint | None:
    for k, (name, x) in enumerate(given.items(), 1):
        size = getattr(module, f"in{k}_features", None)
        found = None if size is None else _last(name, x, size)
        if found is not None:
            return found
    return None


_POSITIONS = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def _convolution(module: Any, given: dict[str, Any]) -> Complaint | None:
    if not hasattr(module, "in_channels") or not isinstance(getattr(module, "kernel_size", None), tuple):
        return None
    name, x = next(iter(given.items()))
    rank, channels = len(module.kernel_size), module.in_channels
    layout = ", ".join(("channels", *_POSITIONS[rank]))
    if x.ndim not in (rank + 1, rank + 2):
        fix = "add the channel dimension: x.unsqueeze(1)" if x.ndim == rank and channels == 1 else ""
        return Complaint(name, f"must be ({layout}) or (batch, {layout})", fix)
    place = x.ndim - rank - 1
    if x.shape[place] != channels:
        fix = f"{type(module).__name__}({x.shape[place]}, {module.out_channels}, ...)"
        if x.shape[-1] == channels:
            fix = f"channels come before the positions: x.movedim(-1, {-rank - 1})"
        elif x.ndim == rank + 1 and channels == 1:
            fix = "add the channel dimension: x.unsqueeze(1)"
        return Complaint(name, f"dimension {place} (channels) must be {channels}", fix)
    if isinstance(module.padding, tuple) and not module.transposed:
        extents = zip(module.kernel_size, module.dilation, module.padding, strict=True)
        reach = [d * (k - 1) + 1 - 2 * p for k, d, p in extents]
        if any(n < r for n, r in zip(x.shape[place + 1 :], reach, strict=True)):
            at_least = " x ".join(str(max(r, 1)) for r in reach)
            return Complaint(name, f"positions must be at least {at_least}", "a smaller kernel, or more padding")
    return None


_NORM_DIMS = {"1d": (2, 3), "2d": (4,), "3d": (5,)}


def _normalization(module: Any, given: dict[str, Any]) -> Complaint | None:
    size = getattr(module, "num_features", None) or getattr(module, "num_channels", None)
    if size is None:
        return None
    name, x = next(iter(given.items()))
    kind = type(module).__name__
    dims = _NORM_DIMS.get(kind[-2:])
    if kind.startswith("Instance"):
        dims = tuple({max(dims) - 1, max(dims)}) if dims else None
    if dims and x.ndim not in dims:
        other = next((k for k, d in _NORM_DIMS.items() if x.ndim in d), None)
        fix = f"{kind[:-2]}{other}" if other and kind.startswith("Batch") else ""
        return Complaint(name, f"must have {' or '.join(map(str, sorted(dims)))} dimensions", fix)
    place = 1 if x.ndim > 1 and not (kind.startswith("Instance") and dims and x.ndim == min(dims)) else 0
    if x.ndim <= place or x.shape[place] != size:
        return Complaint(name, f"dimension {place} (channels) must be {size}")
    if kind.startswith("Batch") and module.training and x.shape.numel() == size:
        fix = "a larger batch (DataLoader(drop_last=True) leaves out a last batch of one), or eval()"
        return Complaint(name, "must hold more than one value for each channel in training", fix)
    return None


def _trailing(module: Any, given: dict[str, Any]) -> Complaint | None:
    shape = getattr(module, "normalized_shape", None)
    name, x = next(iter(given.items()))
    if shape is None or tuple(x.shape[-len(shape) :]) == tuple(shape):
        return None
    if len(shape) == 1:
        return Complaint(name, f"last dimension must be {shape[0]}")
    return Complaint(name, f"last dimensions must be {tuple(shape)}")


def _embedding(module: Any, given: dict[str, Any]) -> Complaint | None:
    rows = getattr(module, "num_embeddings", None)
    if rows is None:
        return None
    name, x = next(iter(given.items()))
    if x.dtype.is_floating_point:
        return Complaint(name, "must hold whole numbers (int64 or int32)", "convert the indices: x.long()", dtypes=True)
    return Complaint(name, f"indices must lie in 0 ... {rows - 1}", "a larger num_embeddings, or the right indices")


def _recurrent(module: Any, given: dict[str, Any]) -> Complaint | None:
    if not hasattr(module, "input_size"):
        return None
    for name, x in given.items():
        size = module.input_size if name == "input" else module.hidden_size
        found = None if size is None else _last(name, x, size)
        if found is not None:
            return found
    return None


def _pooling(module: Any, given: dict[str, Any]) -> Complaint | None:
    kind = type(module).__name__
    if "Pool" not in kind or kind[-2:] not in _NORM_DIMS:
        return None
    name, x = next(iter(given.items()))
    rank = int(kind[-2])
    if x.ndim in (rank + 1, rank + 2):
        return None
    return Complaint(
        name, f"must have {rank + 1} or {rank + 2} dimensions", f"{kind[:-2]}{x.ndim - 2}d" * (2 < x.ndim < 6)
    )


def _loss(module: Any, given: dict[str, Any]) -> Complaint | None:
    x, target = given.get("input"), given.get("target")
    kind = type(module).__name__
    if not kind.endswith("Loss") or x is None or target is None:
        return None
    if kind not in ("CrossEntropyLoss", "NLLLoss"):
        if x.shape == target.shape:
            return None
        fix = "target.unsqueeze(1)" if x.ndim == target.ndim + 1 and x.shape[-1] == 1 else ""
        return Complaint("target", f"target must have the input's shape {tuple(x.shape)}", fix)
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    labels = (x.shape[0], *x.shape[2:]) if x.ndim > 1 else ()
    if tuple(target.shape) != labels and target.shape != x.shape:
        fix = "target.squeeze(1)" if target.ndim == len(labels) + 1 and target.shape[1] == 1 else ""
        return Complaint("target", f"target must be {labels}, a class for each row of scores", fix)
    if target.dtype.is_floating_point and target.shape != x.shape:
        return Complaint("target", "labels must be whole numbers (int64)", "target.long()", dtypes=True)
    return Complaint("target", f"labels must lie in 0 ... {classes - 1}")


def _dtype(module: Any, given: dict[str, Any]) -> Complaint | None:
    """The last resort: an input whose dtype is not that of the parameters."""
    weight = next(iter(module.parameters(recurse=False)), None)
    if weight is None:
        return None
    for name, x in given.items():
        if x.dtype is not weight.dtype:
            kind = str(weight.dtype)
            return Complaint(name, f"dtype must be {kind} as the parameters'", f"{name}.to({kind})", dtypes=True)
    return None


_RULES: tuple[Callable[[Any, dict[str, Any]], Complaint | None], ...] = (
    _linear, _bilinear, _convolution, _normalization, _trailing, _embedding, _recurrent, _pooling, _loss, _dtype,
)  # fmt: skip
