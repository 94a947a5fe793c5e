"""Twenty seeds: everything PyTorch draws on the CPU is drawn here bit for bit (x86 with AVX2).

PyTorch builds with MKL draw Bernoulli and exponential numbers from other streams on Intel processors; those rows are
left out there.
"""

import platform
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.utils.data

import kilnn
import kilnn.data
import kilnn.utils.data
from tests.nn.modules import CONTAINERS, OTHERS, ROWS
from tests.oracle import Difference, to_numpy

SEEDS = [*range(12), 42, 1234, 2**31, 2**32 + 5, 2**48 + 7, 2**63 + 11, -1, -(2**40)]
SIZES = (0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 100)
COMPILED, COMPILED_SIZES = {"base of a view", "normal of tensors"}, (7, 16, 33)
FLOATS = ("float32", "float64", "bfloat16", "float16")

_CPU = Path("/proc/cpuinfo")
INTEL = "GenuineIntel" in (_CPU.read_text(encoding="utf-8") if _CPU.exists() else platform.processor())
FROM_MKL = {"exponential", "bernoulli number", "bernoulli whole", "bernoulli p", "bernoulli transposed", "multinomial"}

DRAWS = {
    "rand": lambda T, n, d: T.rand(n, dtype=d),
    "randn": lambda T, n, d: T.randn(n, dtype=d),
    "uniform": lambda T, n, d: T.empty(n, dtype=d).uniform_(-1, 2),
    "normal": lambda T, n, d: T.empty(n, dtype=d).normal_(1, 2),
    "exponential": lambda T, n, d: T.empty(n, dtype=d).exponential_(1.5),
    "bernoulli number": lambda T, n, d: T.empty(n, dtype=d).bernoulli_(0.3),
    "bernoulli whole": lambda T, n, d: T.empty(n, dtype=T.int64).bernoulli_(0.3),
    "bernoulli p": lambda T, n, d: T.bernoulli(T.zeros(n, dtype=d), p=0.3),
    "bernoulli tensor": lambda T, n, d: T.bernoulli(T.linspace(0, 1, n, dtype=T.float64).to(d)),
    "bernoulli_ tensor": lambda T, n, d: T.empty(n, 3, dtype=d).bernoulli_(T.tensor([0.1, 0.5, 0.8])),
    "bernoulli_ wide": lambda T, n, d: T.empty(n, dtype=d).bernoulli_(T.full((n,), 0.3, dtype=T.float64)),
    "geometric": lambda T, n, d: T.empty(n, dtype=d).geometric_(0.05),
    "geometric whole": lambda T, n, d: T.empty(n, dtype=T.int16).geometric_(0.001),
    "log_normal": lambda T, n, d: T.empty(n, dtype=d).log_normal_(0.5, 0.5),
    "cauchy": lambda T, n, d: T.empty(n, dtype=d).cauchy_(1, 0.5),
    "poisson": lambda T, n, d: T.poisson(T.linspace(0, 40, n, dtype=T.float64).to(d)),
    "random": lambda T, n, d: T.empty(n, dtype=d).random_(),
    "random to": lambda T, n, d: T.empty(n, dtype=d).random_(9),
    "random from": lambda T, n, d: T.empty(n, dtype=T.int64).random_(-4, None),
    "randint": lambda T, n, d: T.randint(-3, 9, (n,), dtype=d),
    "randint_like": lambda T, n, d: T.randint_like(T.empty(n, dtype=d), 2, 9),
    "randperm": lambda T, n, d: T.randperm(n),
    "rand_like": lambda T, n, d: T.rand_like(T.empty(n, 3, dtype=d)),
    "randn_like": lambda T, n, d: T.randn_like(T.empty(n, 3, dtype=d)),
    "normal of tensors": lambda T, n, d: T.normal(T.ones(n, 1, dtype=d), T.tensor([1.0, 0.3])),
    "normal of means": lambda T, n, d: T.normal(T.ones(n, dtype=d), 0.3),
    "normal of deviations": lambda T, n, d: T.normal(0.7, T.full((n,), 0.3, dtype=d)),
    "multinomial": lambda T, n, d: T.multinomial(T.arange(1, 41).to(d).view(2, 20), 7, d in (T.float16, T.bfloat16)),
    "multinomial again": lambda T, n, d: T.multinomial(T.arange(1, 41).to(d).view(2, 20), n + 2, True),
    # the order is that of the memory, and only contiguous tensors are filled in blocks
    "every other": lambda T, n, d: T.zeros(2 * n, dtype=d)[::2].normal_(),
    "column": lambda T, n, d: T.zeros(n, 3, dtype=d)[:, 1].uniform_(),
    "tail": lambda T, n, d: T.zeros(n + 3, dtype=d)[3:].normal_(),
    "transposed": lambda T, n, d: T.zeros(n, 3, dtype=d).t().normal_(0.5),
    "transposed uniform": lambda T, n, d: T.zeros(2, n, 3, dtype=d).permute(2, 0, 1).uniform_(),
    "transposed whole": lambda T, n, d: T.zeros(n, 3, dtype=d).t().random_(9),
    "bernoulli transposed": lambda T, n, d: T.zeros(n, 3, dtype=d).t().bernoulli_(0.5),
    "bernoulli of transposed": lambda T, n, d: T.bernoulli(T.full((n, 3), 0.4, dtype=d).t()),
    "like transposed": lambda T, n, d: T.randn_like(T.zeros(n, 3, dtype=d).t()),
    "base of a view": lambda T, n, d: T.zeros(n + 1, 4, dtype=d)[1:, ::2].normal_()._base,
}


