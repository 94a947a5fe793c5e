"""Random fills and draws: PyTorch's numbers where they are drawn on the host, distributions where they are not."""

import numpy as np
import pytest
import torch

import kilnn
from tests.tensor.expressions import check


def both(program):
    """The results on kilnn and PyTorch after the same seed."""
    results = []
    for library in (kilnn, torch):
        library.manual_seed(7)
        results.append(program(library).numpy())
    return results


@pytest.mark.parametrize(
    "program",
    [
        lambda T: T.zeros(5).normal_(), lambda T: T.zeros(4, 8).normal_(1.5, 0.2), lambda T: T.zeros(3).uniform_(),
        lambda T: T.zeros(4, 5).uniform_(-2, 3), lambda T: T.zeros(6, dtype=T.int64).random_(10),
        lambda T: T.zeros(6, dtype=T.int64).random_(5, 9), lambda T: T.zeros(6).random_(3),
        lambda T: T.zeros(3, dtype=T.float64).normal_(), lambda T: T.normal(2.0, 0.5, size=(3, 6)),
        lambda T: T.zeros(6, dtype=T.int32).random_(),
    ],
)  # fmt: skip
def test_equal_to_pytorch(program):
    ours, theirs = both(program)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_fills_keep_the_rules_of_in_place_writes():
    w = kilnn.zeros(3).requires_grad_()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        w.normal_()
    with kilnn.no_grad():
        w.normal_()
    assert float(w.abs().sum()) > 0
    x = kilnn.zeros(2, 3)
    x[0].uniform_(1, 2)
    assert x.tolist()[1] == [0.0, 0.0, 0.0] and min(x.tolist()[0]) >= 1
    version = x._version
    x.normal_()
    assert x._version == version + 1


def test_a_fill_cuts_the_gradient():
    x = kilnn.ones(3).requires_grad_()
    z = x * 2
    z.uniform_()
    z.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_bernoulli():
    kilnn.manual_seed(0)
    drawn = kilnn.full((4000,), 0.3).bernoulli()
    assert drawn.dtype is kilnn.float32 and set(drawn.unique().tolist()) <= {0.0, 1.0}
    assert abs(float(drawn.mean()) - 0.3) < 0.03
    filled = kilnn.zeros(4000, dtype=kilnn.bool).bernoulli_(0.8)
    assert abs(float(filled.float().mean()) - 0.8) < 0.03
    assert float(kilnn.zeros(5).bernoulli_(1).sum()) == 5.0
    other = kilnn.zeros(4000).bernoulli_(kilnn.full((4000,), 0.1))
    assert abs(float(other.mean()) - 0.1) < 0.03
    with pytest.raises(RuntimeError, match="expects p to be in"):
        kilnn.zeros(2).bernoulli_(1.5)


def test_multinomial():
    kilnn.manual_seed(0)
    weights = kilnn.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 0.0]])
    drawn = weights.multinomial(2000, replacement=True)
    assert drawn.shape == (2, 2000) and drawn.dtype is kilnn.int64
    counts = drawn[0].bincount(minlength=3).tolist()
    assert counts[0] == 0 and abs(counts[2] / 2000 - 0.75) < 0.04 and int(drawn[1].sum()) == 0
    assert sorted(kilnn.ones(5).multinomial(5).tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("source", ["T.zeros(3).normal_(0, -1)", "T.zeros(3).uniform_(2, 1)",
    "T.zeros(3).exponential_(-1)",
                                    "T.ones(2).multinomial(3)", "T.zeros(2).multinomial(1)",
                                        "T.ones(1, 1, 1).multinomial(1)"])  # fmt: skip
def test_errors(source):
    check(source)
