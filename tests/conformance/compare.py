"""One record of an operation, run by both libraries: result, gradients, in-place form, `out=`, type of the error."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import kilnn
from tests.conformance.translate import function_of, tensor, translated
from tests.oracle import dtype_name, is_tensor, to_numpy

PHASES = ("svd", "svd_lowrank", "pca_lowrank", "linalg.svd", "linalg.eig", "linalg.eigh")
"""Singular vectors and eigenvectors may have another sign or phase, on another processor too: their values are free."""
TIES = ("kthvalue", "topk", "mode", "sort", "argsort")
"""Which of several equal elements is found is not said: of whole numbers only the first result is compared."""

RTOL = {"float16": 4e-3, "bfloat16": 3e-2, "float64": 1e-9, "complex128": 1e-9}


def tensors(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, tuple | list):
        for part in tree:
            yield from tensors(part)
    elif is_tensor(tree):
        yield tree


def difference(ours: Any, theirs: Any, what: str, scale: float = 1.0, values: str = "all") -> str | None:
    """In words; None if both are the same: structure, dtype, shape, need of gradients and values ("all", "none", or
    those of the "first" of several results)."""
    if isinstance(theirs, torch.Tensor):
        if not isinstance(ours, kilnn.Tensor):
            return f"{what}: {type(ours).__name__} where PyTorch has a tensor of shape {tuple(theirs.shape)}"
        for fact in (lambda t: tuple(t.shape), dtype_name, lambda t: t.requires_grad):
            if fact(ours) != fact(theirs):
                return f"{what}: {fact(ours)}, PyTorch {fact(theirs)}"
        if values == "none":
            return None
        plain = theirs.resolve_conj().resolve_neg()
        return _of_values(to_numpy(ours), to_numpy(plain), dtype_name(theirs), what, scale)
    if isinstance(theirs, tuple | list):
        if not isinstance(ours, tuple | list) or len(ours) != len(theirs):
            return f"{what}: {ours!r}, PyTorch {theirs!r}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            found = difference(a, b, f"{what}[{i}]", scale, "none" if values == "first" and i else values)
            if found:
                return found
        return None
    if isinstance(theirs, torch.dtype):
        return None if str(ours).split(".")[-1] == str(theirs).split(".")[-1] else f"{what}: {ours}, PyTorch {theirs}"
    if isinstance(theirs, float | complex):
        same = type(ours) is type(theirs) and np.isclose(ours, theirs, rtol=1e-4, equal_nan=True)
    else:
        assert isinstance(theirs, bool | int | str | None), f"cannot compare {type(theirs)}"
        same = type(ours) is type(theirs) and ours == theirs
    return None if same else f"{what}: {ours!r}, PyTorch {theirs!r}"


def _of_values(ours: Any, theirs: Any, dtype: str, what: str, scale: float) -> str | None:
    if theirs.dtype.kind in "iub":
        wrong = ours != theirs
    else:
        rtol = RTOL.get(dtype, 1e-4) * scale
        finite = np.abs(theirs[np.isfinite(theirs)])
        atol = 0.1 * rtol * max(finite.max() if finite.size else 0, 1)
        wrong = ~np.isclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)
    return f"{what}: {ours[wrong].ravel()[:4]}, PyTorch {theirs[wrong].ravel()[:4]}" if wrong.any() else None


def kind_of(error: Exception) -> type:
    """The builtin exception that PyTorch's is, or is made of."""
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins")


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"


def _comparable(name: str, x: Any) -> str:
    if "empty" in name or name in PHASES:  # empty: uninitialised memory
        return "none"
    if name in TIES and not x.is_floating_point():
        return "none" if name == "argsort" else "first"
    return "all"


