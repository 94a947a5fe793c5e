"""Arithmetic on two or more arrays against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.ops import arithmetic as ops, powers
from tests.ops.harness import (
    ALL,
    HALF,
    Fixed,
    Row,
    Table,
    check_other_dtype,
    check_saves,
    check_values,
    entry_for,
    floats,
    ints,
    numbers,
    positive,
    run,
)

a, b, c = floats(2, 3), floats(2, 3), floats(2, 3)
row, column, one = floats(3), floats(2, 1), floats()
bits = (*ALL, "int8")

ROWS = Table([
    Row(ops.add, torch.add, (a, b), others=bits),
    Row(ops.add, torch.add, (column, row)),
    Row(ops.add, torch.add, (a, 2), others=bits),
    Row(ops.add, torch.add, (a, 2.5), others=bits),
    Row(ops.add, torch.add, (a, True), others=bits),
    Row(ops.add, torch.add, (a, ints(2, 3, high=9)), others=bits),
    Row(ops.add, torch.add, (a, one)),
    Row(ops.add_scaled, lambda x, y, k: torch.add(x, y, alpha=k), (a, row, 3), others=("int64", "uint8", "bfloat16")),
    Row(ops.add_scaled, lambda x, y, k: torch.add(x, y, alpha=k), (a, b, -0.5), others=HALF),
    Row(ops.sub, torch.sub, (a, row), others=bits),
    Row(ops.sub, torch.sub, (a, 2), others=("int64", "uint8", "bool")),
    Row(ops.sub, lambda x, y: x - y, (2.5, a), others=("int64",)),
    Row(ops.sub_scaled, lambda x, y, k: torch.sub(x, y, alpha=k), (a, row, 3), others=("int64", "uint8", "bool")),
    Row(ops.mul, torch.mul, (a, b), others=bits),
    Row(ops.mul, torch.mul, (column, row)),
    Row(ops.mul, torch.mul, (a, 2.5), others=bits),
    Row(ops.div, torch.div, (a, positive(2, 3)), others=("float16", "bfloat16")),
    Row(ops.div, torch.div, (a, ints(3, low=1, high=5)), others=bits),
    Row(ops.div, torch.div, (a, 4), others=bits),
    Row(ops.div_rounded, lambda x, y: torch.div(x, y, rounding_mode="floor"), (a, positive(2, 3)), ("floor",)),
    Row(ops.div_rounded, lambda x, y: torch.div(x, y, rounding_mode="trunc"), (a, positive(2, 3)), ("trunc",)),
    Row(ops.div_rounded, lambda x, y: torch.div(x, y, rounding_mode="floor"), (floats(9, low=-9, high=9), 2),
        ("floor",),
        others=("int64", "int8"), saves=False),
    Row(ops.div_rounded, lambda x, y: torch.div(x, y, rounding_mode="trunc"), (floats(9, low=-9, high=9), 2),
        ("trunc",),
        others=("int64", "int8"), saves=False),
    Row(ops.floor_divide, torch.floor_divide, (a, positive(2, 3)), grads=False, saves=False),
    Row(ops.floor_divide, torch.floor_divide, (floats(9, low=-9, high=9), -4), others=("int64", "int8", "float16"),
        grads=False, saves=False),
    Row(ops.remainder, torch.remainder, (a, Fixed(0.7, -0.6, 0.9))),
    Row(ops.remainder, torch.remainder, (floats(9, low=-9, high=9), -4), others=("int64", "int8", "uint8")),
    Row(ops.fmod, torch.fmod, (a, Fixed(0.7, -0.6, 0.9))),
    Row(ops.fmod, torch.fmod, (floats(9, low=-9, high=9), 4), others=("int64", "int8", "uint8")),
    Row(powers.pow_, torch.pow, (positive(2, 3), row)),
    Row(powers.pow_, torch.pow, (Fixed(0.0, 0.0, 2.0, 3.0), Fixed(0.0, 2.0, 0.0, 1.0)), saves=False),
    Row(powers.pow_, torch.pow, (positive(2, 3), 2.3), saves=False),
    Row(powers.pow_, torch.pow, (2, a), others=HALF),
    Row(powers.pow_, torch.pow, (floats(2, 3, high=4), ints(2, 3, high=4)), others=("int64", "uint8")),
    Row(powers.pow_, torch.pow, (floats(9, low=-2, high=3), ints(9, low=-2, high=2)), others=("int64",), grads=False,
        saves=False),
    *[Row(powers.pow_static, lambda x, e=e: x**e, (positive(2, 3),), (e,), others=("int64", "int8") if isinstance(e,
        int) else ())
      for e in (0, 1, 2, 3, 5, -1, -2, 0.5, -0.5, 1.5, -2.5, 2.0)],
    Row(powers.pow_static, lambda x: x**3, (a,), (3,), others=("int64", "int8", "float16")),
    Row(ops.atan2, torch.atan2, (a, b), others=("int64",)),
    Row(ops.hypot, torch.hypot, (a, b)),
    Row(ops.logaddexp, torch.logaddexp, (a, b)),
    Row(ops.lerp_scalar, torch.lerp, (a, b, 0.3), others=("bfloat16", "int64")),
    Row(ops.lerp_scalar, torch.lerp, (a, row, 0.7)),
    Row(ops.lerp, torch.lerp, (a, b, positive(2, 3)), others=("int64",)),
    Row(ops.addcmul, lambda x, y, z, v: torch.addcmul(x, y, z, value=v), (a, row, c, 1), others=("int64", "float16")),
    Row(ops.addcmul, lambda x, y, z, v: torch.addcmul(x, y, z, value=v), (a, b, c, -0.5)),
    Row(ops.addcdiv, lambda x, y, z, v: torch.addcdiv(x, y, z, value=v), (a, row, positive(2, 3), 0.5),
        others=("int64", "float16")),
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


SPECIAL = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 3.0]


@pytest.mark.parametrize(
    "op,oracle",
    [(ops.add, torch.add), (ops.sub, torch.sub), (ops.mul, torch.mul), (ops.div, torch.div), (powers.pow_, torch.pow),
     (ops.atan2, torch.atan2), (ops.hypot, torch.hypot), (ops.fmod, torch.fmod), (ops.logaddexp, torch.logaddexp)],
)  # fmt: skip
def test_special_values(op, oracle):
    x, y = np.meshgrid(np.float32(SPECIAL), np.float32(SPECIAL))
    ours = run(entry_for(op, [x, y], ()), [x, y])[0]
    np.testing.assert_allclose(ours, oracle(torch.tensor(x), torch.tensor(y)).numpy(), rtol=1e-6)


@pytest.mark.parametrize("op,oracle", [(ops.floor_divide, torch.floor_divide), (ops.remainder, torch.remainder)])
def test_special_values_of_division(op, oracle):
    x, y = np.meshgrid(np.float32([0.0, 1.0, -1.5, 7.0]), np.float32([0.5, -2.0, 3.0]))
    ours = run(entry_for(op, [x, y], ()), [x, y])[0]
    np.testing.assert_allclose(ours, oracle(torch.tensor(x), torch.tensor(y)).numpy(), rtol=1e-6)


def test_floor_divide_has_no_derivative():
    entry = entry_for(ops.floor_divide, [np.ones(2, np.float32), 2.0], ())
    assert entry.differentiable == 1
    with pytest.raises(RuntimeError, match="derivative for aten::floor_divide is not implemented"):
        ops.floor_divide.rules["a"].fn(None)


def test_exponents_are_static_or_run_time_inputs():
    entry = entry_for(powers.pow_, [np.ones(2, np.float32), 2.3], ())
    assert run(entry, numbers(entry, [np.full(2, 2.0, np.float32), 1.7]))[0] == pytest.approx(2**1.7)
    assert 0.5 in powers.STATIC_EXPONENTS and 2 in powers.STATIC_EXPONENTS and 2.3 not in powers.STATIC_EXPONENTS


@pytest.mark.parametrize(
    "op,operands,text",
    [
        (ops.sub, (np.ones(2, bool), np.ones(2, bool)), "two bool tensors"),
        (ops.sub, (np.ones(2, np.float32), np.ones(2, bool)), "with a bool tensor"),
        (ops.sub, (np.ones(2, np.float32), True), "with a bool tensor"),
        (ops.lerp, (np.ones(2, np.float32),) * 2 + (np.ones(2),),
            "expected dtype float for `weight` but got dtype double"),
        (ops.lerp_scalar, (np.ones(2, np.float32), np.ones(2), 0.5),
            "expected dtype float for `end` but got dtype double"),
        (ops.add, (np.ones((2, 3), np.float32), np.ones(2, np.float32)),
         r"The size of tensor a \(3\) must match the size of tensor b \(2\) at non-singleton dimension 1"),
    ],
)  # fmt: skip
def test_errors(op, operands, text):
    with pytest.raises(RuntimeError, match=text):
        entry_for(op, list(operands), ())


def test_negative_integer_powers():
    with pytest.raises(RuntimeError, match="Integers to negative integer powers are not allowed"):
        entry_for(powers.pow_static, [np.ones(2, np.int64)], (-1,))
