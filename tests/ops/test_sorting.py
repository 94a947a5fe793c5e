"""Extremes with their places, sorting, running sums, against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.ops import sorting as ops
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
    run,
)

x, cube, scalar = floats(2, 3), floats(2, 3, 4), floats()
nans = Fixed([1.0, np.nan, 3.0], [np.inf, 0.0, -np.inf])

ROWS = Table([
    *[Row(op, lambda t, oracle=oracle, dim=dim, keep=keep: oracle(t, dim, keep), (operand,), (dim, keep), others=others)
      for op, oracle in [(ops.argmax, torch.argmax), (ops.argmin, torch.argmin)]
      for operand, dim, keep, others in [
          (x, None, False, ALL), (cube, 1, True, ALL), (cube, None, True, ()), (scalar, 0, False, ()), (nans, 1, False,
              ())]],
    *[Row(op, lambda t, oracle=oracle, dim=dim, keep=keep: tuple(oracle(t, dim, keep)), (operand,), (dim, keep),
        others=others)
      for op, oracle in [(ops.max_dim, torch.max), (ops.min_dim, torch.min), (ops.median_dim, torch.median)]
      for operand, dim, keep, others in [
          (floats(2, 5), 1, False, ("int64", "float16", "bfloat16")), (cube, 1, True, ()), (scalar, 0, True, ())]],
    *[Row(op, lambda t, oracle=oracle: tuple(oracle(t, 1)), (nans,), (1, False), saves=False)
      for op, oracle in [(ops.max_dim, torch.max), (ops.min_dim, torch.min), (ops.median_dim, torch.median)]],
    Row(ops.median, torch.median, (floats(2, 3),), others=("int64", "float16")),
    Row(ops.median, torch.median, (floats(5),)),
    Row(ops.median, torch.median, (Fixed(1.0, np.nan, 0.0),), saves=False),
    *[Row(ops.kthvalue, lambda t, k=k, keep=keep: tuple(torch.kthvalue(t, k, 1, keep)), (cube,), (k, 1, keep))
      for k, keep in [(1, False), (3, True)]],
    *[Row(ops.sort, lambda t, dim=dim, down=down: tuple(torch.sort(t, dim=dim, descending=down, stable=True)),
        (operand,), (dim, down), others=others)
      for operand, dim, down, others in [
          (x, 1, False, ALL), (x, 0, True, ALL), (cube, 1, True, ()), (scalar, 0, False, ()), (nans, 1, False, ()),
          (nans, 1, True, ()), (Fixed(1.0, 2.0, 1.0, 2.0), 0, True, ())]],
    *[Row(ops.topk, lambda t, k=k, dim=dim, largest=largest: tuple(torch.topk(t, k, dim, largest)), (operand,), (k,
        dim, largest), others=others)
      for operand, k, dim, largest, others in [
          (floats(2, 9, low=-50, high=50), 3, 1, True, ("float16", "bool")), (floats(3, 40), 2, 1, True, ("bfloat16",)),
          (floats(40, 3), 2, 0, True, ()), (Fixed(*range(17), np.nan, np.inf, -np.inf), 2, 0, True, ()),
          (floats(2, 9), 3, 1, False, ("bfloat16",)),
          (cube, 2, 1, True, ()), (scalar, 1, 0, True, ())]],
    *[Row(op, lambda t, oracle=oracle, dim=dim: oracle(t, dim), (operand,), (dim,), others=others)
      for op, oracle in [(ops.cumsum, torch.cumsum), (ops.cumprod, torch.cumprod)]
      for operand, dim, others in [(x, 1, ALL), (cube, 1, ()), (scalar, 0, ())]],
    Row(ops.logcumsumexp, lambda t: torch.logcumsumexp(t, 1), (floats(2, 3),), (1,), saves=False),
    Row(ops.cumprod, lambda t: torch.cumprod(t, 0), (Fixed(1.0, 0.0, 2.0, 0.0, 3.0),), (0,), saves=False),
    *[Row(op, lambda t, oracle=oracle, dim=dim: tuple(oracle(t, dim)), (operand,), (dim,), others=("int64",))
      for op, oracle in [(ops.cummax, torch.cummax), (ops.cummin, torch.cummin)]
      for operand, dim in [(floats(2, 9), 1), (cube, 1), (Fixed(1.0, 2.0, 2.0, np.nan, 3.0), 0)]],
])  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_values_and_gradients(row, dtype):
    check_values(row, dtype)


@pytest.mark.parametrize("row", [r for r in ROWS if r.saves], ids=str)
def test_saves_what_pytorch_saves(row):
    check_saves(row)


@pytest.mark.parametrize("row,dtype", [(r, d) for r in ROWS for d in r.others], ids=str)
def test_other_dtypes(row, dtype):
    check_other_dtype(row, dtype)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int8])
@pytest.mark.parametrize("largest", [True, False])
def test_topk_of_whole_numbers(dtype, largest):
    array = np.random.default_rng(0).permutation(120).astype(dtype)[:50]
    entry = entry_for(ops.topk, [array], (7, 0, largest))
    values, places = run(entry, [array])
    expected = torch.topk(torch.tensor(array), 7, largest=largest)
    assert np.array_equal(values, expected.values.numpy()) and values.dtype == dtype
    assert np.array_equal(places, expected.indices.numpy())


@pytest.mark.parametrize(
    "op,operand,attributes,error,text",
    [
        (ops.topk, np.ones(3), (5, 0, True), RuntimeError, "selected index k out of range"),
        (ops.argmax, np.ones(3, bool), (None, False), RuntimeError, "does not support bool input"),
        (ops.argmax, np.ones(0), (None, False), IndexError, "Expected reduction dim to be specified"),
        (ops.max_dim, np.ones((0, 3)), (0, False), IndexError, "Expected reduction dim 0 to have non-zero size"),
        (ops.kthvalue, np.ones(3), (4, 0, False), RuntimeError, "selected number k out of range"),
    ],
)
def test_errors(op, operand, attributes, error, text):
    with pytest.raises(error, match=text):
        entry_for(op, [operand], attributes)
