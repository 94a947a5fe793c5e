"""Expressions run on kilnn and on PyTorch: same values, dtypes, strides and gradients, or the same error.

An expression may be several statements; the last one is the result. `T` is the library, the other names are the tensors
below, made anew from the same numbers for each run.
"""

from typing import Any

import numpy as np
import torch

import kilnn
from tests.oracle import Difference, assert_same_error, assert_same_tree, outcome

RNG = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {
    "x": RNG.standard_normal((2, 3), np.float32),
    "y": RNG.standard_normal((2, 3), np.float32),
    "p": RNG.random((2, 3), np.float32) + np.float32(0.1),
    "row": RNG.standard_normal(3, np.float32),
    "cube": RNG.standard_normal((2, 3, 4), np.float32),
    "one": RNG.standard_normal((1, 3, 1), np.float32),
    "s": np.array(1.5, np.float32),
    "d": RNG.standard_normal((2, 3)),
    "square": RNG.standard_normal((3, 3), np.float32),
    "i": np.arange(6).reshape(2, 3),
    "j": np.array([1, 0, 1]),
    "k": np.array(1),
    "small": np.array([3, 1, 2], np.int32),
    "byte": np.array([0, 1, 1], np.uint8),
    "b": np.array([[True, False, True], [False, False, True]]),
    "rows": np.array([True, False]),
    "yes": np.array(True),
    "mat": np.array([[2, 1, 0.5], [0.3, 3, 0.4], [0.3, 0.5, 1.5]], np.float32),
    "spd": np.array([[4, 1, 0.5], [1, 3, 0.2], [0.5, 0.2, 2]], np.float32),
    "tall": np.array([[1, 2], [3, -1], [0.5, 2]], np.float32),
    "vec": np.array([0.3, -1.2, 2.5, 0, 4], np.float32),
    "pos": np.array([0.3, 1.2, 2.5, 0.7, 4], np.float32),
    "z": np.array([1 + 2j, 3 - 1j, -0.5 + 0.2j], np.complex64),
}
LEAVES = ("x", "y", "p", "row", "cube", "one", "s", "square", "mat", "pos")


def each(table: str) -> list[str]:
    """The expressions of a table, with "; " between those on one line."""
    return [source for line in programs(table) for source in line.split("; ")]


def programs(table: str) -> list[str]:
    """The programs of a table, one on each line."""
    return table.strip().splitlines()


def environment(library: Any, gradients: bool) -> dict[str, Any]:
    names: dict[str, Any] = {"T": library, "np": np, "inf": np.inf, "nan": np.nan}
    for name, array in ARRAYS.items():
        names[name] = library.tensor(array)
        if gradients and name in LEAVES:
            names[name].requires_grad_(True)
    return names


def evaluate(source: str, library: Any, gradients: bool) -> tuple[Any, dict[str, Any]]:
    names = environment(library, gradients)
    *statements, last = source.split(";")
    for statement in statements:
        exec(statement.strip(), names)
    return eval(last.strip(), names), names


def tensors_in(result: Any) -> list[Any]:
    if hasattr(result, "requires_grad"):
        return [result]
    return [t for part in result for t in tensors_in(part)] if isinstance(result, tuple | list) else []


def check(
    source: str, *, gradients: bool = False, strides: bool = True, text: bool = False, rtol: float = 1e-5
) -> None:
    """Run `source` on both libraries. text: errors have PyTorch's words too."""
    ours = outcome(lambda: evaluate(source, kilnn, gradients))
    theirs = outcome(lambda: evaluate(source, torch, gradients))
    assert_same_error(ours.error, theirs.error, source)
    if theirs.error is not None:
        if text and str(ours.error) != str(theirs.error):
            raise Difference(f"{source}: {ours.error}\nPyTorch: {theirs.error}")
        return
    assert_same_tree(ours.result[0], theirs.result[0], rtol, 1e-6, source)
    pairs = list(zip(tensors_in(ours.result[0]), tensors_in(theirs.result[0]), strict=True))
    for a, b in pairs:
        # Strides of empty tensors and of dimensions of size 1 say nothing about memory.
        steps = [[n for n, size in zip(t.stride(), t.shape, strict=True) if size != 1] for t in (a, b)]
        if strides and b.numel() and (steps[0] != steps[1] or a.storage_offset() != b.storage_offset()):
            raise Difference(
                f"{source}: strides {a.stride()} at {a.storage_offset()}, PyTorch {b.stride()} at {b.storage_offset()}"
            )
    if gradients:
        _check_gradients(source, pairs, ours.result[1], theirs.result[1], rtol)


def _check_gradients(source: str, pairs: Any, ours: Any, theirs: Any, rtol: float) -> None:
    for library, column, names in ((kilnn, 0, ours), (torch, 1, theirs)):
        total = None
        for pair in pairs:
            t = pair[column]
            if t.requires_grad:
                weights = library.tensor(np.cos(np.arange(t.numel(), dtype=np.float32)).reshape(tuple(t.shape)))
                part = (t * weights).sum()
                total = part if total is None else total + part
        assert total is not None, f"{source}: nothing requires a gradient"
        total.backward()
        names["total"] = total
    for name in LEAVES:
        a, b = ours[name].grad, theirs[name].grad
        assert (a is None) == (b is None), f"{source}: gradient of {name}: {a}, PyTorch {b}"
        if a is not None:
            assert_same_tree(a, b, rtol * 10, 1e-6, f"{source}: gradient of {name}")
