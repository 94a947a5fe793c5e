"""DataLoader: which samples in which order, checks of its options, and what a batch costs."""

import pickle
import re
import warnings
from inspect import signature

import numpy as np
import pytest
import torch
import torch.utils.data as theirs

import kilnn
from kilnn import data as ours
from kilnn.data import dataset as dataset_module, feed, loader

IMAGES = np.arange(46, dtype=np.float32).reshape(23, 2)
LABELS = np.arange(23)


def both_datasets() -> tuple[ours.TensorDataset, theirs.TensorDataset]:
    mine = ours.TensorDataset(kilnn.tensor(IMAGES), kilnn.tensor(LABELS))
    return mine, theirs.TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(LABELS))


@pytest.fixture(autouse=True)
def same_seed():
    kilnn.manual_seed(11)
    torch.manual_seed(11)


def listed(batch):
    if isinstance(batch, list | tuple):
        return type(batch)(listed(part) for part in batch)
    return batch.tolist() if hasattr(batch, "tolist") else batch


def epochs(mine, other, count: int = 3) -> None:
    """Both loaders hand out the same batches, epoch after epoch, and leave the generators alike."""
    for _ in range(count):
        assert [listed(batch) for batch in mine] == [listed(batch) for batch in other]
        assert len(mine) == len(other)
    assert kilnn.base.generator.default_generator.stream.rand(2).tolist() == torch.rand(2).tolist()


def test_the_comparison_can_fail():
    mine, other = both_datasets()
    with pytest.raises(AssertionError):
        epochs(ours.DataLoader(mine, batch_size=4), theirs.DataLoader(other, batch_size=5))
    with pytest.raises(AssertionError):
        epochs(ours.DataLoader(mine, batch_size=4, shuffle=True), theirs.DataLoader(other, batch_size=4))


