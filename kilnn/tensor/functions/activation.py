"""Activations that are also functions of the namespace and methods: relu, softmax, log_softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilnn.base.dtypes import DType
from kilnn.base.shapes import normalize_dim
from kilnn.ops import activation as ops
from kilnn.tensor.doors import cast, inplace, record

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def relu(input: Tensor) -> Tensor:
    """max(x, 0)."""
    return record(ops.relu, (input,))


def relu_(input: Tensor) -> Tensor:
    """max(x, 0), in place."""
    return inplace(input, ops.relu, (input,))


def softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """exp(x) divided by its sum along `dim`; computed in `dtype` if given."""
    x = input if dtype is None else cast(input, dtype)
    return record(ops.softmax, (x,), (normalize_dim(dim, x.ndim),))


def log_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """x minus the logarithm of the sum of exp(x) along `dim`; computed in `dtype` if given."""
    x = input if dtype is None else cast(input, dtype)
    return record(ops.log_softmax, (x,), (normalize_dim(dim, x.ndim),))
