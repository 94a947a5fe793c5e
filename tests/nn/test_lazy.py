"""Lazy modules: before the first call, through it, and in checkpoints."""

import copy
import pickle

import pytest
import torch

import kilnn
from tests.nn.modules import data
from tests.oracle import assert_agrees, assert_same_tree


def network(T):
    T.manual_seed(0)
    nn = T.nn
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))


def test_before_the_first_call():
    def program(T):
        model = network(T)
        text = repr(model)
        weight = model[0].weight
        lazy = [type(p).__name__ for p in model.parameters()]
        state = [type(v).__name__ for v in model.state_dict().values()]
        return text, repr(weight), lazy, state, model[0].has_uninitialized_params()

    assert_agrees(program, kilnn)


@pytest.mark.parametrize("access", [
    lambda T: network(T)[0].weight.shape, lambda T: network(T)[0].weight.share_memory_(),
    lambda T: network(T)[0](T.zeros(3)), lambda T: T.nn.LazyConv1d(4, 2, groups=4)(T.zeros(1, 3, 5)),
    lambda T: T.nn.Linear(2, 3).load_state_dict(T.nn.LazyLinear(3).state_dict()),
])  # fmt: skip
def test_errors(access):
    with pytest.raises((RuntimeError, ValueError)):
        access(torch)
    assert_agrees(access, kilnn)


def test_first_call_makes_ordinary_modules():
    found = []
    for T in (kilnn, torch):
        model = network(T)
        x = data(T, 2, 3, 6, 6)
        out = model(x)
        out.square().sum().backward()
        found.append((repr(model), out, [p.grad for p in model.parameters()], dict(model.state_dict())))
        assert all(type(m) is getattr(T.nn, type(m).__name__) for m in model)
    assert_same_tree(found[0], found[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_before_the_first_call(twin):
    model = network(kilnn)
    other = twin(model)
    assert all(p is not q for p, q in zip(model.parameters(), other.parameters(), strict=True))
    x = data(kilnn, 2, 3, 6, 6)
    kilnn.manual_seed(1)
    first = model(x)
    assert other[0].has_uninitialized_params()
    kilnn.manual_seed(1)
    assert (other(x) == first).all()


def test_checkpoints():
    def program(T):
        x = data(T, 2, 3, 6, 6, grad=False)
        model, ready = network(T), network(T)
        ready(x)
        keys = tuple(model.load_state_dict(ready.state_dict()))
        shapes = [tuple(p.shape) for p in model.parameters()]
        lazy = network(T)
        lazy.load_state_dict(network(T).state_dict())
        still = [m.has_uninitialized_params() for m in lazy if hasattr(m, "has_uninitialized_params")]
        return keys, shapes, still, model.eval()(x), ready.eval()(x)

    assert_agrees(program, kilnn, rtol=1e-4, atol=1e-5)


def test_training_compiles_once_and_needs_no_hooks():
    model = network(kilnn)
    x, y = data(kilnn, 4, 3, 6, 6, grad=False), kilnn.tensor([0, 1, 2, 0])
    model(x)
    assert model[0]._hooks is None
    optimizer = kilnn.optim.SGD(model.parameters(), lr=0.1)

    def step():
        optimizer.zero_grad()
        kilnn.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    step()
    kilnn.synchronize()
    with kilnn.expect(compiles=1):
        for _ in range(5):
            step()
