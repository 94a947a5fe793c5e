"""Minima, maxima, clamps and masks against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.ops import selection as ops
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
    mask,
)

a, b, low, high = floats(2, 3), floats(2, 3), floats(3, low=-1, high=0), floats(3, low=0, high=1)
ties, others = Fixed(1.0, 2.0, 3.0, np.nan, 1.0), Fixed(1.0, 3.0, 2.0, 1.0, np.nan)
special = Fixed(0.0, np.nan, np.inf, -np.inf, 2.0)

ROWS = Table([
    *[Row(op, oracle, operands, others=extra) for op, oracle in [
        (ops.maximum, torch.maximum), (ops.minimum, torch.minimum), (ops.fmax, torch.fmax), (ops.fmin, torch.fmin)]
        for operands, extra in [((a, b), ALL), ((ties, others), ()), ((a, floats(3)), ())]],
    Row(ops.clamp, torch.clamp, (a, -0.5, 0.5), others=("int64", "bfloat16")),
    Row(ops.clamp, torch.clamp, (a, None, 1), others=("int64", "uint8")),
    Row(ops.clamp, torch.clamp, (a, 0, None), others=("int64", "bool")),
    Row(ops.clamp, torch.clamp, (a, low, high)),
    Row(ops.clamp, torch.clamp, (a, high, low)),
    Row(ops.clamp, torch.clamp, (a, low, None)),
    Row(ops.clamp, torch.clamp, (a, None, high)),
    Row(ops.where, torch.where, (mask(2, 3), a, floats(3)), others=ALL),
    Row(ops.where, torch.where, (mask(2, 3), a, 2.5), others=ALL),
    Row(ops.where, torch.where, (mask(2, 3), 1, a), others=ALL),
    Row(ops.where, torch.where, (mask(2, 3), 1, 2)),
    Row(ops.where, torch.where, (mask(2, 3), 1.0, 2)),
    Row(ops.masked_fill, torch.masked_fill, (a, mask(2, 3), 2.5), others=("float16",)),
    Row(ops.masked_fill, torch.masked_fill, (a, mask(3), 2), others=("int64", "uint8", "int32")),
    Row(ops.masked_fill, torch.masked_fill, (a, mask(2, 3), floats())),
    Row(ops.masked_write, lambda x, m, v: torch.where(m, v, x), (a, mask(2, 3), floats(3))),
    Row(ops.nan_to_num, torch.nan_to_num, (special, 0.0, None, None), others=("int64", "bool", "float16", "bfloat16")),
    Row(ops.nan_to_num, torch.nan_to_num, (special, 1.5, 7.0, -7.0)),
])  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_values_and_gradients(row, dtype):
    check_values(row, dtype)


@pytest.mark.parametrize("row", [r for r in ROWS if r.op is not ops.masked_write], ids=str)
def test_saves_what_pytorch_saves(row):
    check_saves(row)


@pytest.mark.parametrize("row,dtype", [(r, d) for r in ROWS for d in r.others], ids=str)
def test_other_dtypes(row, dtype):
    check_other_dtype(row, dtype)


x, m = np.ones((2, 3), np.float32), np.ones((2, 3), bool)


@pytest.mark.parametrize(
    "op,operands,text",
    [
        (ops.clamp, (x, None, None), "At least one of 'min' or 'max' must not be None"),
        (ops.where, (x, x, x), "where expected condition to be a boolean tensor, but got a tensor with dtype Float"),
        (
            ops.masked_fill,
            (x, m.astype(np.int64), 1.0),
            "only supports boolean masks, but got mask with dtype long int",
        ),
        (
            ops.masked_fill,
            (x, m, x),
            r"only supports a 0-dimensional value tensor, but got tensor with 2 dimension\(s\)",
        ),
    ],
)
def test_errors(op, operands, text):
    with pytest.raises(RuntimeError, match=text):
        entry_for(op, list(operands), ())