def assert_bits(ours, theirs, what):
    a, b = to_numpy(ours), to_numpy(theirs)
    if a.shape != b.shape or a.dtype != b.dtype:
        raise Difference(f"{what}: {a.dtype}{a.shape}, PyTorch {b.dtype}{b.shape}")
    if str(ours.dtype).rsplit(".", 1)[-1] != str(theirs.dtype).rsplit(".", 1)[-1]:
        raise Difference(f"{what}: {ours.dtype}, PyTorch {theirs.dtype}")
    if not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
        raise Difference(f"{what}: {(a != b).sum()} of {a.size} elements differ")


def seed_both(seed):
    kilnn.manual_seed(seed)
    torch.manual_seed(seed)


@pytest.mark.parametrize("name", [n for n in DRAWS if not (INTEL and n in FROM_MKL)])
def test_draws(name):
    """Each seed with one size and dtype after the other; the streams stay together."""
    for k, seed in enumerate(SEEDS):
        seed_both(seed)
        for n in COMPILED_SIZES if name in COMPILED else SIZES[k % 2 :: 2]:
            for d in FLOATS:
                what = f"{name} of {n} {d}, seed {seed}"
                ours, theirs = (DRAWS[name](T, n, getattr(T, d)) for T in (kilnn, torch))
                assert_bits(ours, theirs, what)
                assert n < 2 or ours.stride() == theirs.stride(), what
        assert kilnn.get_rng_state().numpy().tobytes() == torch.get_rng_state().numpy().tobytes(), name


def test_complex_numbers():
    for seed in SEEDS:
        seed_both(seed)
        for n in SIZES:
            assert_bits(kilnn.randn(n, dtype=kilnn.complex64), torch.randn(n, dtype=torch.complex64), f"randn {n}")
            assert_bits(kilnn.rand(n, dtype=kilnn.complex128), torch.rand(n, dtype=torch.complex128), f"rand {n}")


def test_a_wrong_bit_a_wrong_dtype_and_a_wrong_shape_are_noticed():
    theirs = torch.rand(5)
    for wrong in (np.nextafter(theirs.numpy(), 2), theirs.double().numpy(), theirs.numpy()[:4]):
        with pytest.raises(Difference):
            assert_bits(kilnn.tensor(wrong), theirs, "rand")