class Record:
    """A sample of an OpInfo for both libraries."""

    def __init__(self, info: Any, sample: Any) -> None:
        self.info, self.sample = info, sample
        self.theirs = sample.input, sample.args, sample.kwargs
        self.memo: dict[int, Any] = {}
        self.ours = translated(self.theirs, self.memo)
        self.function = function_of(info)
        self.values = _comparable(info.name, sample.input)

    def parts(self) -> dict[str, str | None]:
        """What differs, by part: `result`, `gradient`, `in-place`, `out`."""
        parts: dict[str, str | None] = {"result": self._result()}
        if any(t.requires_grad for t in tensors(self.theirs)):
            parts["gradient"] = self._gradient()
        if self.info.get_inplace() is not None and not self.sample.broadcasts_input:
            parts["in-place"] = self._inplace()
        if self.info.supports_out:
            parts["out"] = self._out()
        return parts

    def _both(self, what: str, theirs: Callable[[], Any], ours: Callable[[], Any], scale: float = 1.0,
              values: str = "") -> str | None:  # fmt: skip
        """Run by PyTorch, then by kilnn; what PyTorch refuses must be refused with the same type of error."""
        torch.manual_seed(7)
        kilnn.manual_seed(7)
        try:
            expected = theirs()
        except Exception as error:
            try:
                ours()
            except Exception as own:
                same = isinstance(own, kind_of(error))
                return None if same else f"{what}: {_words(own)}; PyTorch {_words(error)}"
            return f"{what}: no error; PyTorch {_words(error)}"
        try:
            return difference(ours(), expected, what, scale, values or self.values)
        except Exception as error:
            return f"{what}: {_words(error)}"

    def _result(self) -> str | None:
        return self._both("result", lambda: _call(self.info.op, self.theirs), lambda: _call(self.function, self.ours))

    def _gradient(self) -> str | None:
        leaves = [t for t in tensors(self.theirs) if t.requires_grad]
        cotangents: list[torch.Tensor] = []
        process = self.sample.output_process_fn_grad or (lambda out: out)

        def theirs() -> Any:
            args, rest, kwargs = self.theirs
            outs = process(self.info.gradcheck_wrapper(self.info.op, args, *rest, **kwargs))
            outs = [t for t in tensors(outs) if t.requires_grad]
            cotangents.extend(torch.randn(t.shape, dtype=t.dtype) for t in outs)
            return torch.autograd.grad(outs, leaves, cotangents, allow_unused=True) if outs else []

        def ours() -> Any:
            args, rest, kwargs = self.ours
            outs = translated(process)(translated(self.info.gradcheck_wrapper)(self.function, args, *rest, **kwargs))
            outs = [t for t in tensors(outs) if t.requires_grad]
            own = [self.memo[id(t)] for t in leaves]
            return kilnn.autograd.grad(outs, own, [tensor(c) for c in cotangents], allow_unused=True) if outs else []

        invariant = self.info.name in PHASES and self.sample.output_process_fn_grad is not None
        return self._both("gradient", theirs, ours, 5.0, "all" if invariant else self.values)

    def _inplace(self) -> str | None:
        variant = self.info.get_inplace()

        def written(library: Any, method: Any, record: Any) -> Any:
            x, args, kwargs = record
            x = x.detach().clone()
            method(x, *_detached(args), **_detached(kwargs))
            return x

        name = getattr(variant, "__name__", "")
        own = getattr(kilnn.Tensor, name) if hasattr(kilnn.Tensor, name) else translated(variant)
        return self._both(
            "in-place", lambda: written(torch, variant, self.theirs), lambda: written(kilnn, own, self.ours)
        )

    def _out(self) -> str | None:
        try:
            made = _call(self.info.op, _detached(self.theirs))
        except Exception:
            return None  # compared as the result
        dtypes = [dtype_name(t) for t in tensors(made)]

        def written(library: Any, function: Any, record: Any) -> Any:
            targets = tuple(library.empty(0, dtype=getattr(library, dtype)) for dtype in dtypes)
            x, args, kwargs = _detached(record)
            function(x, *args, **kwargs, out=targets[0] if is_tensor(made) else targets)
            return targets

        return self._both(
            "out",
            lambda: written(torch, self.info.op, self.theirs),
            lambda: written(kilnn, self.function, self.ours),
        )


def _call(function: Any, record: Any) -> Any:
    x, args, kwargs = record
    return function(x, *args, **kwargs)


def _detached(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _detached(v) for k, v in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(_detached(v) for v in tree) if type(tree) in (tuple, list) else tree
    return tree.detach() if is_tensor(tree) else tree


def error_difference(info: Any, sample: Any) -> str | None:
    """An ErrorInput: PyTorch's exception type, at the latest when the values are looked at."""
    record = sample.input, sample.args, sample.kwargs
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _call(info.op, record)
    except Exception as error:
        expected = error
    else:
        return None  # raised only elsewhere
    try:
        for t in tensors(_call(function_of(info), translated(record))):
            to_numpy(t)
    except Exception as error:
        fits = isinstance(error, kind_of(expected)) and isinstance(error, NotImplementedError) <= isinstance(
            expected, NotImplementedError
        )
        return None if fits else f"{_words(error)}; PyTorch {_words(expected)}"
    return f"no error; PyTorch {_words(expected)}"