OPTIONS = [
    {},
    {"batch_size": 4},
    {"batch_size": 4, "shuffle": True},
    {"batch_size": 4, "drop_last": True},
    {"batch_size": 23, "shuffle": True, "pin_memory": False},
    {"batch_size": None},
    {"batch_size": None, "shuffle": True},
    {"batch_size": 5, "sampler": [3, 1, 4, 1, 5, 9]},
    {"batch_sampler": [[0, 1], [5], [7, 7, 7]]},
    {"batch_size": 4, "in_order": False},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_batches(options):
    mine, other = both_datasets()
    epochs(ours.DataLoader(mine, **options), theirs.DataLoader(other, **options))


@pytest.mark.parametrize("options", OPTIONS[:6], ids=str)
def test_batches_of_plain_sequences(options):
    samples = [(float(i), i, f"s{i}") for i in range(9)]
    epochs(ours.DataLoader(samples, **options), theirs.DataLoader(samples, **options))


def test_own_generator():
    mine, other = both_datasets()
    a, b = kilnn.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    mine = ours.DataLoader(mine, 4, shuffle=True, generator=a)
    other = theirs.DataLoader(other, 4, shuffle=True, generator=b)
    epochs(mine, other)
    assert a.stream.rand(2).tolist() == torch.rand(2, generator=b).tolist()


def test_random_samplers():
    mine, other = both_datasets()
    weights = np.linspace(0.1, 1, 23)
    pairs = [
        (ours.RandomSampler(mine, True, 40), theirs.RandomSampler(other, True, 40)),
        (ours.WeightedRandomSampler(weights, 30), theirs.WeightedRandomSampler(torch.from_numpy(weights), 30)),
        (ours.SubsetRandomSampler(range(5, 20)), theirs.SubsetRandomSampler(range(5, 20))),
    ]
    for a, b in pairs:
        epochs(ours.DataLoader(mine, 8, sampler=a), theirs.DataLoader(other, 8, sampler=b), 2)


def test_split_and_concatenated():
    mine, other = both_datasets()
    mine_parts, other_parts = ours.random_split(mine, [0.7, 0.3]), theirs.random_split(other, [0.7, 0.3])
    for a, b in zip(mine_parts, other_parts, strict=True):
        epochs(ours.DataLoader(a, 4, shuffle=True), theirs.DataLoader(b, 4, shuffle=True), 2)
    joined = ours.ConcatDataset(mine_parts), theirs.ConcatDataset(other_parts)
    epochs(ours.DataLoader(joined[0], 4, shuffle=True), theirs.DataLoader(joined[1], 4, shuffle=True), 2)
    epochs(
        ours.DataLoader(ours.StackDataset(mine, range(23)), 4),
        theirs.DataLoader(theirs.StackDataset(other, range(23)), 4),
    )


def stream_of(lib, n: int, reported: int | None = None):
    class Stream(lib.IterableDataset):
        def __iter__(self):
            return iter(range(n))

        def __repr__(self):
            return "Stream"

    if reported is not None:
        Stream.__len__ = lambda self: reported
    return Stream()


@pytest.mark.parametrize("options", [{}, {"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}])
@pytest.mark.parametrize("n", [0, 6, 7])
def test_streams(options, n):
    epochs(ours.DataLoader(stream_of(ours, n, n), **options), theirs.DataLoader(stream_of(theirs, n, n), **options), 2)


def test_a_stream_without_length():
    with pytest.raises(TypeError):
        len(ours.DataLoader(stream_of(ours, 3)))
    assert [listed(b) for b in ours.DataLoader(stream_of(ours, 3), 2)] == [[0, 1], [2]]


def test_a_stream_longer_than_it_said():
    texts = []
    for lib in (ours, theirs):
        source = lib.DataLoader(stream_of(lib, 5, 3), 1)
        assert len(source) == 3
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            list(source)
        texts.append([str(w.message) for w in caught])
    assert texts[0] == texts[1] and len(texts[0]) == 2


WRONG = [
    {"num_workers": -1},
    {"timeout": -1},
    {"prefetch_factor": 2},
    {"num_workers": 2, "prefetch_factor": -1},
    {"persistent_workers": True},
    {"multiprocessing_context": "spawn"},
    {"sampler": [0], "shuffle": True},
    {"batch_sampler": [[0]], "batch_size": 2},
    {"batch_sampler": [[0]], "shuffle": True},
    {"batch_sampler": [[0]], "sampler": [0]},
    {"batch_sampler": [[0]], "drop_last": True},
    {"batch_size": None, "drop_last": True},
    {"batch_size": 0},
    {"batch_size": 2.5},
    {"drop_last": 1},
]
WRONG_FOR_STREAMS = [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}]


def assert_same_error(call) -> None:
    with pytest.raises((ValueError, TypeError)) as expected:
        call(theirs)
    with pytest.raises(expected.type, match=f"^{re.escape(str(expected.value))}$"):
        call(ours)


@pytest.mark.parametrize("options", WRONG, ids=str)
def test_option_checks(options):
    assert_same_error(lambda lib: lib.DataLoader(range(3), **options))


@pytest.mark.parametrize("options", WRONG_FOR_STREAMS, ids=str)
def test_option_checks_of_streams(options):
    assert_same_error(lambda lib: lib.DataLoader(stream_of(lib, 3), **options))


def test_shuffling_nothing():
    assert_same_error(lambda lib: lib.DataLoader([], shuffle=True))
    assert list(ours.DataLoader([])) == [] and len(ours.DataLoader([])) == 0


@pytest.mark.parametrize(
    "name", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
)
def test_fixed_attributes(name):
    def assign(lib):
        setattr(lib.DataLoader(range(3)), name, None)

    assert_same_error(assign)


def test_other_attributes_may_change():
    source = ours.DataLoader(range(3))
    source.collate_fn = lambda samples: samples
    assert list(source) == [[0], [1], [2]]


def test_workers_are_refused_with_a_reason():
    with pytest.raises(
        NotImplementedError, match=r"num_workers=2\): worker processes are not implemented.*Fix: num_workers=0"
    ):
        ours.DataLoader(range(3), num_workers=2)
    with pytest.raises(AssertionError, match="timeout"):
        iter(ours.DataLoader(range(3), timeout=1))
    assert ours.get_worker_info() is None


def test_same_signature():
    mine, other = signature(ours.DataLoader).parameters, signature(theirs.DataLoader).parameters
    assert [(p.name, p.kind, p.default) for p in mine.values()] == [(p.name, p.kind, p.default) for p in other.values()]


def test_iterator():
    source = ours.DataLoader(range(5), 2)
    epoch = iter(source)
    assert len(epoch) == 3 and iter(epoch) is epoch
    assert listed(next(epoch)) == [0, 1]
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(epoch)


def test_two_epochs_at_once():
    source = ours.DataLoader(range(4), 2)
    assert [(listed(a), listed(b)) for a, b in zip(source, source, strict=True)] == [([0, 1], [0, 1]), ([2, 3], [2, 3])]


def test_getitems_is_preferred():
    class Many(ours.Dataset):
        def __getitem__(self, index):
            raise AssertionError

        def __getitems__(self, indices):
            return [index + 0.5 for index in indices]

        def __len__(self):
            return 3

    assert [listed(b) for b in ours.DataLoader(Many(), 2)] == [[0.5, 1.5], [2.5]]


@pytest.fixture
def gathers(monkeypatch):
    """Counts the gathers, and fails on samples made one by one."""
    calls = []
    original = feed.rows
    monkeypatch.setattr(feed, "rows", lambda tensor, indices: calls.append(len(indices)) or original(tensor, indices))
    return calls


def test_a_batch_is_one_gather_per_tensor(gathers, monkeypatch):
    mine, _ = both_datasets()
    monkeypatch.setattr(ours.default_collate, "__code__", (lambda batch: 1 / 0).__code__)
    list(ours.DataLoader(mine, 10, shuffle=True))
    assert gathers == [10, 10, 10, 10, 3, 3]
    gathers.clear()
    nested = ours.Subset(ours.Subset(mine, range(3, 20)), [4, 2, 0])
    assert listed(next(iter(ours.DataLoader(nested, 3)))) == [IMAGES[[7, 5, 3]].tolist(), [7, 5, 3]]
    assert gathers == [3, 3]


def test_no_gather_where_samples_are_changed(gathers):
    class Doubled(ours.TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * part for part in super().__getitem__(index))

    class Reversed(ours.Subset):
        def __getitem__(self, index):
            return super().__getitem__(index)[::-1]

    mine, _ = both_datasets()
    x, y = next(iter(ours.DataLoader(Doubled(*mine.tensors), 3)))
    assert y.tolist() == [0, 2, 4]
    y, x = next(iter(ours.DataLoader(Reversed(mine, [1, 2]), 2)))
    assert y.tolist() == [1, 2] and x.tolist() == IMAGES[1:3].tolist()
    batch = next(iter(ours.DataLoader(mine, 2, collate_fn=lambda samples: len(samples))))
    assert batch == 2 and gathers == []
    assert dataset_module.rows_of(range(3), [0]) is None


def test_gathered_batches_are_their_own(gathers):
    source = kilnn.tensor(IMAGES)
    (batch,) = next(iter(ours.DataLoader(ours.TensorDataset(source), 3)))
    batch.zero_()
    assert source[:3].tolist() == IMAGES[:3].tolist()


def test_bad_index():
    mine, _ = both_datasets()
    with pytest.raises(IndexError):
        list(ours.DataLoader(mine, sampler=[99]))


def test_tensors_with_a_gradient_are_gathered_by_an_operation():
    leaf = kilnn.tensor(IMAGES).requires_grad_()
    (batch,) = next(iter(ours.DataLoader(ours.TensorDataset(leaf), sampler=[1, 1], batch_size=2)))
    batch.sum().backward()
    assert leaf.grad[1].tolist() == [2, 2] and leaf.grad[0].tolist() == [0, 0]


def test_each_batch_is_announced(monkeypatch):
    calls = []
    monkeypatch.setattr(loader, "data_arrives", lambda: calls.append(1))
    mine, _ = both_datasets()
    list(ours.DataLoader(mine, 10))
    list(ours.DataLoader(mine, None, sampler=[1, 2]))
    list(ours.DataLoader(stream_of(ours, 5), 2))
    assert len(calls) == 3 + 2 + 3


def test_pytorchs_names_for_the_files():
    from kilnn.utils.data import dataloader, dataset, sampler  # noqa: PLC0415 - the import is what is tested

    for file, place in ((dataset, "dataset"), (sampler, "sampler"), (dataloader, "dataloader")):
        for name in getattr(theirs, place).__all__:
            assert getattr(file, name) is getattr(kilnn.data, name)
