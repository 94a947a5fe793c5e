"""Reductions against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.ops import reduction as ops
from tests.ops.harness import (
    ALL,
    Fixed,
    Row,
    Table,
    check_other_dtype,
    check_saves,
    check_values,
    entry_for,
    floats,
    positive,
)

x, cube, scalar, empty = floats(2, 3), floats(2, 3, 4), floats(), floats(0, 3)
ties = Fixed([1.0, 3.0, 3.0], [3.0, 0.0, 1.0])
nans = Fixed([1.0, np.nan, 3.0], [np.inf, 0.0, -np.inf])
inf = float("inf")


def reduce(name, dim, keep, **named):
    def oracle(t):
        return getattr(torch, name)(t, keepdim=keep, dim=dim, **named)

    return oracle


ROWS = Table([
    *[Row(op, reduce(name, dim, keep), (operand,), ((dim,) if isinstance(dim, int) else dim, keep), others=others)
      for op, name in [(ops.sum_, "sum"), (ops.mean, "mean"), (ops.nansum, "nansum")]
      for operand, dim, keep, others in [
          (x, None, False, ALL), (x, 0, False, ALL), (cube, (0, 2), True, ()), (cube, 1, True, ()),
          (scalar, None, False, ()), (empty, 0, False, ()), (empty, 1, True, ())]],
    Row(ops.nansum, torch.nansum, (nans,), (None, False), saves=False, grads=False),
    Row(ops.prod, torch.prod, (x,), (None, False), others=ALL),
    Row(ops.prod, reduce("prod", 1, False), (cube,), ((1,), False), others=("int32",)),
    Row(ops.prod, reduce("prod", 0, True), (Fixed([1.0, 0.0], [0.0, 0.0], [2.0, 3.0]),), ((0,), True), saves=False),
    Row(ops.prod, torch.prod, (Fixed(0.0, 2.0, 3.0),), (None, False), saves=False),
    *[Row(op, reduce(name, dim, keep), (operand,), ((dim,) if isinstance(dim, int) else dim or None, keep),
        others=others)
      for op, name in [(ops.amax, "amax"), (ops.amin, "amin")]
      for operand, dim, keep, others in [
          (x, (), False, ALL), (x, 0, False, ALL), (cube, (0, 2), True, ()), (ties, 1, False, ()), (ties, (), False,
              ()),
          (scalar, (), False, ())]],
    *[Row(op, oracle, (operand,), others=others) for op, oracle in [(ops.max_, torch.max), (ops.min_, torch.min)]
      for operand, others in [(x, ALL), (ties, ()), (scalar, ())]],
    *[Row(op, lambda t, name=name, dim=dim, c=c, keep=keep: getattr(torch, name)(t, dim=dim, correction=c,
        keepdim=keep),
          (operand,), ((dim,) if isinstance(dim, int) else dim, c, keep), others=("int64", "float16"))
      for op, name in [(ops.var, "var"), (ops.std, "std")]
      for operand, dim, c, keep in [(x, None, 1, False), (x, 1, 0, True), (cube, (0, 2), 1, False), (cube, 2, 2,
          False)]],
    *[Row(ops.norm, lambda t, p=p, dim=dim, keep=keep: torch.linalg.vector_norm(t, p, dim, keep),
          (operand,), (float(p), (dim,) if isinstance(dim, int) else dim, keep), others=("int64", "bfloat16"),
              grads=p != 0)
      for p in (2, 1, 0, 3, inf, -inf, 0.5, 1.5, 2.3)
      for operand, dim, keep in [(x, None, False), (cube, 1, True), (cube, (0, 2), False)]],
    Row(ops.norm, torch.linalg.vector_norm, (Fixed(0.0, 0.0),), (2.0, None, False), saves=False),
    Row(ops.norm, lambda t: torch.linalg.vector_norm(t, inf), (Fixed(3.0, -3.0, 1.0),), (inf, None, False),
        saves=False),
    *[Row(ops.logsumexp, lambda t, dim=dim, keep=keep: torch.logsumexp(t, dim, keep), (operand,),
          ((dim,) if isinstance(dim, int) else dim, keep), others=("int64", "bool", "float16"))
      for operand, dim, keep in [(x, 0, False), (cube, (0, 2), True), (scalar, 0, False)]],
    Row(ops.logsumexp, lambda t: torch.logsumexp(t, 1), (Fixed([-inf, -inf], [inf, 1.0], [1000.0, 1000.0]),), ((1,),
        False),
        saves=False, grads=False),
    *[Row(op, lambda t, oracle=oracle, dim=dim, keep=keep: oracle(t, dim=dim, keepdim=keep), (operand,), (dims, keep),
        others=ALL)
      for op, oracle in [(ops.any_, torch.any), (ops.all_, torch.all)]
      for operand, dim, dims, keep in [(floats(3, 2, low=0, high=2), 1, (1,), False), (cube, (0, 2), (0, 2), True),
          (empty, 0, (0,), False)]],
    Row(ops.count_nonzero, torch.count_nonzero, (floats(2, 3, high=2),), (None,), others=ALL),
    Row(ops.count_nonzero, lambda t: torch.count_nonzero(t, (0, 2)), (cube,), ((0, 2),)),
])  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_values_and_gradients(row, dtype):
    check_values(row, dtype)


@pytest.mark.parametrize("row", [r for r in ROWS if r.saves and 0 not in getattr(r.operands[0], "shape", ())], ids=str)
def test_saves_what_pytorch_saves(row):
    check_saves(row)


@pytest.mark.parametrize("row,dtype", [(r, d) for r in ROWS for d in r.others], ids=str)
def test_other_dtypes(row, dtype):
    check_other_dtype(row, dtype)


def test_a_mean_of_nothing_is_nan():
    row = Row(ops.mean, torch.mean, (floats(0),), (None, False))
    check_values(row, "float32")


@pytest.mark.filterwarnings("ignore:var.*degrees of freedom")
def test_too_few_elements_for_a_variance():
    check_values(Row(ops.var, torch.var, (floats(1),), (None, 1, False), grads=False), "float32")


@pytest.mark.parametrize(
    "op,operand,attributes,error,text",
    [
        (ops.mean, np.ones(2, np.int64), (None, False), RuntimeError, r"could not infer output dtype.*Got: Long"),
        (ops.var, np.ones(2, bool), (None, 1, False), RuntimeError, "std and var only support floating point"),
        (
            ops.norm,
            np.ones(2, np.int64),
            (2.0, None, False),
            RuntimeError,
            "Expected a floating point or complex tensor",
        ),
        (
            ops.max_,
            np.ones(0),
            (),
            RuntimeError,
            r"max\(\): Expected reduction dim to be specified for input.numel\(\) == 0",
        ),
        (ops.amax, np.ones((0, 3)), ((0,), False), IndexError, "Expected reduction dim 0 to have non-zero size"),
    ],
)
def test_errors(op, operand, attributes, error, text):
    with pytest.raises(error, match=text):
        entry_for(op, [operand], attributes)


def test_large_sums_keep_their_digits():
    check_values(Row(ops.logsumexp, lambda t: torch.logsumexp(t, 0), (positive(1000),), ((0,), False)), "float32")
