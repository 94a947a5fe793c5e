"""The harness must notice wrong operations: it is fed some."""

import numpy as np
import pytest
import torch

from kilnn.ops.spec import Op
from tests.ops.harness import Row, check_other_dtype, check_saves, check_values, floats


def make(fn, promote="numeric", host=None):
    return Op(fn, "wrong", promote, host, "native", "Wrong", False)


def right_product():
    op = make(lambda a, b: a * b)
    op.grad("a")(lambda ct, b: ct * b)
    op.grad("b")(lambda ct, a: ct * a)
    return op


def row(op):
    return Row(op, torch.mul, (floats(2, 3), floats(3)))


def test_accepts_what_is_right():
    check_values(row(right_product()), "float32")
    check_saves(row(right_product()))


def test_notices_a_wrong_value():
    with pytest.raises(AssertionError, match="output 0"):
        check_values(row(make(lambda a, b: a * b + 0.001)), "float32")


def test_notices_a_wrong_dtype():
    with pytest.raises(AssertionError, match="dtype float64"):
        check_values(row(make(lambda a, b: (a * b).astype("float64"))), "float32")


def test_notices_a_wrong_twin():
    with pytest.raises(AssertionError, match="NumPy twin"):
        check_values(row(make(lambda a, b: a * b, host=np.add)), "float32")


def test_notices_a_wrong_gradient():
    op = right_product()
    op.grad("b")(lambda ct, a: ct * a * 1.001)
    with pytest.raises(AssertionError, match="gradient of operand 1"):
        check_values(row(op), "float32")


def test_notices_a_formula_that_saves_too_much():
    op = right_product()
    op.grad("a")(lambda ct, a, b: ct * b)
    with pytest.raises(AssertionError, match="operand 0"):
        check_saves(row(op))


def test_notices_a_formula_that_saves_the_output():
    op = make(lambda x: x * x)
    op.grad("x")(lambda ct, x, out: ct * 2 * x)
    with pytest.raises(AssertionError, match="operand 0"):
        check_saves(Row(op, torch.square, (floats(3),)))


def test_notices_a_missing_error():
    with pytest.raises(AssertionError, match="PyTorch refuses int64"):
        check_other_dtype(Row(make(lambda x: x * 0), torch.frac, (floats(2),)), "int64")
