"""Small parameters in one flat buffer: joining them again costs nothing; their gradients are one value."""

import numpy as np
import pytest
import torch

import kilnn
from kilnn import nn
from kilnn.engine import cache
from kilnn.engine.update import TOGETHER

COUNT = 70  # more than emit.MANY


def parameters(library, shapes):
    rng = np.random.default_rng(0)
    return [library.nn.Parameter(library.tensor(rng.standard_normal(s).astype(np.float32))) for s in shapes]


def train(library, shapes, loss_of, steps=3):
    """Parameters and last gradients after a few steps."""
    params = parameters(library, shapes)
    optimizer = library.optim.Adam(params, lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(library, params).backward()
        optimizer.step()
    return [p.tolist() for p in params], [p.grad.tolist() for p in params]


def step_programs():
    found = [b for r in cache._recipes.values() for b in r.bound if b.program.step]
    return sorted(found, key=lambda b: b.program.used)


JOINED = {
    "cat": (lambda T, ps: (T.cat(ps) ** 2).sum(), [(3,)] * COUNT),
    "cat of matrices": (lambda T, ps: (T.cat(ps) ** 2).sum(), [(2, 3)] * COUNT),
    "cat of different lengths": (lambda T, ps: T.cat(ps).exp().sum(), [(1 + k % 3,) for k in range(COUNT)]),
    "stack": (lambda T, ps: T.stack(ps).prod(1).sum(), [(2,)] * COUNT),
    "stack along another dimension": (lambda T, ps: T.stack(ps, 1).cumsum(1).sum(), [(2,)] * COUNT),
    "cat the other way round": (lambda T, ps: T.cat(ps[::-1]).cumsum(0).sum(), [(3,)] * COUNT),
    "cat of a part": (lambda T, ps: T.cat(ps[1:-1]).exp().sum() + ps[0].sum() + ps[-1].sum(), [(2,)] * (COUNT + 2)),
    "cat twice": (lambda T, ps: (T.cat(ps) * T.cat(ps[1:] + ps[:1])).sum(), [(2,)] * COUNT),
    "cat and one more use": (lambda T, ps: (T.cat(ps) ** 2).sum() + ps[7].sin().sum(), [(2,)] * COUNT),
    "parameters_to_vector": (lambda T, ps: T.nn.utils.parameters_to_vector(ps).pow(2).sum(), [(3, 1)] * COUNT),
}


@pytest.mark.parametrize("name", JOINED)
def test_joined_parameters_train_as_in_pytorch(name):
    loss_of, shapes = JOINED[name]
    ours, theirs = train(kilnn, shapes, loss_of), train(torch, shapes, loss_of)
    for a, b in zip(ours[0] + ours[1], theirs[0] + theirs[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["cat", "cat of matrices", "stack"])
def test_joining_all_parameters_is_no_work(name):
    loss_of, shapes = JOINED[name]
    train(kilnn, shapes, loss_of)
    assert step_programs()[-1].program.instructions <= 8


def test_joined_parameters_are_a_copy():
    params = parameters(kilnn, [(3,)] * COUNT)
    optimizer = kilnn.optim.SGD(params, lr=0.5)
    params[0].grad = kilnn.ones(3)
    kilnn.cat(params).sum().backward()
    optimizer.step()
    with kilnn.no_grad():
        whole = kilnn.cat(params)
        before = whole.tolist()
        whole[0] += 100
        assert params[0][0].item() == pytest.approx(before[0])
        kept = kilnn.cat(params)
    (kilnn.cat(params) ** 2).sum().backward()
    optimizer.step()
    assert kept.tolist() == before
    assert params[1][0].item() != pytest.approx(before[3])


def test_a_step_returns_parameters_state_and_the_gradients_as_one():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = kilnn.optim.Adam(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        model(kilnn.ones(3, 4)).sum().backward()
        optimizer.step()
    assert len(step_programs()[-1].canonical.outputs) == 2  # weights with two moments, gradients


def test_a_large_bundle_returns_parameters_and_each_state_apart():
    model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 2))
    assert TOGETHER < sum(p.numel() for p in model.parameters())
    optimizer = kilnn.optim.Adam(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        model(kilnn.ones(3, 64)).sum().backward()
        optimizer.step()
    assert len(step_programs()[-1].canonical.outputs) == 4  # weights, two moments, gradients
