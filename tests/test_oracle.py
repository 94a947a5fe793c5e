"""Meta-tests: each comparison of the oracle rejects a wrong answer (and accepts the right one)."""

import math

import pytest
import torch

from tests.oracle import Difference, assert_agrees, assert_same, assert_same_error, assert_same_meta, assert_same_tree

X = torch.tensor([[1.0, 2.0], [3.0, math.nan]])


def test_accepts_the_same_tensor():
    assert_same(X.clone(), X)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (X + 1e-3, "values"),
        (X * torch.tensor([[1, 1], [1 + 1e-4, 1]]), "values"),
        (torch.nan_to_num(X), "values"),
        (X.double(), "dtype"),
        (X.bool(), "dtype"),
        (X[:1], "shape"),
        (X[None], "shape"),
        (X.flatten(), "shape"),
        (X.clone().requires_grad_(), "requires_grad"),
        (X.tolist(), "where PyTorch has a tensor"),
        (None, "where PyTorch has a tensor"),
    ],
)
def test_rejects_a_wrong_tensor(wrong, complaint):
    with pytest.raises(Difference, match=complaint):
        assert_same(wrong, X)


def test_rejects_a_nan_in_the_wrong_place():
    with pytest.raises(Difference, match="values"):
        assert_same(torch.tensor([math.nan, 1.0]), torch.tensor([1.0, math.nan]))


def test_integers_are_compared_exactly():
    big = torch.tensor([2**62])
    assert_same(big.clone(), big)
    with pytest.raises(Difference, match="values"):
        assert_same(big + 1, big, rtol=1, atol=1)


def test_rejects_a_wrong_leaf():
    x = torch.ones(2, requires_grad=True)
    assert_same_meta(x * 2, x)
    with pytest.raises(Difference, match="is_leaf"):
        assert_same_meta(x * 2, x, leaf=True)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(1, 1.0), (True, 1), (1.0, 1.1), ([1], [1, 2]), ({"a": 1}, {"b": 1}), (None, 0), ("a", "b"), ([X + 1], [X])],
)
def test_rejects_a_wrong_tree(ours, theirs):
    assert_same_tree(theirs, theirs)
    with pytest.raises(Difference):
        assert_same_tree(ours, theirs)


def test_rejects_a_missing_and_a_needless_error():
    assert_same_error(None, None)
    assert_same_error(IndexError("ours"), IndexError("theirs"))
    with pytest.raises(Difference, match="did not raise"):
        assert_same_error(None, ValueError("theirs"))
    with pytest.raises(Difference, match="PyTorch did not raise"):
        assert_same_error(ValueError("ours"), None)


def test_rejects_another_error_type():
    with pytest.raises(Difference, match="TypeError"):
        assert_same_error(TypeError("ours"), RuntimeError("theirs"))
    with pytest.raises(Difference):
        assert_same_error(Exception("ours"), RuntimeError("theirs"))


class Wrong:
    """PyTorch with one wrong function."""

    def __init__(self, **replaced):
        self.replaced = replaced

    def __getattr__(self, name):
        return self.replaced.get(name, getattr(torch, name))


def test_programs_agree_and_disagree():
    assert_agrees(lambda T: T.tensor([1.0]).exp(), torch)
    with pytest.raises(Difference, match="values"):
        assert_agrees(lambda T: T.exp(T.ones(2)), Wrong(exp=torch.expm1))
    with pytest.raises(Difference, match="did not raise"):
        assert_agrees(lambda T: T.reshape(T.ones(2), (3,)), Wrong(reshape=lambda x, shape: x))
