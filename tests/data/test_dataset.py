"""Datasets: items, combinations and splits, beside PyTorch's."""

import warnings

import numpy as np
import pytest
import torch
import torch.utils.data as theirs

import kilnn
from kilnn import data as ours


class Stream(ours.IterableDataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self) -> int:
        return self.n


class Batched(ours.Dataset[int]):
    """Answers for many indices at once, and counts how often it is asked."""

    def __init__(self, n: int) -> None:
        self.n, self.asked = n, 0

    def __getitem__(self, index):
        raise AssertionError("asked for a single item")

    def __getitems__(self, indices):
        self.asked += 1
        return [index * 10 for index in indices]

    def __len__(self) -> int:
        return self.n


def pair(n: int = 6) -> ours.TensorDataset:
    return ours.TensorDataset(kilnn.tensor(np.arange(2 * n).reshape(n, 2)), kilnn.tensor(np.arange(n)))


def test_tensor_dataset():
    dataset = pair()
    x, y = dataset[4]
    assert len(dataset) == 6 and x.tolist() == [8, 9] and y.item() == 4
    x, y = dataset[1:3]
    assert x.tolist() == [[2, 3], [4, 5]] and y.tolist() == [1, 2]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        ours.TensorDataset(kilnn.zeros(2), kilnn.zeros(3))


def test_base_class():
    with pytest.raises(NotImplementedError, match=r"Subclasses of Dataset should implement __getitem__\."):
        ours.Dataset()[0]
    with pytest.raises(TypeError):
        len(ours.Dataset())
    with pytest.raises(NotImplementedError, match="IterableDataset should define __iter__"):
        iter(ours.IterableDataset())


def test_concat():
    dataset = ours.ConcatDataset([range(3), "ab", [7]])
    other = theirs.ConcatDataset([range(3), "ab", [7]])
    assert len(dataset) == 6 and dataset.cumulative_sizes == other.cumulative_sizes
    assert [dataset[i] for i in range(-6, 6)] == [other[i] for i in range(-6, 6)]
    assert isinstance(pair() + pair(), ours.ConcatDataset) and len(pair() + pair()) == 12
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        dataset[-7]
    with pytest.raises(IndexError):
        dataset[6]
    with pytest.raises(AssertionError, match="datasets should not be an empty iterable"):
        ours.ConcatDataset([])
    with pytest.raises(AssertionError, match="ConcatDataset does not support IterableDataset"):
        ours.ConcatDataset([Stream(2)])


def test_chain():
    chain = Stream(2) + Stream(3)
    assert isinstance(chain, ours.ChainDataset)
    assert list(chain) == [0, 1, 0, 1, 2] and len(chain) == 5
    with pytest.raises(AssertionError, match="ChainDataset only supports IterableDataset"):
        list(ours.ChainDataset([range(3)]))


def test_stack():
    columns = ours.StackDataset("abc", range(3))
    named = ours.StackDataset(letter="abc", number=range(3))
    assert columns[1] == ("b", 1) and named[1] == {"letter": "b", "number": 1} and len(named) == 3
    assert columns.__getitems__([2, 0]) == [("c", 2), ("a", 0)]
    assert named.__getitems__([2]) == [{"letter": "c", "number": 2}]
    inner = Batched(3)
    assert ours.StackDataset(inner, "abc").__getitems__([1, 2]) == [(10, "b"), (20, "c")] and inner.asked == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.StackDataset(),
        lambda lib: lib.StackDataset("ab", x="ab"),
        lambda lib: lib.StackDataset("ab", "abc"),
        lambda lib: lib.StackDataset(a="ab", b="abc"),
    ],
)
def test_stack_errors(call):
    with pytest.raises(ValueError) as expected:
        call(theirs)
    with pytest.raises(ValueError) as received:
        call(ours)
    assert str(received.value) == str(expected.value)


def test_subset():
    subset = ours.Subset("abcdef", [5, 0, 2])
    assert [subset[i] for i in range(3)] == ["f", "a", "c"] and len(subset) == 3
    assert subset.__getitems__([2, 0]) == ["c", "f"]
    x, y = ours.Subset(pair(), [3, 1])[[0, 1]]
    assert x.tolist() == [[6, 7], [2, 3]] and y.tolist() == [3, 1]
    inner = Batched(9)
    assert ours.Subset(inner, [4, 7]).__getitems__([1, 0]) == [70, 40] and inner.asked == 1


def test_a_subclass_of_subset_changes_its_samples():
    class Upper(ours.Subset):
        def __getitem__(self, index):
            return super().__getitem__(index).upper()

    assert Upper("abc", [2, 0]).__getitems__([0, 1]) == ["C", "A"]


def test_wrong_answer_of_a_nested_dataset():
    class Short(Batched):
        def __getitems__(self, indices):
            return []

    with pytest.raises(ValueError, match=r"Nested dataset's output size mismatch\. Expected 2, got 0"):
        ours.StackDataset(Short(3), "abc").__getitems__([0, 1])


SPLITS = [[3, 7], [10], [1], [1.0], [0.33, 0.33, 0.34], [0.5, 0.5], [0.0, 1.0], [0.75, 0.2, 0.05], [0, 10], [0.1] * 10]


@pytest.mark.parametrize("lengths", SPLITS)
@pytest.mark.parametrize("shared", [False, True])
def test_random_split(lengths, shared):
    kilnn.manual_seed(5)
    torch.manual_seed(5)
    a = kilnn.Generator().manual_seed(1) if shared else None
    b = torch.Generator().manual_seed(1) if shared else torch.default_generator
    with warnings.catch_warnings(record=True) as expected_warnings:
        warnings.simplefilter("always")
        expected = theirs.random_split(range(10), lengths, b)
    with warnings.catch_warnings(record=True) as received_warnings:
        warnings.simplefilter("always")
        parts = ours.random_split(range(10), lengths, a)
    assert [part.indices for part in parts] == [part.indices for part in expected]
    assert [str(w.message) for w in received_warnings] == [str(w.message) for w in expected_warnings]
    assert all(w.filename == __file__ for w in received_warnings)


@pytest.mark.parametrize("lengths", [[3, 3], [0.5, 0.6], [0.5, -0.5, 1.0], [1.5, -0.5], []])
def test_random_split_errors(lengths):
    with pytest.raises(ValueError) as expected:
        theirs.random_split(range(10), lengths)
    with pytest.raises(ValueError) as received:
        ours.random_split(range(10), lengths)
    assert str(received.value) == str(expected.value)


def test_random_split_wants_whole_lengths():
    with pytest.raises(TypeError, match=r"whole lengths, or fractions that sum to 1; received \[10\.0\]"):
        ours.random_split(range(10), [10.0])
