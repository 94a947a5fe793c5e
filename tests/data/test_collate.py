"""Batches keep the structure of their samples; leaves come out as PyTorch's do."""

from collections import OrderedDict, UserDict, defaultdict, namedtuple
from copy import copy
from types import MappingProxyType

import numpy as np
import pytest
import torch
import torch.utils.data as theirs

import kilnn
from kilnn import data as ours
from kilnn.data.collate import collate, default_collate_fn_map
from tests.oracle import assert_same_meta, assert_same_values, is_tensor

Point = namedtuple("Point", ["x", "y"])


def assert_same(mine, other) -> None:
    """The same structure, of the same types, with the same tensors."""
    if isinstance(other, torch.Tensor):
        assert is_tensor(mine)
        assert_same_meta(mine, other)
        assert_same_values(mine, other, 0, 0)
        return
    assert type(mine) is type(other)
    if isinstance(other, dict | UserDict | MappingProxyType):
        assert list(mine) == list(other)
        for key in other:
            assert_same(mine[key], other[key])
    elif isinstance(other, list | tuple):
        assert len(mine) == len(other)
        for a, b in zip(mine, other, strict=True):
            assert_same(a, b)
    else:
        assert mine == other


def of_both(batch):
    """The batch with PyTorch tensors, and with kilnn's in their place."""

    def swap(x):
        if isinstance(x, torch.Tensor):
            return kilnn.tensor(x.numpy())
        if isinstance(x, dict):
            twin = copy(x)
            twin.update({key: swap(value) for key, value in x.items()})
            return twin
        if isinstance(x, tuple) and hasattr(x, "_fields"):
            return type(x)(*map(swap, x))
        if isinstance(x, list | tuple):
            return type(x)(map(swap, x))
        return x

    return swap(batch), batch


BATCHES = {
    "ints": [1, 2, 3],
    "bools": [True, False],
    "bool first": [True, 2],
    "int first": [1, 2.5],
    "float first": [1.5, 1],
    "one": [7],
    "tuple batch": (1, 2),
    "text": ["a", "b"],
    "bytes": [b"a", b"b"],
    "numpy text scalar": [np.str_("a")],
    "arrays": [np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)],
    "integer arrays": [np.arange(3, dtype=np.int16), np.arange(3, dtype=np.int16)],
    "zero-dim arrays": [np.array(1.0), np.array(2.0)],
    "mixed arrays": [np.zeros(2, np.int64), np.ones(2, np.float32)],
    "float32 scalars": [np.float32(1), np.float32(2)],
    "float64 scalars": [np.float64(1)],
    "int32 scalars": [np.int32(1), np.int32(5)],
    "bool scalars": [np.bool_(True)],
    "tensors": [torch.zeros(2), torch.ones(2)],
    "zero-dim tensors": [torch.tensor(1), torch.tensor(2)],
    "mixed tensors": [torch.zeros(2), torch.ones(2, dtype=torch.int64)],
    "tuples": [(torch.zeros(2), 1), (torch.ones(2), 0)],
    "lists": [[1, 2.0], [3, 4.0]],
    "ranges": [range(2), range(2)],
    "dicts": [{"a": 1, "b": torch.zeros(1)}, {"a": 2, "b": torch.ones(1)}],
    "more keys later": [{"a": 1}, {"a": 2, "b": 3}],
    "ordered": [OrderedDict(a=1), OrderedDict(a=2)],
    "user dict": [UserDict(a=1), UserDict(a=2)],
    "default dict": [defaultdict(int, a=1), defaultdict(int, a=2)],
    "read-only mapping": [MappingProxyType({"a": 1})],
    "named": [Point(1, torch.zeros(2)), Point(2, torch.ones(2))],
    "nested": [{"a": [(1, "x"), {"b": np.ones(2)}]}, {"a": [(2, "y"), {"b": np.zeros(2)}]}],
}


@pytest.mark.parametrize("name", BATCHES)
def test_default_collate(name):
    mine, other = of_both(BATCHES[name])
    assert_same(ours.default_collate(mine), theirs.default_collate(other))


CONVERTED = {
    "array": np.arange(3),
    "scalar": np.float32(2),
    "text array": np.array(["a"]),
    "text": "word",
    "numpy text": np.str_("a"),
    "number": 3,
    "none": None,
    "dict": {"a": np.ones(2), "b": "c"},
    "ordered": OrderedDict(a=np.ones(2)),
    "read-only mapping": MappingProxyType({"a": np.ones(1)}),
    "tuple": (np.ones(1), 2),
    "list": [np.ones(1), [np.zeros(1)]],
    "named": Point(np.ones(1), "y"),
    "range": range(3),
    "set": {1, 2},
    "tensor": torch.ones(2),
}


@pytest.mark.parametrize("name", CONVERTED)
def test_default_convert(name):
    mine, other = of_both(CONVERTED[name])
    assert_same(ours.default_convert(mine), theirs.default_convert(other))


def test_tensors_are_left_alone():
    t = kilnn.zeros(2)
    assert ours.default_convert([t])[0] is t


def test_batches_do_not_alias_samples():
    array = np.zeros(2)
    batch = ours.default_collate([array])
    converted = ours.default_convert(array)
    array[:] = 7
    assert batch.tolist() == [[0, 0]] and converted.tolist() == [0, 0]


WRONG = {
    "object": [object()],
    "none": [None],
    "complex": [1j, 2j],
    "text array": [np.array(["a"])],
    "unequal lists": [[1, 2], [1]],
    "unequal arrays": [np.zeros(2), np.zeros(3)],
    "unequal tensors": [torch.zeros(2), torch.zeros(2, 1)],
    "missing key": [{"a": 1}, {"b": 2}],
    "empty": [],
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    mine, other = of_both(WRONG[name])
    with pytest.raises((TypeError, RuntimeError, KeyError, IndexError)) as expected:
        theirs.default_collate(other)
    with pytest.raises(expected.type) as received:
        ours.default_collate(mine)
    assert str(received.value).replace("<U1", "U1") == str(expected.value).replace("<U1", "U1")


def test_mixing_tensors_and_arrays():
    with pytest.raises(TypeError, match=r"expected Tensor as element 1 in argument 0, but got numpy\.ndarray"):
        ours.default_collate([kilnn.zeros(2), np.zeros(2)])


def test_gradients_pass_through_a_batch():
    leaf = kilnn.ones(2, requires_grad=True)
    batch = ours.default_collate([leaf * 2, kilnn.zeros(2)])
    batch.sum().backward()
    assert leaf.grad.tolist() == [2, 2]


def test_own_rules():
    class Word:
        def __init__(self, text):
            self.text = text

    def join(batch, *, collate_fn_map=None):
        return "".join(word.text for word in batch)

    rules = {**default_collate_fn_map, Word: join}
    batch = collate([{"w": Word("a"), "n": 1}, {"w": Word("b"), "n": 2}], collate_fn_map=rules)
    assert batch["w"] == "ab" and batch["n"].tolist() == [1, 2]
    with pytest.raises(TypeError, match="found <class"):
        collate([Word("a")])
