"""Seeding, state and copies of the public generator, beside PyTorch's."""

import copy
import pickle

import numpy as np
import pytest
import torch

from kilnn.base import generator as module
from kilnn.base.device import Device
from kilnn.base.generator import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)


@pytest.fixture(autouse=True)
def numpy_states(monkeypatch):
    """States as this layer makes them, whatever the tensor layer has set."""
    monkeypatch.setattr(Generator, "wrap_state", staticmethod(lambda state: state))


def draw(generator: Generator, n: int = 4) -> list[float]:
    return generator.stream.rand(n).tolist()


def test_fresh_generators_are_alike():
    assert draw(Generator()) == draw(Generator()) == torch.rand(4, generator=torch.Generator()).tolist()


@pytest.mark.parametrize("value", [0, -1, 2**63, 2**64 - 1, -(2**63)])
def test_manual_seed(value):
    assert Generator().manual_seed(value).initial_seed() == torch.Generator().manual_seed(value).initial_seed()
    assert manual_seed(value) is default_generator
    torch.manual_seed(value)
    assert draw(default_generator) == torch.rand(4).tolist()
    assert initial_seed() == torch.initial_seed()


@pytest.mark.parametrize("value", ["a", 1.5, True, 2**64, -(2**63) - 1, None])
def test_bad_seeds(value):
    with pytest.raises((RuntimeError, ValueError)) as theirs:
        torch.Generator().manual_seed(value)
    with pytest.raises(theirs.type) as ours:
        Generator().manual_seed(value)
    assert str(ours.value) == str(theirs.value)


def test_the_function_converts():
    assert manual_seed(3.0).initial_seed() == 3
    with pytest.raises(ValueError, match="Overflow when unpacking long long"):
        manual_seed(2**64)


def test_seed_is_new_each_time():
    first, second = seed(), seed()
    assert first != second and initial_seed() == second


def test_device():
    assert Generator().device == Device("cpu")
    assert draw(Generator("cuda").manual_seed(1)) == draw(Generator().manual_seed(1))
    with pytest.raises(RuntimeError, match="Expected one of"):
        Generator("foo")


def test_state():
    manual_seed(5)
    default_generator.take_offset(3)
    state = get_rng_state()
    assert isinstance(state, np.ndarray) and state.dtype == np.uint8 and state.size == 5056
    first = draw(default_generator)
    default_generator.take_offset(7)
    set_rng_state(state)
    assert draw(default_generator) == first and default_generator.take_offset(1) == 3


def test_state_of_pytorch():
    torch.manual_seed(8)
    torch.rand(10)
    ours = Generator()
    ours.set_state(torch.get_rng_state())
    assert draw(ours) == torch.rand(4).tolist() and ours.offset == 0


def test_state_for_pytorch():
    ours = Generator().manual_seed(8)
    assert ours.get_state().tobytes() == torch.Generator().manual_seed(8).get_state().numpy().tobytes()
    ours.stream.randn(3)
    ours.take_offset(5)
    theirs = torch.Generator()
    theirs.set_state(torch.from_numpy(ours.get_state()))
    assert ours.stream.randn(3).tolist() == torch.randn(3, generator=theirs).tolist()
    assert draw(ours) == torch.rand(4, generator=theirs).tolist()


def test_bad_states():
    with pytest.raises(TypeError, match="RNG state must be a"):
        Generator().set_state(np.zeros(5056, np.float32))
    with pytest.raises(RuntimeError, match="5056 bytes, but it has 5064"):
        Generator().set_state(np.zeros(5064, np.uint8))
    with pytest.raises(RuntimeError, match="5056 bytes, but it has 5"):
        Generator().set_state(np.zeros(5, np.uint8))


def test_offset():
    g = Generator().manual_seed(0)
    assert [g.take_offset(4), g.take_offset(1), g.take_offset(1)] == [0, 4, 5]
    assert g.manual_seed(0).take_offset(1) == 0


def test_copies_go_their_own_way():
    g = Generator().manual_seed(0)
    g.stream.randn(1)
    g.take_offset(2)
    for twin in (g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert twin.initial_seed() == 0 and twin.offset == 2
        kept = g.clone_state()
        assert twin.stream.randn(3).tolist() == kept.stream.randn(3).tolist()
    assert "seed=0" in repr(g)


def test_fork():
    manual_seed(1)
    expected = draw(manual_seed(1))
    manual_seed(1)
    with pytest.raises(KeyError), fork_rng():
        draw(default_generator)
        raise KeyError
    assert draw(module.default_generator) == expected
    manual_seed(1)
    with fork_rng(enabled=False):
        draw(default_generator)
    assert draw(default_generator) != expected
