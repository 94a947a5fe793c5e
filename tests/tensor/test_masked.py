"""Masked tensors beside PyTorch's."""

import pytest
import torch

import kilnn
from tests.oracle import assert_agrees

BOTH = (kilnn, torch)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def operands(T):
    x = T.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    return x, T.tensor([[True, False, True], [False, False, True]])


def parts(m):
    """What is there, 0 elsewhere, and the mask."""
    if not hasattr(m, "get_mask"):
        return m
    mask = m.get_mask()
    data = m.get_data().detach()
    return [data.masked_fill(~mask, 0), mask, str(m.dtype).split(".")[-1], tuple(m.shape)]


EXPRESSIONS = {
    "add": lambda T, m, x: m + m,
    "add dense": lambda T, m, x: m + x,
    "dense add": lambda T, m, x: x + m,
    "number": lambda T, m, x: 2 * m - 1,
    "div": lambda T, m, x: m / 2,
    "pow": lambda T, m, x: m**2,
    "neg": lambda T, m, x: -m,
    "abs": lambda T, m, x: abs(m),
    "exp": lambda T, m, x: T.exp(m),
    "sin": lambda T, m, x: m.sin(),
    "sqrt": lambda T, m, x: m.sqrt(),
    "eq": lambda T, m, x: m == m,
    "logaddexp": lambda T, m, x: m.logaddexp(m),
    "index": lambda T, m, x: m[0],
    "view": lambda T, m, x: m.view(6),
    "reshape": lambda T, m, x: m.reshape(3, 2),
    "t": lambda T, m, x: m.t(),
    "sum": lambda T, m, x: m.sum(),
    "sum 1": lambda T, m, x: m.sum(1),
    "mean 0": lambda T, m, x: m.mean(0),
    "prod": lambda T, m, x: m.prod(1),
    "amax": lambda T, m, x: m.amax(1),
    "amin": lambda T, m, x: m.amin(),
    "std": lambda T, m, x: m[:1].std(1),
    "softmax": lambda T, m, x: m.softmax(0),
    "double": lambda T, m, x: m.to(T.float64).sum(),
    "to_tensor": lambda T, m, x: m.detach().to_tensor(9.0),
    "masked.sum": lambda T, m, x: T.masked.sum(x, 1, mask=m.get_mask()),
    "masked.mean": lambda T, m, x: T.masked.mean(x, 0, keepdim=True, mask=m.get_mask()),
    "masked.amax": lambda T, m, x: T.masked.amax(x, 1, mask=m.get_mask()),
    "masked.softmax": lambda T, m, x: T.masked.softmax(x, 1, mask=m.get_mask()),
    "masked.prod": lambda T, m, x: T.masked.prod(x, 0, mask=m.get_mask()),
    "is": lambda T, m, x: [T.masked.is_masked_tensor(m), T.masked.is_masked_tensor(x), m.dim(), m.size(1), len(m)],
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_values(name):
    def program(T):
        x, mask = operands(T)
        return parts(EXPRESSIONS[name](T, T.masked.masked_tensor(x, mask), x))

    assert_agrees(program, kilnn)


def test_gradients():
    def program(T):
        x, mask = operands(T)
        m = T.masked.masked_tensor(x, mask, requires_grad=True)
        (m.exp() * 2).sum().backward()
        n = T.masked.masked_tensor(x, mask, requires_grad=True)
        n.mean(1).sum().backward()
        return [parts(m.grad), parts(n.grad)]

    assert_agrees(program, kilnn)
    # What is not there must not come back as 0 * inf.
    x = kilnn.tensor([0.0, 4.0], requires_grad=True)
    m = kilnn.masked.as_masked_tensor(x * 1, kilnn.tensor([False, True]))
    m.sqrt().sum().backward()
    assert x.grad.tolist() == [0.0, 0.25]


def test_text():
    for values, mask in (
        ([[1.0, -2.5], [3.0, 4.0]], [[True, False], [False, True]]),
        ([1, 2], [True, False]),
        (2.0, True),
    ):
        ours, theirs = (repr(T.masked.masked_tensor(T.tensor(values), T.tensor(mask))) for T in BOTH)
        assert ours == theirs


@pytest.mark.parametrize("T", BOTH)
def test_errors(T):
    x, mask = operands(T)
    with pytest.raises(TypeError, match="bool"):
        T.masked.masked_tensor(x, mask.float())
    with pytest.raises(ValueError):
        T.masked.masked_tensor(x, mask[0])
    with pytest.raises(ValueError, match="Input masks must match"):
        T.masked.masked_tensor(x, mask) + T.masked.masked_tensor(x, ~mask)


def test_what_is_not_there():
    x, mask = operands(kilnn)
    with pytest.raises(NotImplementedError, match="to_tensor"):
        kilnn.mm(kilnn.masked.masked_tensor(x, mask), x.t())
    with pytest.raises(TypeError):
        kilnn.masked.masked_tensor([1.0], mask)
