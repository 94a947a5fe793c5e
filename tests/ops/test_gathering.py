"""gather, scatter and take against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.ops import gathering as ops
from tests.ops.harness import (
    Fixed,
    Row,
    Table,
    check_other_dtype,
    check_saves,
    check_values,
    entry_for,
    floats,
    ints,
    message_of,
)
from tests.ops.test_indexing import bad_value

x, cube, scalar, line = floats(4, 3), floats(2, 3, 4), floats(), floats(5)
one = Fixed(0, dtype="int64")
columns = Fixed([0, 1, 2], [2, 0, 1], dtype="int64")

ROWS = Table([
    Row(ops.gather, lambda t, i: t.gather(0, i), (x, ints(2, 3, high=4)), (0, 4), others=("int64", "bool", "float16")),
    Row(ops.gather, lambda t, i: t.gather(1, i), (x, ints(4, 7, high=3)), (1, 3)),
    Row(ops.gather, lambda t, i: t.gather(1, i), (cube, ints(1, 5, 2, high=3)), (1, 3)),
    Row(ops.gather, lambda t, i: t.gather(2, i), (cube, ints(2, 3, 1, high=4, dtype="int32")), (2, 4)),
    Row(ops.gather, lambda t, i: t.gather(0, i), (line, ints(high=4)), (0, 5)),
    Row(ops.gather, lambda t, i: t.gather(0, i), (scalar, one), (0, 1)),
    Row(ops.gather, lambda t, i: t.gather(0, i), (x, ints(0, 3, high=4)), (0, 4)),
    Row(ops.scatter, lambda t, i, s: t.scatter(1, i, s), (x, columns, floats(2, 3)), (1, 3), others=("int64", "bool")),
    # PyTorch has no gradient for a source larger than its index.
    Row(ops.scatter, lambda t, i, s: t.scatter(1, i, s), (x, columns, floats(4, 4)), (1, 3), grads=False, saves=False),
    Row(ops.scatter, lambda t, i, s: t.scatter(0, i, s), (cube, Fixed([[1], [0]], dtype="int64"), floats(1, 2, 1)), (0,
        2)),
    Row(ops.scatter, lambda t, i, s: t.scatter(0, i, s.item()), (x, ints(2, 3, high=4), floats()), (0, 4), grads=False,
        saves=False),
    Row(ops.scatter_add, lambda t, i, s: t.scatter_add(0, i, s), (x, ints(6, 3, high=4), floats(6, 3)), (0, 4),
        others=("int64",)),
    Row(ops.scatter_add, lambda t, i, s: t.scatter_add(1, i, s), (cube, ints(2, 9, 3, high=3), floats(2, 9, 3)), (1,
        3)),
    Row(ops.take_flat, torch.take, (x, ints(2, 3, low=-12, high=12)), (12,), others=("int64",)),
    Row(ops.take_flat, torch.take, (x, ints(high=12)), (12,)),
    *[Row(ops.scatter_combined, lambda t, i, s, how=how, include=include: t.scatter_reduce(0, i, s, how,
        include_self=include), (x, ints(6, 3, high=4), floats(6, 3)), (0, 4, how, include), saves=False)
      for how in ("prod", "amax", "amin") for include in (True, False)],
    *[Row(ops.put, lambda t, i, s, add=add: t.put(i, s, add), (x, Fixed(1, 5, -2, dtype="int64"), floats(3)), (12, add),
        saves=False) for add in (True, False)],
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


@pytest.mark.parametrize(
    "op,operands,attributes,text",
    [
        (ops.gather, [np.ones((2, 3)), np.array([[2]])], (0, 2),
            "index 2 is out of bounds for dimension 0 with size 2"),
        (ops.gather, [np.ones((2, 3)), np.array([[-1]])], (1, 3),
            "index -1 is out of bounds for dimension 1 with size 3"),
        (ops.scatter, [np.ones((2, 3)), np.array([[5]]), np.ones((1, 1))], (1, 3),
            "index 5 is out of bounds for dimension 1 with size 3"),
        (ops.take_flat, [np.ones((2, 3)), np.array([6])], (6,), "tried to access index 6 on a tensor of 6 elements"),
        (ops.take_flat, [np.ones((2, 3)), np.array([-6])], (6,), None),
    ],
)  # fmt: skip
def test_positions_out_of_range(op, operands, attributes, text):
    found = bad_value(op, operands, attributes)
    assert found is None if text is None else text in found


@pytest.mark.parametrize(
    "op,oracle,shapes",
    [
        (ops.gather, torch.gather, [(2, 3), (2,)]),
        (ops.gather, torch.gather, [(2, 3), (3, 4)]),
        (ops.scatter, torch.scatter, [(2, 3), (3, 4), (3, 4)]),
        (ops.scatter, torch.scatter, [(2, 3), (2, 3), (1, 3)]),
    ],
)
def test_shapes_that_do_not_fit(op, oracle, shapes):
    arrays = [np.zeros(s, np.int64 if k == 1 else np.float32) for k, s in enumerate(shapes)]
    tensors = [torch.tensor(a) for a in arrays]
    expected = message_of(oracle, tensors[0], 0, *tensors[1:])
    assert message_of(entry_for, op, arrays, (0, 2)) == expected
