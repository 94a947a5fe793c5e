"""Samplers draw PyTorch's indices, seed for seed."""

import pytest
import torch
import torch.utils.data as theirs

import kilnn
from kilnn import data as ours


def twin_generators(seed: int) -> tuple[kilnn.Generator, torch.Generator]:
    return kilnn.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


@pytest.fixture(autouse=True)
def same_seed():
    kilnn.manual_seed(7)
    torch.manual_seed(7)


def assert_generators_agree(a: kilnn.Generator | None = None, b: torch.Generator | None = None) -> None:
    """Both moved by the same number of draws."""
    stream = (a or kilnn.base.generator.default_generator).stream
    assert stream.rand(3).tolist() == torch.rand(3, generator=b).tolist()


def test_sequential():
    assert list(ours.SequentialSampler(range(4))) == [0, 1, 2, 3]
    assert len(ours.SequentialSampler(range(4))) == 4


@pytest.mark.parametrize("kwargs", [{}, {"num_samples": 3}, {"num_samples": 25}, {"num_samples": 20}])
@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_random(kwargs, replacement, shared):
    a, b = twin_generators(3) if shared else (None, None)
    mine = ours.RandomSampler(range(10), replacement, generator=a, **kwargs)
    other = theirs.RandomSampler(range(10), replacement, generator=b, **kwargs)
    assert len(mine) == len(other)
    for _ in range(3):
        assert list(mine) == list(other)
    assert_generators_agree(a, b)


def test_random_with_replacement_over_many_chunks():
    mine, other = (lib.RandomSampler(range(1000), True, 100) for lib in (ours, theirs))
    assert list(mine) == list(other)


def test_random_follows_a_growing_source():
    source = [0, 1]
    sampler = ours.RandomSampler(source)
    source.append(2)
    assert sorted(sampler) == [0, 1, 2] and len(sampler) == 3


@pytest.mark.parametrize("shared", [False, True])
def test_subset_random(shared):
    a, b = twin_generators(3) if shared else (None, None)
    mine, other = ours.SubsetRandomSampler([5, 9, 2, 7], a), theirs.SubsetRandomSampler([5, 9, 2, 7], b)
    for _ in range(3):
        assert list(mine) == list(other)
    assert len(mine) == 4
    assert_generators_agree(a, b)


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("n", [1, 2, 6])
@pytest.mark.parametrize("shared", [False, True])
def test_weighted(replacement, n, shared):
    a, b = twin_generators(3) if shared else (None, None)
    weights = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6, 0.0]
    mine = ours.WeightedRandomSampler(weights, n, replacement, a)
    other = theirs.WeightedRandomSampler(weights, n, replacement, b)
    for _ in range(5):
        assert list(mine) == list(other)
    assert len(mine) == n
    assert_generators_agree(a, b)


def test_weighted_takes_tensors():
    sampler = ours.WeightedRandomSampler(kilnn.tensor([0.0, 1.0]), 3)
    assert list(sampler) == [1, 1, 1]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [0, 1, 5, 6, 7])
def test_batches(drop_last, n):
    mine, other = (lib.BatchSampler(range(n), 3, drop_last) for lib in (ours, theirs))
    assert list(mine) == list(other)
    assert len(mine) == len(other)


def test_batches_of_a_one_shot_iterator():
    assert list(ours.BatchSampler(iter(range(5)), 2, True)) == [[0, 1], [2, 3]]


WRONG = [
    lambda lib: lib.RandomSampler(range(3), replacement="x"),
    lambda lib: lib.RandomSampler(range(3), num_samples=0),
    lambda lib: lib.RandomSampler([]),
    lambda lib: lib.RandomSampler(range(3), num_samples=1.5),
    lambda lib: lib.WeightedRandomSampler([[1.0]], 2),
    lambda lib: lib.WeightedRandomSampler([1.0], 0),
    lambda lib: lib.WeightedRandomSampler([1.0], True),
    lambda lib: lib.WeightedRandomSampler([1.0], 1, replacement=1),
    lambda lib: lib.BatchSampler(range(3), 0, False),
    lambda lib: lib.BatchSampler(range(3), True, False),
    lambda lib: lib.BatchSampler(range(3), 2.0, False),
    lambda lib: lib.BatchSampler(range(3), 1, 1),
    lambda lib: list(lib.WeightedRandomSampler([1.0, 2.0], 3, replacement=False)),
    lambda lib: list(lib.WeightedRandomSampler([0.0, 0.0], 2)),
    lambda lib: lib.Sampler("data"),
]


@pytest.mark.parametrize("call", WRONG)
def test_errors(call):
    with pytest.raises((TypeError, ValueError, RuntimeError)) as expected:
        call(theirs)
    with pytest.raises(expected.type) as received:
        call(ours)
    assert str(received.value) == str(expected.value)


def test_the_base_class():
    with pytest.raises(NotImplementedError, match="Sampler should define __iter__"):
        iter(ours.Sampler())
    with pytest.raises(TypeError):
        len(ours.Sampler())
