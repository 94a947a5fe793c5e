"""Comparisons, logic and bits against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.ops import comparison as ops
from tests.ops.harness import (
    ALL,
    WHOLE,
    Fixed,
    Row,
    Table,
    check_other_dtype,
    check_values,
    entry_for,
    floats,
    ints,
    mask,
)

a, b = Fixed(1.0, 2.0, 3.0, np.nan), Fixed(1.0, 3.0, 2.0, np.nan)
special = Fixed(0.0, -0.0, 1.0, np.nan, np.inf, -np.inf)
i, j = ints(2, 3, high=9), ints(3, high=9)

ROWS = Table([
    *[Row(op, oracle, (floats(2, 3), floats(3)), others=ALL) for op, oracle in [
        (ops.eq, torch.eq), (ops.ne, torch.ne), (ops.lt, torch.lt), (ops.le, torch.le), (ops.gt, torch.gt),
        (ops.ge, torch.ge)]],
    *[Row(op, oracle, (a, b)) for op, oracle in [
        (ops.eq, torch.eq), (ops.ne, torch.ne), (ops.lt, torch.lt), (ops.le, torch.le), (ops.gt, torch.gt),
        (ops.ge, torch.ge), (ops.logical_and, torch.logical_and), (ops.logical_or, torch.logical_or),
        (ops.logical_xor, torch.logical_xor)]],
    Row(ops.gt, torch.gt, (a, 2), others=("int64",)),
    Row(ops.eq, torch.eq, (floats(5, high=3), 1.5), others=("int64", "bool")),
    Row(ops.logical_and, torch.logical_and, (special, ints(6, high=1)), others=("bfloat16",)),
    Row(ops.logical_not, torch.logical_not, (special,), others=("int64", "bool", "float16")),
    *[Row(op, oracle, (x, y), others=()) for op, oracle in [
        (ops.bitwise_and, torch.bitwise_and), (ops.bitwise_or, torch.bitwise_or), (ops.bitwise_xor, torch.bitwise_xor)]
        for x, y in [(i, j), (mask(2, 3), mask(3)), (i, mask(3)), (i, 5)]],
    *[Row(op, oracle, (floats(3), floats(3)), others=(*ALL, "float32")) for op, oracle in [
        (ops.bitwise_and, torch.bitwise_and), (ops.bitwise_or, torch.bitwise_or), (ops.bitwise_xor,
            torch.bitwise_xor)]],
    Row(ops.left_shift, torch.bitwise_left_shift, (i, 2)),
    Row(ops.right_shift, torch.bitwise_right_shift, (i, 1)),
    Row(ops.bitwise_not, torch.bitwise_not, (i,)),
    Row(ops.bitwise_not, torch.bitwise_not, (mask(3),)),
    *[Row(op, oracle, (special,), others=WHOLE) for op, oracle in [
        (ops.isnan, torch.isnan), (ops.isinf, torch.isinf), (ops.isfinite, torch.isfinite),
        (ops.signbit, torch.signbit)]],
    Row(ops.isclose, lambda x, y, r, t: torch.isclose(x, y, r, t), (special, Fixed(1e-9, 1e-3, 1.0 + 1e-7, np.nan,
        np.inf, np.inf), 1e-5, 1e-8), (False,)),
    Row(ops.isclose, lambda x, y, r, t: torch.isclose(x, y, r, t, equal_nan=True), (special, special, 1e-5, 1e-8),
        (True,)),
    Row(ops.isclose, lambda x, y, r, t: torch.isclose(x, y, r, t), (i, j, 0.5, 0.0), (False,)),
])  # fmt: skip


@pytest.mark.parametrize("row", [r for r in ROWS if "float32" not in r.others], ids=str)
def test_values(row):
    check_values(row, "float32")


@pytest.mark.parametrize("row,dtype", [(r, d) for r in ROWS for d in r.others], ids=str)
def test_other_dtypes(row, dtype):
    check_other_dtype(row, dtype)


def test_inverting_floats():
    with pytest.raises(TypeError, match="only implemented on integer and Boolean-type tensors"):
        entry_for(ops.bitwise_not, [np.ones(2, np.float32)], ())


def test_isclose_wants_one_dtype():
    with pytest.raises(RuntimeError, match="Float did not match Double"):
        entry_for(ops.isclose, [np.ones(2, np.float32), np.ones(2), 0.1, 0.1], (False,))
