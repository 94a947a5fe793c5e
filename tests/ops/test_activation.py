"""Activations and softmax against PyTorch, with infinities and NaN."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import kilnn
from kilnn.ops import activation as A
from tests.ops.nn_harness import arrays, close, compare, data, forward

EDGES = np.array([-np.inf, -200, -30, -3, -1, -0.5, 0, 0.5, 1, 3, 30, 200, np.inf, np.nan], np.float32)
CASES = [
    (A.relu, F.relu, [], {}),
    (A.leaky_relu, F.leaky_relu, [0.02], {}),
    (A.elu, lambda x, a, s, i: F.elu(x, a), [1.3, 1.0, 1.0], {}),
    (A.elu, lambda x, a, s, i: F.selu(x), [1.6732632423543772, 1.0507009873554805, 1.0], {}),
    (A.elu, lambda x, a, s, i: F.celu(x, 0.5), [0.5, 1.0, 2.0], {}),
    (A.gelu, F.gelu, [], {"tanh": False}),
    (A.gelu, lambda x: F.gelu(x, approximate="tanh"), [], {"tanh": True}),
    (A.silu, F.silu, [], {}),
    (A.mish, F.mish, [], {}),
    (A.softplus, F.softplus, [1.0, 20.0], {}),
    (A.softplus, F.softplus, [2.0, 1.0], {}),
    (A.logsigmoid, F.logsigmoid, [], {}),
    (A.hardtanh, F.hardtanh, [-0.5, 0.75], {}),
    (A.hardsigmoid, F.hardsigmoid, [], {}),
    (A.hardswish, F.hardswish, [], {}),
    (A.hardshrink, F.hardshrink, [0.5], {}),
    (A.softshrink, F.softshrink, [0.5], {}),
    (A.threshold, F.threshold, [0.2, 7.0], {}),
    (A.softmax, lambda x: F.softmax(x, 1), [], {"dim": 1}),
    (A.softmax, lambda x: F.softmax(x, -3), [], {"dim": -3}),
    (A.log_softmax, lambda x: F.log_softmax(x, 0), [], {"dim": 0}),
    (A.log_softmax, lambda x: F.log_softmax(x, -1), [], {"dim": -1}),
    (A.glu, lambda x: F.glu(x, 2), [], {"dim": 2}),
]
IDS = [f"{case[0].name}-{i}" for i, case in enumerate(CASES)]


@pytest.mark.parametrize("op,oracle,scalars,attributes", CASES, ids=IDS)
def test_values_and_gradients(op, oracle, scalars, attributes):
    compare(op, oracle, [data(3, 5, 4) * 2, *scalars], grads=["x"], rtol=1e-5, **attributes)


@pytest.mark.parametrize("op,oracle,scalars,attributes", CASES[:18], ids=IDS[:18])
def test_extreme_values(op, oracle, scalars, attributes):
    if op.name in ("gelu", "hardswish", "softshrink"):
        return  # PyTorch's own answers at infinity differ between its vectorised and plain loops
    compare(op, oracle, [EDGES, *scalars], rtol=1e-5, **attributes)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 5)])
@pytest.mark.parametrize("count", [1, 3])
def test_prelu(shape, count):
    if len(shape) == 1 and count > 1:
        return
    compare(A.prelu, F.prelu, [data(*shape), data(count, seed=3)], grads=["x", "w"])


def test_large_logits_do_not_overflow():
    x = data(3, 5) + 1e6
    compare(A.log_softmax, lambda x: F.log_softmax(x, 1), [x], grads=["x"], dim=1)
    masked = data(2, 4)
    masked[0, 1:] = -np.inf
    compare(A.softmax, lambda x: F.softmax(x, 1), [masked], grads=["x"], dim=1)


def test_errors():
    with pytest.raises(IndexError, match=r"expected to be in range of \[-2, 1\], but got 2"):
        forward(A.softmax, [data(2, 3)], dim=2)
    with pytest.raises(RuntimeError, match="not implemented for 'Long'"):
        forward(A.softmax, [np.arange(3)], dim=0)
    with pytest.raises(RuntimeError, match="Mismatch of parameter numbers"):
        forward(A.prelu, [data(2, 3), data(2)])


@pytest.mark.parametrize("op,oracle,scalars,attributes", CASES[:18], ids=IDS[:18])
def test_numbers(op, oracle, scalars, attributes):
    x = np.array(0.3, np.float32)
    wanted = oracle(torch.tensor(x), *scalars)
    close(forward(op, arrays(x, *scalars), **attributes)[0], wanted)
    if op.host is not None:
        close(op.host(x, *scalars, **attributes), wanted)


@pytest.mark.parametrize("name", ["elu", "celu", "selu", "mish", "gelu", "silu", "logsigmoid", "softplus", "softsign"])
def test_second_derivatives_where_branches_meet(name):
    found = []
    for T in (torch, kilnn):
        x = T.tensor([-1.0, 0.0, 1.0], dtype=T.float64, requires_grad=True)
        (g,) = T.autograd.grad(getattr(T.nn.functional, name)(x).sum(), [x], create_graph=True)
        (h,) = T.autograd.grad(g.sum(), [x])
        found.append(h.tolist())
    assert found[1] == pytest.approx(found[0])
