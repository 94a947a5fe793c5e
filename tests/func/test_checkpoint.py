"""utils.checkpoint beside PyTorch's: the same gradients, functions called twice, the same random numbers."""

import pytest
import torch

import kilnn
from tests.oracle import assert_same_tree

BOTH = [torch, kilnn]


def run(T, how):
    T.manual_seed(0)
    net = T.nn.Sequential(T.nn.Linear(4, 8), T.nn.Tanh(), T.nn.Linear(8, 4), T.nn.Tanh())
    head = T.nn.Linear(4, 1)
    scale = T.ones(4, requires_grad=True)
    x = T.linspace(-1, 1, 12).reshape(3, 4).requires_grad_()
    h = x * 2  # closed over, and no leaf
    calls = []

    def part(a, other, factor=1.0):
        calls.append(T.is_grad_enabled())
        return net(a) * scale * factor + h, other + 1, "kept"

    if how == "plain":
        first, second, word = part(x + 0, 3, factor=2.0)
    else:
        first, second, word = T.utils.checkpoint.checkpoint(part, x + 0, 3, factor=2.0, use_reentrant=False)
    loss = head(first).square().sum()
    before = len(calls)
    loss.backward()
    grads = [p.grad for p in (*net.parameters(), *head.parameters(), scale, x)]
    return loss.detach(), second, word, grads, before, len(calls)


def test_gradients_and_calls():
    theirs, ours, plain = run(torch, "again"), run(kilnn, "again"), run(kilnn, "plain")
    assert_same_tree(ours, theirs)
    assert_same_tree(list(ours[3]), [torch.tensor(g.tolist()) for g in plain[3]])
    assert ours[4:] == (1, 2)


def test_a_network_trains_in_one_program(compiles):
    kilnn.manual_seed(0)
    blocks = kilnn.nn.Sequential(*[kilnn.nn.Sequential(kilnn.nn.Linear(8, 8), kilnn.nn.ReLU()) for _ in range(4)])
    optimizer = kilnn.optim.Adam(blocks.parameters())
    x = kilnn.randn(4, 8)
    losses = []
    with compiles(step=1):
        for _ in range(4):
            optimizer.zero_grad()
            loss = kilnn.utils.checkpoint.checkpoint_sequential(blocks, 2, x, use_reentrant=False).square().sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    assert losses[-1].item() < losses[0].item()


def test_dropout_draws_the_same_both_times():
    x = kilnn.ones(50, requires_grad=True)
    after = []
    for preserve in (True, False):
        kilnn.manual_seed(3)
        x.grad = None
        out = kilnn.utils.checkpoint.checkpoint(
            lambda a: kilnn.nn.functional.dropout(a, 0.5), x, use_reentrant=False, preserve_rng_state=preserve
        )
        out.sum().backward()
        assert (x.grad == out.detach()).all().item() is preserve
        after.append(kilnn.rand(1).item())
    assert after[0] == after[1]


def test_autocast_is_the_same_both_times():
    w = kilnn.ones(2, 2, requires_grad=True)
    seen = []
    with kilnn.autocast("cpu"):
        out = kilnn.utils.checkpoint.checkpoint(
            lambda a: (seen.append((a @ a).dtype), a @ a)[1], w, use_reentrant=False
        )
    out.float().sum().backward()
    assert seen == [kilnn.bfloat16] * 2 and w.grad.dtype is kilnn.float32


def test_arguments():
    for T in BOTH:
        x = T.ones(2, requires_grad=True)
        with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
            T.utils.checkpoint.checkpoint(T.exp, x)
        with T.no_grad():
            assert not T.utils.checkpoint.checkpoint(T.exp, x, use_reentrant=False).requires_grad
        with pytest.raises(ValueError, match="Unexpected keyword arguments"):
            T.utils.checkpoint.checkpoint_sequential([T.exp], 1, x, use_reentrant=False, wrong=1)
    shapes = iter((2, 1))
    out = kilnn.utils.checkpoint.checkpoint(
        lambda a: a[: next(shapes)], kilnn.ones(2, requires_grad=True), use_reentrant=False
    )
    with pytest.raises(RuntimeError, match="different metadata"):
        out.sum().backward()
