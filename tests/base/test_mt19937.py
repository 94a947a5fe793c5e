"""The random numbers against PyTorch's, bit for bit."""

import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
import torch

from kilnn.base.mt19937 import DEFAULT_SEED, MT19937Generator
from kilnn.base.normals import fma32, fma64

SEEDS = (0, 1, 42, 2**32 + 5, 2**63 + 11)
FLOATS = {
    "float32": (np.dtype(np.float32), torch.float32),
    "float64": (np.dtype(np.float64), torch.float64),
    "float16": (np.dtype(np.float16), torch.float16),
    "bfloat16": (np.dtype(ml_dtypes.bfloat16), torch.bfloat16),
}


def bits(array: np.ndarray | torch.Tensor) -> list[int]:
    if isinstance(array, torch.Tensor):
        return array.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[array.element_size()]).tolist()
    return array.view(f"i{array.itemsize}").tolist()


def both(seed: int) -> MT19937Generator:
    torch.manual_seed(seed)
    return MT19937Generator(seed)


def test_default_seed():
    assert torch.Generator().initial_seed() == DEFAULT_SEED == MT19937Generator().seed


def test_negative_seeds_wrap():
    ours = both(-7)
    assert ours.seed == torch.initial_seed()
    assert ours.rand(3).tolist() == torch.rand(3).tolist()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", FLOATS)
def test_rand(seed, name):
    np_dtype, torch_dtype = FLOATS[name]
    ours = both(seed)
    for n in (1, 2, 17, 5000):
        assert bits(ours.rand(n, np_dtype)) == bits(torch.rand(n, dtype=torch_dtype))


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-0.3, 0.7), (1 / 3, 2.2), (-1 / 28, 1 / 28), (2.0, 2.0), (-1e-3, 1e4)])
@pytest.mark.parametrize("name", FLOATS)
def test_uniform(ends, name):
    np_dtype, torch_dtype = FLOATS[name]
    ours = both(3)
    for n in (5, 20_000):
        assert bits(ours.uniform(n, *ends, np_dtype)) == bits(torch.empty(n, dtype=torch_dtype).uniform_(*ends))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", FLOATS)
def test_randn(seed, name):
    np_dtype, torch_dtype = FLOATS[name]
    ours = both(seed)
    for n in (16, 64, 17, 31, 1000):
        assert bits(ours.randn(n, np_dtype)) == bits(torch.randn(n, dtype=torch_dtype)), n


def test_randn_float32_at_length():
    ours = both(9)
    for n in (1 << 17, (1 << 16) | 5):
        assert bits(ours.randn(n)) == bits(torch.randn(n))


@pytest.mark.parametrize("name", FLOATS)
def test_small_draws_share_pairs(name):
    """Below 16 elements normals come in pairs, and the second one waits for the next call."""
    np_dtype, torch_dtype = FLOATS[name]
    ours = both(5)
    for n in (1, 3, 15, 2, 1, 20, 1, 0, 7):
        assert bits(ours.randn(n, np_dtype)) == bits(torch.randn(n, dtype=torch_dtype)), n
        assert bits(ours.rand(2)) == bits(torch.rand(2))


@pytest.mark.parametrize("name", FLOATS)
def test_normal(name):
    np_dtype, torch_dtype = FLOATS[name]
    ours = both(4)
    for n in (5, 16, 4099):
        ours_n = ours.normal(n, 0.3, 1.7, np_dtype)
        assert bits(ours_n) == bits(torch.empty(n, dtype=torch_dtype).normal_(0.3, 1.7)), n


@pytest.mark.parametrize("extent", [1, 2, 10, 1000, 2**28 - 1, 2**28, 2**31, 2**32, 2**40, 2**63 - 1])
def test_randint(extent):
    ours = both(8)
    assert ours.randint(0, extent, 200).tolist() == torch.randint(0, extent, (200,)).tolist()
    low = -3 if extent < 2**62 else 0
    assert ours.randint(low, low + extent, 50).tolist() == torch.randint(low, low + extent, (50,)).tolist()


def test_randint_over_all_of_int64():
    ours = both(8)
    low, high = -(2**63), 2**63 - 1
    assert ours.randint(low, high, 100).tolist() == torch.empty(100, dtype=torch.int64).random_(low, high).tolist()


@pytest.mark.parametrize(
    "name", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
)
def test_random(name):
    np_dtype = np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    ours = both(2)
    expected = torch.empty(300, dtype=getattr(torch, name)).random_()
    drawn = ours.random(300, np_dtype)
    assert drawn.dtype == np_dtype
    assert drawn.astype(np.float64).tolist() == expected.double().tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_int64(seed):
    ours = both(seed)
    for _ in range(5):
        assert ours.random_int64() == torch.empty((), dtype=torch.int64).random_().item()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [0, 1, 2, 10, 5000, 70_000])
