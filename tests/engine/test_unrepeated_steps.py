"""Loops whose steps are never alike (teacher forcing token by token, random depth) are not compiled step after step."""

import numpy as np
import torch

import kilnn
from kilnn.engine.execute import NEW_STEPS

OPERATIONS = ("tanh", "sigmoid", "relu", "sin", "cos")


def train(T, plans):
    """One step for each plan: the operations between two layers."""
    rng = np.random.default_rng(0)
    w1, w2 = (T.tensor(rng.standard_normal(s).astype(np.float32)).requires_grad_() for s in ((4, 8), (8, 1)))
    optimizer = T.optim.Adam([w1, w2], lr=1e-2)
    losses = []
    for plan in plans:
        x = T.tensor(rng.standard_normal((5, 4)).astype(np.float32))
        optimizer.zero_grad()
        h = x @ w1
        for name in plan:
            h = getattr(h, name)()
        loss = ((h @ w2) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def different(n, seed):
    rng = np.random.default_rng(seed)
    return [tuple(rng.choice(OPERATIONS, 12)) for _ in range(n)]


def test_different_steps_stop_compiling_and_compute_the_same(capsys):
    plans = different(NEW_STEPS + 12, seed=1)
    before = kilnn.stats()["step_compiles"]
    losses = train(kilnn, plans)
    assert kilnn.stats()["step_compiles"] - before == NEW_STEPS
    np.testing.assert_allclose(losses, train(torch, plans), rtol=1e-4)
    said = capsys.readouterr().err
    assert said.count("were all different") == 1


def test_a_step_that_comes_again_is_compiled():
    once, again = different(NEW_STEPS + 4, seed=2), different(1, seed=3)
    before = kilnn.stats()["step_compiles"]
    train(kilnn, [*once, *again * 3])
    assert kilnn.stats()["step_compiles"] - before == NEW_STEPS + 1


def test_known_steps_between_start_the_count_anew():
    known = different(1, seed=4)
    plans = [plan for other in different(2 * NEW_STEPS, seed=5) for plan in (other, *known)]
    before = kilnn.stats()["step_compiles"]
    train(kilnn, plans)
    assert kilnn.stats()["step_compiles"] - before == 2 * NEW_STEPS + 1


def test_steps_at_new_shapes_are_compiled_for_longer():
    w = kilnn.ones(4, requires_grad=True)
    optimizer = kilnn.optim.SGD([w], lr=0.1)
    before = kilnn.stats()["step_compiles"]
    for rows in range(NEW_STEPS + 4):
        optimizer.zero_grad()
        (kilnn.ones(rows + 31, 4).cumsum(0) * w).tanh().mean().backward()
        optimizer.step()
    assert kilnn.stats()["step_compiles"] - before == NEW_STEPS + 4
