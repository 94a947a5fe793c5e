"""Initial values equal PyTorch's bit for bit (x86 with AVX2); errors and warnings are the same."""

import numpy as np
import pytest
import torch

import kilnn
from tests.oracle import assert_agrees, assert_same

FILLS = {
    "uniform": lambda i, t: i.uniform_(t, -0.3, 0.7),
    "normal": lambda i, t: i.normal_(t, 0.5, 2.0),
    "trunc": lambda i, t: i.trunc_normal_(t, std=0.02),
    "trunc cut": lambda i, t: i.trunc_normal_(t, 0.2, 1.0, -0.5, 1.0),
    "trunc tail": lambda i, t: i.trunc_normal_(t, 0.0, 1.0, 1.0, 2.0),
    "constant": lambda i, t: i.constant_(t, 0.3),
    "ones": lambda i, t: i.ones_(t),
    "zeros": lambda i, t: i.zeros_(t),
    "xavier_uniform": lambda i, t: i.xavier_uniform_(t, i.calculate_gain("relu")),
    "xavier_normal": lambda i, t: i.xavier_normal_(t),
    "kaiming_uniform": lambda i, t: i.kaiming_uniform_(t, 0.1, "fan_out"),
    "kaiming_normal": lambda i, t: i.kaiming_normal_(t, nonlinearity="relu"),
}
SHAPES = [(3, 5), (40, 30), (8, 3, 3, 3), (2, 3), (5, 4, 7)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", FILLS)
def test_values(case, shape, dtype):
    made = []
    for T in (kilnn, torch):
        T.manual_seed(11)
        t = T.empty(shape, dtype=getattr(T, dtype), requires_grad=True)
        assert FILLS[case](T.nn.init, t) is t
        made.append(t)
    exact = dtype == "float32" or ("normal" not in case and "trunc" not in case)
    assert_same(*made, rtol=0 if exact else 1e-12, atol=0)


def test_other_generators_and_half():
    for T in (kilnn, torch):
        T.manual_seed(0)
    g = [T.Generator().manual_seed(5) for T in (kilnn, torch)]
    a, b = (T.nn.init.normal_(T.empty(30), generator=x) for T, x in zip((kilnn, torch), g, strict=True))
    assert_same(a, b, 0, 0)
    assert_same(kilnn.rand(3), torch.rand(3), 0, 0)  # the default generator was not touched
    half = kilnn.nn.init.uniform_(kilnn.empty(1000, dtype=kilnn.float16))
    assert half.dtype is kilnn.float16 and 0.45 < half.float().mean().item() < 0.55


def test_fixed_patterns():
    def program(T):
        i = T.nn.init
        dirac = [i.dirac_(T.empty(*s), g) for s, g in (((4, 2, 3), 1), ((4, 2, 3, 3), 2), ((2, 3, 3, 2, 3), 1))]
        return i.eye_(T.empty(3, 4)), dirac, i.sparse_(T.empty(6, 4), 0.4)

    assert_agrees(program, kilnn, 0, 0)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal(shape):
    for T in (kilnn, torch):
        T.manual_seed(2)
    ours, theirs = (T.nn.init.orthogonal_(T.empty(shape), 1.5) for T in (kilnn, torch))
    assert_same(ours, theirs, rtol=1e-4, atol=1e-5)
    flat = ours.numpy().reshape(shape[0], -1)
    gram = flat @ flat.T if shape[0] <= flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(gram, 1.5**2 * np.eye(len(gram)), atol=1e-5)


def test_gains_and_fans():
    def program(T):
        i = T.nn.init
        names = ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")
        return (
            [float(i.calculate_gain(n)) for n in names],
            i.calculate_gain("leaky_relu", 0.3),
            i._calculate_fan_in_and_fan_out(T.empty(4, 3, 5, 5)),
        )

    assert_agrees(program, kilnn)


ERRORS = {
    "gain": lambda T: T.nn.init.calculate_gain("swish"),
    "slope": lambda T: T.nn.init.calculate_gain("leaky_relu", "x"),
    "one dimension": lambda T: T.nn.init.xavier_uniform_(T.empty(3)),
    "mode": lambda T: T.nn.init.kaiming_uniform_(T.empty(3, 3), mode="fan"),
    "eye": lambda T: T.nn.init.eye_(T.empty(3)),
    "dirac": lambda T: T.nn.init.dirac_(T.empty(3, 3)),
    "dirac groups": lambda T: T.nn.init.dirac_(T.empty(3, 3, 3), 2),
    "orthogonal": lambda T: T.nn.init.orthogonal_(T.empty(3)),
    "sparse": lambda T: T.nn.init.sparse_(T.empty(3), 0.1),
    "older name": lambda T: T.nn.init.normal(T.empty(3)),
    "no elements": lambda T: T.nn.init.kaiming_uniform_(T.empty(0, 3)),
    "far mean": lambda T: T.nn.init.trunc_normal_(T.empty(3), 9.0),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    assert_agrees(ERRORS[case], kilnn)


def test_no_program_is_compiled(compiles):
    with compiles(exactly=0):
        net = kilnn.nn.Sequential(kilnn.nn.Linear(100, 100), kilnn.nn.BatchNorm1d(100), kilnn.nn.Embedding(50, 20))
        kilnn.nn.init.xavier_normal_(net[0].weight)
        net.load_state_dict(net.state_dict())
