"""Matrix products against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.ops import matmul as ops
from tests.ops.harness import Row, Table, check_other_dtype, check_saves, check_values, entry_for, floats, message_of

PAIRS = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((4, 2, 3), (3, 5)), ((4, 2, 3), (4, 3, 5)),
    ((2, 3), (4, 3, 5)), ((4, 2, 3), (3,)), ((3,), (4, 3, 5)), ((5, 1, 2, 3), (4, 3, 2)), ((2, 2, 2, 3), (2, 2, 3, 2)),
    ((0, 3), (3, 2)), ((2, 0), (0, 3)),
]  # fmt: skip
# Where PyTorch multiplies a copy (the method layer makes it) or the shapes are empty, saving is not compared.
COPIED = PAIRS[6:7] + PAIRS[8:10]

ROWS = Table([
    Row(ops.mm, torch.mm, (floats(2, 3), floats(3, 4)), others=("int64", "float16", "bfloat16", "bool")),
    Row(ops.mv, torch.mv, (floats(2, 3), floats(3)), others=("int64",)),
    Row(ops.dot, torch.dot, (floats(3), floats(3)), others=("int64",)),
    Row(ops.bmm, torch.bmm, (floats(4, 2, 3), floats(4, 3, 5)), others=("int64", "bfloat16")),
    *[Row(ops.matmul, torch.matmul, (floats(*a), floats(*b)), others=("int64",), saves=(a,
        b) not in COPIED and 0 not in a)
      for a, b in PAIRS],
    Row(ops.addmm, torch.addmm, (floats(2, 4), floats(2, 3), floats(3, 4)), others=("int64",)),
    Row(ops.addmm, torch.addmm, (floats(4), floats(2, 3), floats(3, 4))),
    Row(ops.addmm_scaled, lambda x, a, b, beta, alpha: torch.addmm(x, a, b, beta=beta, alpha=alpha),
        (floats(2, 4), floats(2, 3), floats(3, 4), 0.5, -2.0), others=("float16",)),
    Row(ops.baddbmm, torch.baddbmm, (floats(4, 2, 5), floats(4, 2, 3), floats(4, 3, 5))),
    Row(ops.baddbmm_scaled, lambda x, a, b, beta, alpha: torch.baddbmm(x, a, b, beta=beta, alpha=alpha),
        (floats(2, 5), floats(4, 2, 3), floats(4, 3, 5), 0.5, -2.0), saves=False),
    *[Row(ops.einsum_one, lambda t, e=e: torch.einsum(e, t), (floats(*shape),), (e,))
      for e, shape in [("ij->ji", (2, 3)), ("ij->i", (2, 3)), ("ii->i", (3, 3)), ("ii->", (3, 3)), ("...j->...", (2, 3,
          4))]],
    *[Row(ops.einsum_two, lambda a, b, e=e: torch.einsum(e, a, b), (floats(*left), floats(*right)), (e,))
      for e, left, right in [
          ("ij,jk->ik", (2, 3), (3, 4)), ("ij,kj->ik", (2, 3), (4, 3)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
          ("i,j->ij", (2,), (3,)), ("...ij,...jk->...ik", (2, 3, 4), (4, 5)), ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2,
              5, 4)),
          ("ij,ij->", (2, 3), (2, 3))]],
    Row(ops.einsum, lambda *ts: torch.einsum("ij,jk,kl->il", *ts), (floats(2, 3), floats(3, 4), floats(4, 2)),
        ("ij,jk,kl->il",),
        saves=False),
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
    "name,shapes",
    [
        ("mm", [(2, 3), (2, 3)]), ("mm", [(2, 3), (3,)]), ("mv", [(2, 3), (2, 3)]), ("mv", [(2, 3), (2,)]),
        ("dot", [(3,), (2,)]), ("dot", [(2, 3), (2, 3)]), ("bmm", [(2, 3), (2, 3)]), ("bmm", [(2, 2, 3), (3, 3, 2)]),
        ("bmm", [(2, 2, 3), (2, 2, 3)]), ("matmul", [(2, 3), (2, 3)]), ("matmul", [(3,), (2, 3)]), ("matmul", [(2, 3),
            ()]),
        ("matmul", [(3,), (2,)]), ("matmul", [(4, 2, 3), (2, 3)]), ("matmul", [(4, 2, 3), (3, 3, 2)]),
        ("matmul", [(2, 3), (4, 5, 2)]), ("matmul", [(4, 2, 3), (4, 2, 3)]), ("addmm", [(2, 3), (2, 3), (2, 3)]),
        ("addmm", [(3, 2), (2, 3), (3, 2)]),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(name, shapes):
    expected = message_of(getattr(torch, name), *[torch.zeros(s) for s in shapes])
    assert message_of(entry_for, getattr(ops, name), [np.zeros(s, np.float32) for s in shapes], ()) == expected


@pytest.mark.parametrize("name,shapes", [("mm", [(2, 3), (3, 2)]), ("matmul", [(4, 2, 3), (3, 2)]), ("dot", [(3,),
    (3,)]),
                                         ("bmm", [(4, 2, 3), (4, 3, 2)]), ("mv", [(2, 3), (3,)])])  # fmt: skip
def test_dtypes_must_agree(name, shapes):
    left, right = np.zeros(shapes[0], np.float32), np.zeros(shapes[1])
    expected = message_of(getattr(torch, name), torch.tensor(left), torch.tensor(right))
    assert message_of(entry_for, getattr(ops, name), [left, right], ()) == expected
