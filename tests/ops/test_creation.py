"""Copies, casts and fills against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.base import dtypes
from kilnn.ops import creation as ops
from tests.ops.harness import (
    TORCH_DTYPES,
    Row,
    Table,
    check_other_dtype,
    check_saves,
    check_values,
    entry_for,
    floats,
    mask,
    message_of,
)

x = floats(2, 3)

ROWS = Table(
    [
        Row(ops.clone, torch.clone, (x,), others=("int64", "bool", "bfloat16")),
        Row(ops.fence, torch.clone, (x,), others=("int64", "bool")),
        Row(ops.copy, lambda t, s: t.clone().copy_(s), (x, floats(3)), others=("int64", "bool")),
        Row(ops.copy, lambda t, s: t.clone().copy_(s), (x, floats())),
        Row(ops.answer, lambda t, s, a: t.clone().gt_(s).copy_(a), (x, floats(3), mask(2, 3))),
        Row(ops.fill_like, lambda t, v: t.clone().fill_(v), (x, 2.5), others=("float16",)),
        Row(ops.fill_like, lambda t, v: t.clone().fill_(v), (x, 2), others=("int64", "uint8")),
        Row(ops.fill_like, lambda t, v: t.clone().fill_(v), (x, floats())),
    ]
)

CASTS = Table(
    [
        Row(
            ops.cast,
            lambda t, d=d: t.to(TORCH_DTYPES[d]),
            (floats(2, 3, low=0, high=5),),
            (dtypes.by_name(d).np,),
            others=("int64", "bool"),
        )
        for d in ("float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool")
    ]
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", ROWS + CASTS, ids=str)
def test_values_and_gradients(row, dtype):
    if row.attributes == (np.dtype(dtype),):
        pytest.skip("no cast")
    check_values(row, dtype)


@pytest.mark.parametrize("row", ROWS + CASTS[:2], ids=str)
def test_saves_what_pytorch_saves(row):
    check_saves(row)


@pytest.mark.parametrize("row,dtype", [(r, d) for r in ROWS + CASTS for d in r.others], ids=str)
def test_other_dtypes(row, dtype):
    check_other_dtype(row, dtype)


@pytest.mark.parametrize("shape", [(4,), (3, 3), (2, 2, 3)])
def test_copies_that_do_not_fit(shape):
    expected = message_of(torch.ones(2, 3).copy_, torch.ones(shape))
    assert message_of(entry_for, ops.copy, [np.ones((2, 3)), np.ones(shape)], ()) == expected
