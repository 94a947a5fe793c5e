"""Every row of the table beside PyTorch: text, names, initial values, results, gradients, buffers, modes, copies."""

import copy
import pickle
import warnings

import pytest
import torch
from torch.nn.parameter import is_lazy

import kilnn
from kilnn.nn.module import Module
from tests.nn.modules import CONTAINERS, OTHERS, ROWS
from tests.oracle import assert_same, assert_same_tree

IDS = [f"{r.name}-{i}" for i, r in enumerate(ROWS)]


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "reduction: 'mean' divides")
        warnings.filterwarnings("ignore", "Using padding='same'")
        warnings.filterwarnings("ignore", "enable_nested_tensor is True")
        warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
        yield


def make(row, T):
    T.manual_seed(3)
    return row.make(T.nn, T)


def tensors(inputs):
    for x in inputs:
        if isinstance(x, tuple):
            yield from tensors(x)
        elif not isinstance(x, int):
            yield x


def run(row, module, T, steps=1):
    """Results, input gradients, parameter gradients and state after some calls in the module's mode."""
    results = []
    for _ in range(steps):
        inputs = row.inputs(T)
        out = module(*inputs)
        outs = list(tensors((out,)))
        total = sum((o * o).sum() + o.sum() for o in outs)
        if total.requires_grad:
            total.backward()
        results.append((out, [x.grad for x in tensors(inputs)]))
    return results, [p.grad for p in module.parameters()], dict(module.state_dict())


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_text_and_initial_state(row):
    ours, theirs = make(row, kilnn), make(row, torch)
    assert repr(ours) == repr(theirs)
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    for name in a:
        if is_lazy(b[name]):  # its values are compared after the first call
            assert type(a[name]).__name__ == type(b[name]).__name__
            continue
        assert_same(a[name], b[name], rtol=0, atol=0, what=name)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_results_and_gradients(row, mode):
    if row.random and mode == "train":
        return
    found = []
    for T in (kilnn, torch):
        module = make(row, T)
        getattr(module, mode)()
        found.append(run(row, module, T, steps=2 if mode == "train" else 1))
    assert_same_tree(found[0], found[1], rtol=2e-4, atol=3e-5)


@pytest.mark.parametrize("row", [r for r in ROWS if r.random], ids=lambda r: r.name)
def test_random_layers_repeat_and_keep_the_mean(row):
    module = make(row, kilnn)
    x = kilnn.ones((64, 64, *row.inputs(kilnn)[0].shape[2:])) * (-1 if row.name == "RReLU" else 1)
    kilnn.manual_seed(5)
    first = [module(x), module(x)]
    kilnn.manual_seed(5)
    again = module(x)
    assert (first[0] == again).all() and not (first[0] == first[1]).all()
    if row.name not in ("RReLU", "AlphaDropout", "FeatureAlphaDropout"):
        assert abs(first[0].mean().item() - 1) < 0.1


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_copies_and_pickles(row):
    module = make(row, kilnn)
    inputs = row.inputs(kilnn)
    module.eval()
    twins = [copy.deepcopy(module), pickle.loads(pickle.dumps(module))]
    kilnn.manual_seed(5)
    wanted = module(*inputs)
    for twin in twins:
        kilnn.manual_seed(5)
        found = twin(*inputs)
        assert repr(twin) == repr(module)
        assert_same_tree_ours(found, wanted)
        for p, q in zip(twin.parameters(), module.parameters(), strict=True):
            assert p is not q and p.requires_grad == q.requires_grad and isinstance(p, kilnn.nn.Parameter)


def assert_same_tree_ours(a, b):
    for x, y in zip(tensors((a,)), tensors((b,)), strict=True):
        assert kilnn.allclose(x, y, equal_nan=True)


def test_every_layer_has_a_row():
    layers = {name for name in vars(kilnn.nn) if isinstance(getattr(kilnn.nn, name), type)}
    layers = {name for name in layers if issubclass(getattr(kilnn.nn, name), Module)}
    assert layers - CONTAINERS - OTHERS == {r.name for r in ROWS}
    assert all(hasattr(torch.nn, name) or name == "RNNCellBase" for name in layers)
