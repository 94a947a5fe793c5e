"""Indexing with positions and masks against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.engine.entry import grouped
from kilnn.engine.plan import make_plan
from kilnn.ops import indexing as ops, masking
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
    mask,
)

x, cube, scalar = floats(4, 3), floats(4, 5, 6), floats()
i, j = ints(3, low=-4, high=4), ints(2, 3, low=-4, high=4)
unique = Fixed(2, 0, 3, dtype="int64")


def at(key):
    """torch's x[key] with the index tensors in place of the Nones of `key`."""

    def oracle(t, *indices):
        given = iter(indices)
        return t[tuple(next(given) if k is None else k for k in key)]

    return oracle


def put(dims, accumulate):
    def oracle(t, value, *indices):
        key = [slice(None)] * t.ndim
        for d, index in zip(dims, indices, strict=True):
            key[d] = index
        out = t.clone()
        if accumulate:
            return torch.index_put(t, tuple(indices), value, accumulate=True)
        if dims == tuple(range(len(dims))):
            return torch.index_put(t, tuple(indices), value)
        out[tuple(key)] = value
        return out

    return oracle


full = slice(None)

ROWS = Table([
    Row(ops.index, at([None]), (x, i), ((0,), ""), others=("int64", "bool", "bfloat16")),
    Row(ops.index, at([None]), (cube, j), ((0,), "")),
    Row(ops.index, at([full, None]), (cube, j), ((1,), "")),
    Row(ops.index, at([None, None]), (cube, i, j), ((0, 1), "")),
    Row(ops.index, at([full, None, None]), (cube, i, ints(3, high=6)), ((1, 2), "")),
    Row(ops.index, at([None, full, None]), (cube, i, j), ((0, 2), "")),
    Row(ops.index, at([None, None, None]), (cube, i, i, ints(1, high=3)), ((0, 1, 2), "")),
    Row(ops.index, at([None]), (x, ints(0, high=4)), ((0,), "")),
    Row(ops.index, at([None]), (floats(0, 3), ints(0, high=4)), ((0,), "")),
    Row(ops.index, at([None]), (floats(3, 0), ints(2, low=5, high=9)), ((0,), "")),
    Row(ops.index, at([None]), (x, ints(3, high=4, dtype="int32")), ((0,), "")),
    Row(ops.index_put, put((0,), False), (x, floats(3, 3), unique), ((0,), "", False), others=("int64", "bool")),
    Row(ops.index_put, put((0,), True), (x, floats(3), i), ((0,), "", True), others=("int64", "bool")),
    Row(ops.index_put, put((0, 1), True), (cube, floats(2, 3, 6), i, j), ((0, 1), "", True)),
    Row(ops.index_put, put((0, 2), False), (cube, floats(), unique, unique), ((0, 2), "", False)),
    Row(ops.index_put, put((1,), False), (cube, floats(4, 3, 6), unique), ((1,), "", False), saves=False),
    Row(ops.index_select, lambda t, k: torch.index_select(t, 1, k), (cube, ints(3, high=4)), (1,), others=("int64",
        "bool")),
    Row(ops.index_select, lambda t, k: torch.index_select(t, 0, k), (x, ints(3, high=4, dtype="int32")), (0,)),
    Row(ops.index_select, lambda t, k: torch.index_select(t, 0, k), (scalar, Fixed(0, dtype="int64")), (0,)),
    Row(ops.index_add, lambda t, k, s: t.index_add(1, k, s), (cube, ints(3, high=4), floats(4, 3, 6)), (1, 5)),
    Row(ops.index_copy, lambda t, k, s: t.index_copy(0, k, s), (x, unique, floats(3, 3)), (0, 4)),
    Row(ops.index_fill, lambda t, k, v: t.index_fill(0, k, v), (x, Fixed(2, 0, 2, dtype="int64"), floats()), (0, 4),
        others=("int64",)),
    Row(masking.masked_scatter, torch.masked_scatter, (x, mask(4, 3), floats(20)), others=("int64",)),
    Row(masking.masked_scatter, torch.masked_scatter, (x, mask(3), floats(5, 4)), saves=False),
    Row(ops.one_hot, lambda k: torch.nn.functional.one_hot(k, 5), (ints(2, 3, high=5),), (5,)),
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


MASK = np.array([[True, False, True], [False, False, False], [True, True, False], [False, False, True]])
PLACES = masking.true_places(MASK)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masks(dtype):
    check_values(
        Row(
            masking.masked_select,
            lambda t, m, _: torch.masked_select(t, m),
            (x, Fixed(*MASK, dtype="bool"), Fixed(*PLACES, dtype="int64")),
        ),
        dtype,
    )


@pytest.mark.parametrize("dim,shape", [(0, (4, 3)), (0, (4, 3, 2)), (1, (2, 4, 3)), (1, (2, 4, 3, 2))])
def test_index_mask(dim, shape):
    row = Row(
        masking.index_mask, lambda t, m, _: t[(*[slice(None)] * dim, m)],
        (floats(*shape), Fixed(*MASK, dtype="bool"), Fixed(*PLACES, dtype="int64")), (dim,),
    )  # fmt: skip
    check_values(row, "float32")


def test_empty_masks():
    check_values(
        Row(
            masking.index_mask,
            lambda t, m, _: t[m],
            (x, Fixed(False, False, False, False, dtype="bool"), ints(0, high=1)),
            (0,),
        ),
        "float32",
    )


def test_masks_save_themselves():
    operands = [np.ones((4, 3), np.float32), MASK, PLACES]
    plan = make_plan(entry_for(masking.index_mask, operands, (0,)), 1)
    assert plan.saves == (1, 2)  # the positions are nobody's tensor
    plan = make_plan(entry_for(masking.masked_select, operands, ()), 1)
    assert plan.saves == (0, 1, 2)


def test_nonzero():
    for array in (MASK, np.arange(6).reshape(1, 2, 3), np.zeros((2, 0)), np.array(3.0), np.array(0)):
        expected = torch.nonzero(torch.tensor(array)).numpy()
        found = masking.nonzero(array)
        assert found.dtype == expected.dtype and found.shape == expected.shape and np.array_equal(found, expected)


def bad_value(op, operands, attributes):
    """The message of an op's condition on these operands, or None: what the engine prints."""
    check = entry_for(op, operands, attributes).check
    bad, values = op.checker.fn(*grouped([operands[k] for k in check.state], check.widths), **check.attributes)
    if not bad.any():
        return None
    first = int(np.broadcast_to(values, bad.shape).reshape(-1)[int(np.argmax(bad.reshape(-1)))])
    return op.checker.message.format(value=first, **check.attributes)


INT = np.int64


@pytest.mark.parametrize(
    "op,operands,attributes,text",
    [
        (ops.index, [np.ones((2, 3)), np.array([0, 2])], ((0,), "dimension 0 with size 2"),
            "index 2 is out of bounds for dimension 0 with size 2"),
        (ops.index, [np.ones((2, 3)), np.array([0, -3])], ((0,), "dimension 0 with size 2"),
            "index -3 is out of bounds for dimension 0 with size 2"),
        (ops.index, [np.ones((2, 3)), np.array([0, -2]), np.array([1, 3])], ((0, 1), "somewhere"),
            "index 3 is out of bounds for somewhere"),
        (ops.index, [np.ones((2, 3)), np.array([0, -2]), np.array([1, 2])], ((0, 1), ""), None),
        (ops.index_put, [np.ones(3), np.ones(()), np.array([5])], ((0,), "dimension 0 with size 3", False),
            "index 5 is out of bounds for dimension 0 with size 3"),
        (ops.index_select, [np.ones(3), np.array([-1])], (0,), "index out of range in self"),
        (ops.index_select, [np.ones(3), np.array([2])], (0,), None),
        (ops.index_add, [np.ones(3), np.array([3]), np.ones(1)], (0, 3),
            "index 3 is out of bounds for dimension 0 with size 3"),
        (ops.one_hot, [np.array([0, 5])], (5,), r"smaller than num_classes (5), but got 5."),
        (masking.masked_scatter, [np.ones(3), np.array([True, True, False]), np.ones(1)], (),
            "Number of elements of source < number of ones in mask"),
    ],
)  # fmt: skip
def test_positions_out_of_range(op, operands, attributes, text):
    found = bad_value(op, operands, attributes)
    assert found is None if text is None else text in found


@pytest.mark.parametrize(
    "op,operands,attributes,error,text",
    [
        (ops.index, [np.ones(3), np.ones(2)], ((0,), ""), IndexError, "must be long, int, byte or bool tensors"),
        (ops.index, [np.ones((3, 3)), np.ones(2, INT), np.ones(3, INT)], ((0, 1), ""), IndexError,
         r"shape mismatch: indexing tensors could not be broadcast together with shapes \[2\], \[3\]"),
        (ops.index_put, [np.ones(3), np.ones(2, np.float32), np.ones(2, INT)], ((0,), "", False), RuntimeError,
            "dtypes match"),
        (ops.index_put, [np.ones(3), np.ones(3), np.ones(2, INT)], ((0,), "", False), RuntimeError,
         r"shape mismatch: value tensor of shape \[3\] cannot be broadcast to indexing result of shape \[2\]"),
        (ops.index_select, [np.ones(3), np.ones((1, 2), INT)], (0,), IndexError, "Index is supposed to be a vector"),
        (ops.index_select, [np.ones(3), np.ones(2)], (0,), RuntimeError, "Expected dtype int32 or int64 for index"),
        (ops.index_add, [np.ones(3), np.ones(2, INT), np.ones(3)], (0, 3), RuntimeError,
            r"Number of indices \(2\) should be equal"),
        (ops.one_hot, [np.ones(3)], (2,), RuntimeError, "only applicable to index tensor of type LongTensor"),
    ],
)  # fmt: skip
def test_errors(op, operands, attributes, error, text):
    with pytest.raises(error, match=text):
        entry_for(op, operands, attributes)