@pytest.mark.parametrize(
    "call",
    [
        lambda T: T.zeros(3).expand(2, 3).normal_(), lambda T: T.zeros(1).expand(3).bernoulli_(0.5),
        lambda T: T.ones(2, requires_grad=True).cauchy_(), lambda T: T.ones(2, requires_grad=True).bernoulli_(),
        lambda T: T.empty(3).geometric_(1), lambda T: T.empty(3).log_normal_(0, 0), lambda T: T.empty(3).cauchy_(0, 0),
        lambda T: T.empty(3, dtype=T.bool).geometric_(0.5), lambda T: T.empty(3, dtype=T.int64).exponential_(),
        lambda T: T.empty(3, dtype=T.int64).log_normal_(), lambda T: T.empty(3, dtype=T.int64).normal_(),
        lambda T: T.bernoulli(T.tensor([2.0])), lambda T: T.bernoulli(T.tensor([1])),
        lambda T: T.empty(2).bernoulli_(2),
        lambda T: T.empty(2).bernoulli_(T.tensor([0.0, float("nan")])), lambda T: T.poisson(T.tensor([-1.0])),
        lambda T: T.poisson(T.tensor([1])), lambda T: T.multinomial(T.tensor([1, 2]), 1),
        lambda T: T.normal(T.zeros(2), T.ones(3)), lambda T: T.normal(T.zeros(2), -1.0), lambda T: T.normal(0.0, 1.0),
        lambda T: T.normal(T.zeros(2), T.tensor([-1.0, 1.0])), lambda T: T.randint(300, (2,), dtype=T.uint8),
        lambda T: T.empty(3, dtype=T.int8).random_(-200, 3), lambda T: T.randint(5), lambda T: T.rand("a"),
        lambda T: T.rand(),
        lambda T: T.rand(2, dtype=T.int32), lambda T: T.rand(2, generator=3), lambda T: T.randperm(300, dtype=T.uint8),
        lambda T: T.randperm(4.5), lambda T: T.rand_like(T.ones(2, dtype=T.int64)), lambda T: T.randint(2**63, (2,)),
        lambda T: T.manual_seed(2**70), lambda T: T.Generator("foo"), lambda T: T.randint(3, 3, (2,)),
    ],
)  # fmt: skip
def test_errors(call):
    with pytest.raises(Exception) as expected:
        call(torch)
    with pytest.raises(expected.type):
        call(kilnn)


def test_draws_give_no_gradient():
    for T in (kilnn, torch):
        mean, std = T.zeros(3, requires_grad=True), T.full((3,), 0.5, requires_grad=True)
        for drawn in (
            T.normal(mean, std),
            T.bernoulli(std + mean),
            T.poisson(std + mean),
            (mean + std).geometric_(0.5),
        ):
            assert drawn.requires_grad
            grads = T.autograd.grad(drawn.sum(), [mean, std])
            assert [g.tolist() for g in grads] == [[0, 0, 0]] * 2


# -- what PyTorch's training scripts draw from the seed


def initial_state(row, T):
    module = row.make(T.nn, T)
    if row.name.startswith("Lazy"):
        module.initialize_parameters(*row.inputs(T))
    return module.state_dict()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", SEEDS)
def test_default_weights_of_every_layer(seed):
    """All rows of the table of layers, one after the other on one stream."""
    seed_both(seed)
    for row in ROWS:
        a, b = (initial_state(row, T) for T in (kilnn, torch))
        assert list(a) == list(b), row.name
        for name in a:
            assert_bits(a[name], b[name], f"{row.name}.{name}")
    assert_bits(kilnn.rand(3), torch.rand(3), "the stream after all layers")


def test_every_layer_has_a_row():
    layers = {
        n for n, c in vars(kilnn.nn).items() if isinstance(c, type) and issubclass(c, kilnn.nn.Module) and n != "Module"
    }
    missing = layers - {r.name for r in ROWS} - set(CONTAINERS) - set(OTHERS)
    assert not missing, f"add rows to tests/nn/modules.py: {sorted(missing)}"


