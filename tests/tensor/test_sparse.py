"""Sparse tensors beside PyTorch's."""

import pytest
import torch

import kilnn
from tests.oracle import assert_agrees, outcome

BOTH = (kilnn, torch)


def graph(T, requires_grad=False, dtype=None):
    places = T.tensor([[0, 1, 1, 0], [2, 0, 2, 2]])
    return T.sparse_coo_tensor(places, T.tensor([3.0, 4.0, 5.0, 1.0]), (2, 4), requires_grad=requires_grad, dtype=dtype)


def parts(s):
    """What a sparse tensor holds, as things that compare."""
    if not getattr(s, "is_sparse", False):
        return s
    c = s.coalesce()
    facts = [tuple(s.shape), s.sparse_dim(), s.dense_dim(), c._nnz(), s.requires_grad, str(s.layout).split(".")[-1]]
    return [c.indices(), c.values().detach(), *facts]


def dense(T, *shape):
    count = 1
    for n in shape:
        count *= n
    return (T.arange(count, dtype=T.float32) * 0.7).sin().reshape(shape)


EXPRESSIONS = {
    "itself": lambda T, s: s,
    "uncoalesced": lambda T, s: T.stack([s._values(), s._indices()[1].float()]),
    "add": lambda T, s: s + s,
    "sub": lambda T, s: s - s.t().t() * 2,
    "dense add": lambda T, s: dense(T, 2, 4) + s,
    "mul number": lambda T, s: 2 * s * 3,
    "mul dense": lambda T, s: s * dense(T, 2, 4),
    "mul sparse": lambda T, s: (s * T.sparse_coo_tensor([[0, 1], [2, 1]], [2.0, 7.0], (2, 4))).to_dense(),
    "div": lambda T, s: s / 4,
    "div tensor": lambda T, s: s / T.tensor(4.0),
    "neg": lambda T, s: -s,
    "mm": lambda T, s: s @ dense(T, 4, 3),
    "sparse.mm": lambda T, s: T.sparse.mm(s, dense(T, 4, 3)),
    "spmm": lambda T, s: T.spmm(s, dense(T, 4, 3)),
    "torch.mm": lambda T, s: T.mm(s, dense(T, 4, 3)),
    "matmul vector": lambda T, s: T.matmul(s, dense(T, 4)),
    "mv": lambda T, s: T.mv(s, dense(T, 4)),
    "dense first": lambda T, s: dense(T, 3, 2) @ s,
    "both sparse": lambda T, s: T.sparse.mm(s, s.t()),
    "addmm": lambda T, s: T.sparse.addmm(dense(T, 2, 3), s, dense(T, 4, 3), beta=0.5, alpha=2.0),
    "sum": lambda T, s: s.sum(),
    "sum rows": lambda T, s: T.sparse.sum(s, 0),
    "sum columns": lambda T, s: T.sparse.sum(s, [1]),
    "sum both": lambda T, s: T.sparse.sum(s, [0, 1]),
    "abs": lambda T, s: T.abs(-s),
    "sqrt": lambda T, s: s.sqrt(),
    "relu": lambda T, s: (-s).relu(),
    "tanh": lambda T, s: T.tanh(s),
    "double": lambda T, s: s.double(),
    "to": lambda T, s: s.to(T.float64),
    "transpose": lambda T, s: s.transpose(0, 1),
    "to_sparse": lambda T, s: s.to_dense().to_sparse(),
    "hybrid": lambda T, s: s.to_dense().to_sparse(1),
    "hybrid sum": lambda T, s: T.sparse.sum(dense(T, 3, 2, 4).to_sparse(2), [0, 2]),
    "clone": lambda T, s: s.clone().detach(),
    "size from places": lambda T, s: T.sparse_coo_tensor(s._indices(), s._values()),
    "size alone": lambda T, s: T.sparse_coo_tensor((2, 3)),
    "dtype": lambda T, s: T.sparse_coo_tensor([[0, 1]], [1, 2], dtype=T.float64, device="cpu"),
    "facts": lambda T, s: T.tensor([s.numel(), len(s), s.dim(), s.size(1), s.is_coalesced(), s.is_floating_point()]),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values(name):
    assert_agrees(lambda T: parts(EXPRESSIONS[name](T, graph(T))), kilnn)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_gradients():
    def program(T):
        w = dense(T, 4, 3).requires_grad_()
        values = T.tensor([3.0, 4.0, 5.0, 1.0], requires_grad=True)
        s = T.sparse_coo_tensor([[0, 1, 1, 0], [2, 0, 2, 2]], values, (2, 4))
        out = T.sparse.mm(s, w).sin()
        (out.sum() + (s * 2).to_dense().square().sum()).backward()
        leaf = graph(T, requires_grad=True)
        T.sparse.mm(leaf, w.detach()).square().sum().backward()
        return [out, w.grad, values.grad, leaf.grad.to_dense()]

    assert_agrees(program, kilnn)


def test_a_step_with_a_graph_compiles_once():
    net = kilnn.nn.Linear(3, 2)
    optimizer = kilnn.optim.SGD(net.parameters(), lr=0.1)
    adjacency, features = graph(kilnn).t().coalesce(), kilnn.ones(2, 3)

    def step():
        optimizer.zero_grad()
        kilnn.sparse.mm(adjacency, net(features)).square().sum().backward()
        optimizer.step()

    step()
    step()
    with kilnn.expect(compiles=0, syncs=0):
        for _ in range(3):
            step()


WRONG = {
    "values": lambda T: graph(T).values(),
    "indices": lambda T: graph(T).indices(),
    "add dense": lambda T: graph(T) + dense(T, 2, 4),
    "add sizes": lambda T: graph(T) + graph(T).t(),
    "mm sizes": lambda T: graph(T) @ dense(T, 3, 2),
    "mm dtypes": lambda T: graph(T) @ dense(T, 4, 2).double(),
    "numpy": lambda T: graph(T).numpy(),
    "exp": lambda T: T.exp(graph(T)),
    "nnz": lambda T: T.sparse_coo_tensor([[0, 1]], [1.0]),
    "outside": lambda T: T.sparse_coo_tensor([[0, 3]], [1.0, 2.0], (2,), check_invariants=True),
    "negative": lambda T: T.sparse_coo_tensor([[0, -1]], [1.0, 2.0], (2,), check_invariants=True),
    "dims": lambda T: T.sparse_coo_tensor([[0, 1]], [1.0, 2.0], (2, 2)),
    "sparse_dim": lambda T: dense(T, 2, 2).to_sparse(3),
    "div": lambda T: graph(T) / dense(T, 2, 4),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    ours, theirs = (outcome(lambda: WRONG[name](T)).error for T in BOTH)
    assert theirs is not None
    assert isinstance(ours, next(c for c in type(theirs).__mro__ if c.__module__ == "builtins")), (ours, theirs)


def test_text_and_what_is_not_there():
    s = graph(kilnn)
    assert repr(s).replace("kilnn", "torch") == repr(graph(torch))
    with pytest.raises(NotImplementedError, match=r"log_softmax|softmax"):
        kilnn.softmax(s, 1)
    with pytest.raises(NotImplementedError, match="sparse_coo"):
        kilnn.eye(2).to_sparse(layout=kilnn.strided)
    assert s.layout is kilnn.sparse_coo and not kilnn.is_tensor(s)
