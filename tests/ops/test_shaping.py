"""Views against PyTorch, and writing back through them."""

import jax
import numpy as np
import pytest
import torch

from kilnn.ops import shaping as ops
from tests.ops.harness import Row, Table, check_saves, check_values, floats

x, cube, scalar = floats(2, 3), floats(4, 5, 6), floats()


def block(op, key, *starts, dims, sizes, steps, shape, operand=cube):
    return Row(op, lambda t, *_: t[key], (operand, *starts), (dims, sizes, steps, shape))


ROWS = Table([
    *[Row(op, lambda t: t.reshape(3, 2), (x,), ((3, 2),))
      for op in (ops.reshape, ops.unsqueeze, ops.squeeze, ops.alias, ops.reshape_copy, ops.contiguous)],
    Row(ops.reshape, lambda t: t.reshape(1, 1), (scalar,), ((1, 1),)),
    *[Row(op, lambda t: t.permute(2, 0, 1), (cube,), ((2, 0, 1),)) for op in (ops.permute, ops.transpose, ops.t)],
    Row(ops.expand, lambda t: t.expand(2, 4, 3), (floats(1, 3),), ((2, 4, 3),)),
    Row(ops.expand, lambda t: t.expand(2, 3), (scalar,), ((2, 3),)),
    *[block(op, (slice(None), 2), 2, dims=(1,), sizes=(1,), steps=(1,), shape=(4, 6)) for op in (ops.select,
        ops.unbind)],
    *[block(op, (slice(1, 3),), 1, dims=(0,), sizes=(2,), steps=(1,), shape=(2, 5, 6)) for op in (ops.slice_,
        ops.split)],
    block(ops.slice_, (slice(1, 4, 2), slice(None), slice(0, 6, 3)), 1, 0, dims=(0, 2), sizes=(2, 2), steps=(2, 3),
        shape=(2, 5, 2)),
    block(ops.slice_, (slice(1, 4, 2), None, 3), 1, 3, dims=(0, 1), sizes=(2, 1), steps=(2, 1), shape=(2, 1, 6)),
    block(ops.slice_, (slice(4, 4),), 4, dims=(0,), sizes=(0,), steps=(1,), shape=(0, 5, 6)),
    block(ops.slice_, (slice(3, 3, 2),), 3, dims=(0,), sizes=(0,), steps=(2,), shape=(0, 5, 6)),
    Row(ops.diagonal, lambda t: t.diagonal(1, 0, 2), (cube,), (1, 0, 2)),
    Row(ops.diagonal, lambda t: t.diagonal(-2, 2, 0), (cube,), (-2, 2, 0)),
    Row(ops.diagonal, lambda t: t.diagonal(9), (x,), (9, 0, 1)),
    Row(ops.unfold, lambda t: t.unfold(1, 3, 2), (cube,), (1, 3, 2)),
    Row(ops.unfold, lambda t: t.unfold(2, 2, 1), (cube,), (2, 2, 1)),
    Row(ops.unfold, lambda t: t.unfold(0, 1, 1), (scalar,), (0, 1, 1)),
    Row(ops.as_strided, lambda t: t.as_strided((2, 2), (1, 2), 1), (x,), ((2, 2), (1, 2), 1)),
])  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_values_and_gradients(row, dtype):
    check_values(row, dtype)


# PyTorch refuses the in-place writes of this experiment on expanded tensors.
@pytest.mark.parametrize("row", [r for r in ROWS if r.op is not ops.expand], ids=str)
def test_saves_nothing(row):
    check_saves(row)


@pytest.mark.parametrize("row", [r for r in ROWS if r.op.name not in ("reshape_copy", "contiguous")], ids=str)
def test_writing_through_a_view(row):
    """The base after `view.copy_(value)`; where a view shows an element twice, values agree there."""
    base, *starts = row.draw("float32")
    view = row.oracle(torch.tensor(base), *starts)
    value = torch.arange(view.numel(), dtype=torch.float32).reshape(view.shape)
    if row.op is ops.unfold:
        value = torch.full(view.shape, 3.0)
    wanted = torch.tensor(base)
    seen = row.oracle(wanted, *starts)
    if row.op is ops.expand:
        value = torch.full(view.shape, 3.0)
        wanted.fill_(3.0)
    else:
        seen.copy_(value)
    attributes = dict(zip(row.op.attributes, row.attributes, strict=True))
    with jax.enable_x64(True):
        put = jax.jit(lambda b, v, *s: row.op.putter(b, v, *s, **attributes))
        found = put(base, value.numpy(), *map(np.int64, starts))
    np.testing.assert_array_equal(found, wanted.numpy())


def test_starts_are_inputs_of_the_program():
    with jax.enable_x64(True):
        pick = jax.jit(lambda a, i: ops.select(a, i, dims=(0,), sizes=(1,), steps=(1,), shape=(3,)))
        array = np.arange(12.0).reshape(4, 3)
        for i in range(4):
            np.testing.assert_array_equal(pick(array, np.int64(i)), array[i])
        assert pick._cache_size() == 1
