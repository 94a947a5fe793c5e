"""Joining, repeating, mirroring and padding against PyTorch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kilnn.ops import joining as ops
from tests.ops.harness import (
    ALL,
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

x, y, cube, image = floats(2, 3), floats(4, 3), floats(2, 3, 4), floats(1, 2, 4, 5)

ROWS = Table([
    Row(ops.cat, lambda *ts: torch.cat(ts), (x, y), (0,), others=ALL),
    Row(ops.cat, lambda *ts: torch.cat(ts, 1), (x, floats(2, 1), floats(2, 0)), (1,)),
    Row(ops.cat, lambda *ts: torch.cat(ts), (x,), (0,)),
    Row(ops.stack, lambda *ts: torch.stack(ts), (x, x), (0,), others=ALL),
    Row(ops.stack, lambda *ts: torch.stack(ts, 2), (x, x, x), (2,)),
    Row(ops.stack, lambda *ts: torch.stack(ts), (floats(), floats()), (0,)),
    Row(ops.flip, lambda t: t.flip(0, 2), (cube,), ((0, 2),), others=("bool",)),
    Row(ops.roll, lambda t, k: t.roll(k, 1), (cube, 2), ((1,),), others=("int64",)),
    Row(ops.roll, lambda t, j, k: t.roll((j, k), (0, 2)), (cube, -1, 7), ((0, 2),)),
    Row(ops.tril, lambda t, k: t.tril(k), (floats(3, 4), 0), others=("bool", "int64")),
    Row(ops.tril, lambda t, k: t.tril(k), (cube, -1)),
    Row(ops.triu, lambda t, k: t.triu(k), (floats(3, 4), 1), others=("bool", "int64")),
    Row(ops.triu, lambda t, k: t.triu(k), (cube, -1)),
    Row(ops.diag_embed, torch.diag_embed, (x,), (0, 1, 2), others=("int64",)),
    Row(ops.diag_embed, lambda t: torch.diag_embed(t, -1, 0, 2), (x,), (-1, 0, 2)),
    Row(ops.diag_embed, lambda t: torch.diag_embed(t, 2, 2, 0), (x,), (2, 2, 0)),
    Row(ops.repeat, lambda t: t.repeat(2, 1, 3), (x,), ((2, 1, 3),), others=("bool",)),
    Row(ops.repeat, lambda t: t.repeat(0, 2), (x,), ((0, 2),)),
    Row(ops.repeat_interleave, lambda t: t.repeat_interleave(2, 1), (cube,), (2, 1), others=("int64",)),
    Row(ops.pad, lambda t, v: F.pad(t, (1, 2), value=v), (x, 0.5), (((0, 0), (1, 2)),), others=("float16",)),
    Row(ops.pad, lambda t, v: F.pad(t, (-1, 2, 1, -2), value=v), (cube, 0), (((0, 0), (1, -2), (-1, 2)),),
        others=("int64",)),
    Row(ops.pad_edges, lambda t: F.pad(t, (1, 2, 2, 0), mode="reflect"), (image,), (((0, 0), (0, 0), (2, 0), (1, 2)),
        "reflect")),
    Row(ops.pad_edges, lambda t: F.pad(t, (3, 2, 5, 0), mode="replicate"), (image,), (((0, 0), (0, 0), (5, 0), (3, 2)),
        "replicate")),
    Row(ops.pad_circular, lambda t: F.pad(t, (3, 2, 4, 0), mode="circular"), (image,), (((0, 0), (0, 0), (4, 0), (3,
        2)),)),
])  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_values_and_gradients(row, dtype):
    check_values(row, dtype)


# PyTorch pads circularly by copying into an empty tensor, whose history saves something else.
@pytest.mark.parametrize("row", [r for r in ROWS if r.op is not ops.pad_circular], ids=str)
def test_saves_what_pytorch_saves(row):
    check_saves(row)


@pytest.mark.parametrize("row,dtype", [(r, d) for r in ROWS for d in r.others], ids=str)
def test_other_dtypes(row, dtype):
    check_other_dtype(row, dtype)


@pytest.mark.parametrize(
    "ours,theirs,shapes",
    [
        (ops.cat, torch.cat, [(2, 3), (2, 4)]),
        (ops.cat, torch.cat, [(2, 3), (3,)]),
        (ops.cat, torch.cat, [(2, 3), ()]),
        (ops.stack, torch.stack, [(2, 3), (3,)]),
    ],
)
def test_shapes_that_do_not_fit(ours, theirs, shapes):
    expected = message_of(theirs, [torch.zeros(s) for s in shapes])
    assert message_of(entry_for, ours, [np.zeros(s) for s in shapes], (0,)) == expected


def test_triangles_need_a_matrix():
    with pytest.raises(RuntimeError, match="tril: input tensor must have at least 2 dimensions"):
        entry_for(ops.tril, [np.ones(3), 0], ())


def test_padding_wider_than_the_input():
    with pytest.raises(RuntimeError, match="Padding size should be less than the corresponding input dimension"):
        entry_for(ops.pad_edges, [np.ones((1, 2, 3))], (((0, 0), (0, 0), (3, 0)), "reflect"))
    with pytest.raises(RuntimeError, match="wrapping around more than once"):
        entry_for(ops.pad_circular, [np.ones((1, 2, 3))], (((0, 0), (0, 0), (4, 0)),))


def test_whole_numbers_are_joined_as_they_are():
    check_values(Row(ops.cat, lambda *ts: torch.cat(ts), (ints(2, high=5), ints(3, high=5)), (0,)), "float32")
