"""Functions of one array against PyTorch."""

import numpy as np
import pytest
import torch

from kilnn.ops import elementary as ops, rounding
from kilnn.ops.spec import REGISTRY
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
    positive,
    run,
)

x, unit, small = floats(2, 3), positive(2, 3), floats(2, 3, low=-0.9, high=0.9)

ROWS = Table([
    *[Row(op, oracle, (x,), others=(*ALL, "int8")) for op, oracle in [
        (rounding.floor, torch.floor), (rounding.ceil, torch.ceil), (rounding.trunc, torch.trunc), (rounding.frac,
            torch.frac),
        (rounding.neg, torch.neg), (rounding.sign, torch.sign), (rounding.abs_, torch.abs), (ops.exp, torch.exp),
            (ops.exp2,
            torch.exp2),
        (ops.expm1, torch.expm1), (ops.sigmoid, torch.sigmoid), (ops.sin, torch.sin), (ops.cos, torch.cos),
        (ops.tan, torch.tan), (ops.atan, torch.atan), (ops.sinh, torch.sinh), (ops.cosh, torch.cosh),
        (ops.tanh, torch.tanh), (ops.asinh, torch.asinh), (ops.erf, torch.erf), (ops.erfc, torch.erfc)]],
    *[Row(op, oracle, (unit,), others=("float16", "bfloat16")) for op, oracle in [
        (ops.log, torch.log), (ops.log2, torch.log2), (ops.log10, torch.log10), (ops.log1p, torch.log1p),
        (ops.sqrt, torch.sqrt), (ops.rsqrt, torch.rsqrt), (ops.reciprocal, torch.reciprocal)]],
    *[Row(op, oracle, (floats(5, low=1, high=9),), others=("int64", "uint8")) for op, oracle in [
        (ops.log, torch.log), (ops.sqrt, torch.sqrt), (ops.rsqrt, torch.rsqrt), (ops.reciprocal, torch.reciprocal),
        (ops.acosh, torch.acosh), (ops.lgamma, torch.lgamma)]],
    # XLA's polygamma is good to ten digits only.
    Row(ops.digamma, torch.digamma, (floats(5, low=1, high=9),), others=("int64", "uint8"), scale=10),
    *[Row(op, oracle, (small,)) for op, oracle in [
        (ops.asin, torch.asin), (ops.acos, torch.acos), (ops.atanh, torch.atanh), (ops.erfinv, torch.erfinv)]],
    Row(rounding.round_, torch.round, (Fixed(0.5, 1.5, -2.5, 2.3),), (0,), others=("int64", "bool", "float16")),
    Row(rounding.round_, lambda t: torch.round(t, decimals=2), (x,), (2,)),
    Row(rounding.round_, lambda t: torch.round(t, decimals=-1), (floats(5, low=-99, high=99),), (-1,)),
    Row(rounding.sign, torch.sign, (Fixed(0.0, -0.0, 2.0, -3.0, np.nan, np.inf),), saves=False),
    Row(rounding.abs_, torch.abs, (Fixed(0.0, -0.0, 2.0, -3.0),), saves=False),
    Row(ops.logit, torch.logit, (unit, None)),
    Row(ops.logit, torch.logit, (unit, 0.3)),
    Row(ops.logit, torch.logit, (Fixed(-0.5, 0.2, 1.5), None), saves=False),
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


SPECIAL = np.float32([0.0, -0.0, 0.5, -1.5, np.inf, -np.inf, np.nan, 88.0, -88.0])


@pytest.mark.parametrize("name", [
    "exp", "expm1", "log", "log1p", "sigmoid", "sqrt", "rsqrt", "reciprocal", "tanh", "erf", "floor", "abs", "sin",
    "atan", "sinh", "asinh",
])  # fmt: skip
def test_special_values(name):
    op = REGISTRY[name]
    ours = run(entry_for(op, [SPECIAL], ()), [SPECIAL])[0]
    np.testing.assert_allclose(ours, getattr(torch, name)(torch.tensor(SPECIAL)).numpy(), rtol=2e-6, atol=1e-37)


def test_negating_bools():
    with pytest.raises(RuntimeError, match="Negation, the `-` operator, on a bool tensor is not supported"):
        entry_for(rounding.neg, [np.ones(2, bool)], ())
