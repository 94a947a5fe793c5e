"""`kilnn.testing`: the same verdicts and texts as PyTorch's, and tensors in the range that was asked for."""

import pytest
import torch

import kilnn
from tests.oracle import assert_same_error, outcome

CASES = {
    "equal": lambda T: (T.ones(2), T.ones(2), {}),
    "close": lambda T: (T.ones(2), T.ones(2) + 1e-6, {}),
    "apart": lambda T: (T.tensor([[1.0, 2.0], [3.0, 4.0]]), T.tensor([[1.0, 2.5], [3.0, 4.25]]), {}),
    "dtype": lambda T: (T.ones(2), T.ones(2).double(), {}),
    "dtype allowed": lambda T: (T.ones(2), T.ones(2).double(), {"check_dtype": False}),
    "shape": lambda T: (T.ones(2), T.ones(3), {}),
    "stride": lambda T: (T.ones(2, 3), T.ones(3, 2).t(), {"check_stride": True}),
    "integers": lambda T: (T.tensor([1, 2]), T.tensor([1, 3]), {}),
    "bools": lambda T: (T.tensor([True]), T.tensor([False]), {}),
    "nan": lambda T: (T.tensor([float("nan")]), T.tensor([float("nan")]), {}),
    "nan allowed": lambda T: (T.tensor([float("nan")]), T.tensor([float("nan")]), {"equal_nan": True}),
    "inf": lambda T: (T.tensor([float("inf")]), T.tensor([float("inf")]), {}),
    "numbers": lambda T: (1.0, 1.5, {}),
    "numbers close": lambda T: (1.0, 1.0 + 1e-9, {}),
    "lists": lambda T: ([T.ones(1), 2], [T.ones(1), 3], {}),
    "lengths": lambda T: ([1], [1, 2], {}),
    "keys": lambda T: ({"a": 1}, {"b": 1}, {}),
    "mappings": lambda T: ({"a": T.ones(1)}, {"a": T.zeros(1)}, {}),
    "tolerances": lambda T: (T.ones(1), T.ones(1) * 1.1, {"rtol": 0.2, "atol": 0.0}),
    "one tolerance": lambda T: (T.ones(1), T.ones(1), {"rtol": 0.2}),
    "own text": lambda T: (T.ones(1), T.zeros(1), {"msg": "mine"}),
}
WORDS = ("numbers", "own text", "mappings", "lengths")


@pytest.mark.parametrize("case", CASES)
def test_verdicts(case):
    def run(library):
        a, b, named = CASES[case](library)
        library.testing.assert_close(a, b, **named)

    ours, theirs = outcome(lambda: run(kilnn)), outcome(lambda: run(torch))
    assert_same_error(ours.error, theirs.error, case)
    if case in WORDS:
        assert str(ours.error) == str(theirs.error)


def test_ranges():
    kilnn.manual_seed(0)
    for dtype in (kilnn.float32, kilnn.int64, kilnn.uint8, kilnn.bool, kilnn.complex64, kilnn.bfloat16):
        x = kilnn.testing.make_tensor((40, 5), dtype=dtype)
        assert x.shape == (40, 5) and x.dtype is dtype
    x = kilnn.testing.make_tensor(100, dtype=kilnn.float64, low=2, high=3, requires_grad=True)
    assert x.requires_grad and 2 <= x.min().item() and x.max().item() < 3
    assert not kilnn.testing.make_tensor(4, 4, dtype=kilnn.float32, noncontiguous=True).is_contiguous()
    assert kilnn.testing.make_tensor(50, dtype=kilnn.int8, low=0, high=2, exclude_zero=True).all()