def test_randperm(seed, n):
    ours = both(seed)
    assert np.array_equal(ours.randperm(n), torch.randperm(n).numpy())
    assert ours.rand(2).tolist() == torch.rand(2).tolist()  # as many words were taken


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_bernoulli(p):
    ours = both(6)
    for n in (7, 5000):
        assert ours.bernoulli(n, p).tolist() == torch.empty(n).bernoulli_(p).bool().tolist()
        assert ours.bernoulli(n, p).tolist() == torch.empty(n, dtype=torch.int64).bernoulli_(p).bool().tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_chances(dtype):
    ours = both(6)
    p = np.linspace(0, 1, 600).astype(dtype).reshape(30, 20)
    assert (ours.chances(600, dtype) < p.ravel()).tolist() == torch.bernoulli(
        torch.from_numpy(p)
    ).bool().ravel().tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponential(dtype):
    ours = both(6)
    expected = torch.empty(5000, dtype=getattr(torch, dtype)).exponential_(2.5)
    assert bits(ours.exponential(5000, 2.5, dtype)) == bits(expected)


@pytest.mark.parametrize("rate", [0.0, 1e-3, 1.0, 9.99, 10.0, 31.7, 1e6])
def test_poisson(rate):
    ours = both(6)
    expected = torch.poisson(torch.full((400,), rate, dtype=torch.float64))
    assert ours.poisson(np.full(400, rate)).tolist() == expected.tolist()
    assert ours.rand(2).tolist() == torch.rand(2).tolist()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("n", [1, 2, 20, 60])
def test_multinomial(seed, replacement, n):
    weights = np.random.default_rng(1).random(60)
    weights[3] = 0.0
    n = n - 1 if n == 60 and not replacement else n
    ours = both(seed)
    expected = torch.multinomial(torch.from_numpy(weights), n, replacement)
    assert ours.multinomial(weights, n, replacement).tolist() == expected.tolist()
    assert ours.rand(2).tolist() == torch.rand(2).tolist()


@pytest.mark.parametrize(
    ("weights", "n", "replacement"),
    [
        ([0, 0], 1, False),
        ([0, 0], 2, True),
        ([1, 2], 3, False),
        ([1, -2], 1, False),
        ([1, math.nan], 1, False),
        ([1, 2], 0, True),
    ],
)
def test_multinomial_errors(weights, n, replacement):
    array = np.array(weights, np.float64)
    with pytest.raises(RuntimeError) as theirs:
        torch.multinomial(torch.from_numpy(array), n, replacement)
    with pytest.raises(RuntimeError) as ours:
        MT19937Generator(0).multinomial(array, n, replacement)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda g: g.randperm(-1), lambda: torch.randperm(-1)),
        (lambda g: g.randint(3, 3, 2), lambda: torch.randint(3, 3, (2,))),
        (lambda g: g.uniform(2, 2, 1), lambda: torch.empty(2).uniform_(2, 1)),
        (lambda g: g.normal(2, 0, -1), lambda: torch.empty(2).normal_(0, -1)),
        (lambda g: g.exponential(2, 0), lambda: torch.empty(2).exponential_(0)),
        (lambda g: g.bernoulli(2, 2), lambda: torch.empty(2).bernoulli_(2)),
    ],
)
def test_errors(ours, theirs):
    with pytest.raises(RuntimeError) as expected:
        theirs()
    with pytest.raises(RuntimeError) as received:
        ours(MT19937Generator(0))
    assert str(received.value) == str(expected.value)


@pytest.mark.parametrize("seed", SEEDS)
def test_state_has_pytorch_bytes(seed):
    ours = both(seed)
    steps = [lambda: None, lambda: (ours.rand(1), torch.rand(1)), lambda: (ours.randn(1), torch.randn(1))]
    steps += [lambda: (ours.rand(617), torch.rand(617)), lambda: (ours.rand(2), torch.rand(2))]
    for step in steps:
        step()
        assert ours.get_state().tobytes() == torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("drawn", [0, 1, 3, 623, 624, 625, 2000])
def test_state_from_pytorch(drawn):
    torch.manual_seed(12)
    torch.rand(drawn)
    torch.randn(1)
    ours = MT19937Generator(0)
    ours.set_state(torch.get_rng_state().numpy())
    assert ours.seed == 12
    assert ours.randn(3).tolist() == torch.randn(3).tolist()
    assert ours.rand(700).tolist() == torch.rand(700).tolist()


def test_state_round_trip():
    ours = MT19937Generator(3)
    ours.randn(3)
    state = ours.get_state()
    first = ours.randn(5), ours.rand(1000)
    ours.reseed(99)
    ours.set_state(state)
    assert first[0].tolist() == ours.randn(5).tolist() and first[1].tolist() == ours.rand(1000).tolist()


def test_bad_states():
    ours = MT19937Generator(3)
    with pytest.raises(RuntimeError, match="5056 bytes, but it has 5"):
        ours.set_state(np.zeros(5, np.uint8))
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        ours.set_state(np.zeros(5056, np.uint8))
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        ours.set_state(np.full(5056, 255, np.uint8))


def test_fused_multiply_add():
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(2000) for _ in range(3))
    exact = [float(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in zip(a, b, c, strict=True)]
    assert fma64(a, b, c).tolist() == exact
    assert (a * b + c).tolist() != exact  # the two roundings do differ: the test can fail
    a4, b4, c4 = (x.astype(np.float32) for x in (a, b, c))
    triples = zip(a4.tolist(), b4.tolist(), c4.tolist(), strict=True)
    exact4 = [float(np.float32(Fraction(x) * Fraction(y) + Fraction(z))) for x, y, z in triples]
    assert fma32(a4, b4, c4).tolist() == exact4