FILLS = {
    "uniform": lambda i, t: i.uniform_(t, -0.3, 0.7),
    "normal": lambda i, t: i.normal_(t, 0.5, 2.0),
    "trunc": lambda i, t: i.trunc_normal_(t, std=0.02),
    "trunc cut": lambda i, t: i.trunc_normal_(t, 0.2, 1.0, -0.5, 1.0),
    "trunc tail": lambda i, t: i.trunc_normal_(t, 0.0, 1.0, 1.0, 2.0),
    "constant": lambda i, t: i.constant_(t, 0.3),
    "xavier uniform": lambda i, t: i.xavier_uniform_(t, i.calculate_gain("relu")),
    "xavier normal": lambda i, t: i.xavier_normal_(t),
    "kaiming uniform": lambda i, t: i.kaiming_uniform_(t, 0.1, "fan_out"),
    "kaiming normal": lambda i, t: i.kaiming_normal_(t, nonlinearity="relu"),
    "sparse": lambda i, t: i.sparse_(t, 0.3),
    "eye": lambda i, t: i.eye_(t),
}
MATRICES = [(3, 5), (4, 4), (1, 17), (40, 30), (5, 3)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("name", FILLS)
def test_initialisers(name, dtype):
    for seed in SEEDS:
        seed_both(seed)
        for shape in MATRICES:
            ours, theirs = (T.empty(shape, dtype=getattr(T, dtype), requires_grad=True) for T in (kilnn, torch))
            for T, t in ((kilnn, ours), (torch, theirs)):
                assert FILLS[name](T.nn.init, t) is t
            assert_bits(ours, theirs, f"{name}, seed {seed}, {shape}")
        turned = [T.empty(6, 5, dtype=getattr(T, dtype)) for T in (kilnn, torch)]
        for T, t in zip((kilnn, torch), turned, strict=True):
            FILLS[name](T.nn.init, t.t())
        assert_bits(*turned, f"{name}, seed {seed}, transposed")


def _loader_order(T, seed, **arguments):
    data = T.utils.data.TensorDataset(T.arange(23))
    return [batch[0].tolist() for _ in range(2) for batch in T.utils.data.DataLoader(data, batch_size=5, **arguments)]


def _sampled(T, make):
    sampler = make(T.utils.data, T)
    return [list(sampler) for _ in range(2)]


SAMPLERS = {
    "random": lambda d, T: d.RandomSampler(range(40)),
    "replacement": lambda d, T: d.RandomSampler(range(40), replacement=True),
    "num_samples": lambda d, T: d.RandomSampler(range(7), num_samples=19),
    "replacement, num_samples": lambda d, T: d.RandomSampler(range(7), replacement=True, num_samples=70),
    "own generator": lambda d, T: d.RandomSampler(range(9), generator=T.Generator().manual_seed(3)),
    "weighted": lambda d, T: d.WeightedRandomSampler([0.1, 0.9, 0.4, 3.0, 0.6, 0.0], 50),
    "weighted once": lambda d, T: d.WeightedRandomSampler([0.1, 0.9, 0.4, 3.0, 0.6, 0.01], 4, replacement=False),
    "subset": lambda d, T: d.SubsetRandomSampler([5, 9, 2, 7, 11]),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_loaders_samplers_and_splits(seed):
    seed_both(seed)
    for arguments in ({"shuffle": True}, {"shuffle": True, "drop_last": True}, {}):
        assert _loader_order(kilnn, seed, **arguments) == _loader_order(torch, seed, **arguments), arguments
    for name, make in SAMPLERS.items():
        if not (INTEL and name == "weighted once"):
            assert _sampled(kilnn, make) == _sampled(torch, make), name
    for lengths in ([10, 13], [0.5, 0.3, 0.2]):
        ours, theirs = (T.utils.data.random_split(range(23), lengths) for T in (kilnn, torch))
        assert [list(p.indices) for p in ours] == [list(p.indices) for p in theirs]
    assert_bits(kilnn.rand(3), torch.rand(3), "the stream after all orders")


def test_states_travel_both_ways():
    seed_both(5)
    torch.randn(3)
    kilnn.set_rng_state(torch.get_rng_state())
    assert_bits(kilnn.randn(4), torch.randn(4), "from PyTorch")
    kilnn.nn.functional.dropout(kilnn.ones(4))  # moves the counter of draws inside the step
    kilnn.rand(700)
    torch.set_rng_state(torch.from_numpy(kilnn.get_rng_state().numpy()))
    assert_bits(kilnn.randn(4), torch.randn(4), "to PyTorch")
    with kilnn.random.fork_rng():
        inside = kilnn.rand(3).tolist()
    assert kilnn.rand(3).tolist() == inside
