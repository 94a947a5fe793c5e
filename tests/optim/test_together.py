"""Small bundles keep weights and states in one array: what users do to either in between is what it is in PyTorch."""

import copy
import io

import numpy as np
import pytest
import torch

import kilnn

SHAPES = ((4, 3), (4,), (2, 4))


def parameters(T):
    rng = np.random.default_rng(0)
    return [T.nn.Parameter(T.tensor(rng.standard_normal(s).astype(np.float32))) for s in SHAPES]


def step(T, params, optimizer, k):
    rng = np.random.default_rng(k)
    for p in params:
        p.grad = T.tensor(rng.standard_normal(tuple(p.shape)).astype(np.float32))
    optimizer.step()


def edit_state(T, params, optimizer):
    optimizer.state[params[1]]["exp_avg"].zero_()


def replace_state(T, params, optimizer):
    optimizer.state[params[0]]["exp_avg_sq"] = T.full(tuple(params[0].shape), 0.5)


def write_weights(T, params, optimizer):
    with T.no_grad():
        params[2].clamp_(-0.1, 0.1)


def toggle_amsgrad(T, params, optimizer):
    group = optimizer.param_groups[0]
    group["amsgrad"] = True
    for p in params:
        optimizer.state[p].setdefault("max_exp_avg_sq", T.zeros_like(p))


def miss_a_gradient(T, params, optimizer):
    params[0].grad = None
    optimizer.step()


def reload(T, params, optimizer):
    saved = copy.deepcopy(optimizer.state_dict())
    step(T, params, optimizer, 77)
    optimizer.load_state_dict(saved)


def move_storage(T, params, optimizer):
    params[1].data = params[1].data.clone()


def add_a_group(T, params, optimizer):
    params.append(T.nn.Parameter(T.ones(3)))
    optimizer.add_param_group({"params": [params[-1]], "lr": 0.5})


EDITS = [
    edit_state, replace_state, write_weights, toggle_amsgrad, miss_a_gradient, reload, move_storage, add_a_group,
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("after", [0, 1, 3])
def test_edits_between_steps_are_pytorchs(edit, after):
    if after == 0 and edit in (edit_state, replace_state, toggle_amsgrad):
        after = 2  # there is no state before the first step
    results = []
    for T in (torch, kilnn):
        params = parameters(T)
        optimizer = T.optim.Adam(params, lr=0.05)
        for k in range(after):
            step(T, params, optimizer, k)
        edit(T, params, optimizer)
        for k in range(after, after + 3):
            step(T, params, optimizer, k)
        state = [optimizer.state[p][name] for p in params for name in ("exp_avg", "exp_avg_sq")]
        results.append([t.detach().numpy().copy() for t in (*params, *state)])
    for mine, theirs in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=1e-6)


def test_there_is_no_state_before_the_first_step():
    params = parameters(kilnn)
    optimizer = kilnn.optim.Adam(params)
    assert len(optimizer.state) == 0 and optimizer.state_dict()["state"] == {}
    step(kilnn, params, optimizer, 0)
    assert set(optimizer.state[params[0]]) == {"step", "exp_avg", "exp_avg_sq"}


def test_a_momentum_that_comes_later():
    results = []
    for T in (torch, kilnn):
        params = parameters(T)
        optimizer = T.optim.SGD(params, lr=0.1)
        for k in range(6):
            optimizer.param_groups[0]["momentum"] = 0.9 if 2 <= k < 5 else 0
            step(T, params, optimizer, k)
        results.append([p.detach().numpy() for p in params])
    for mine, theirs in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_saving_keeps_nothing_of_the_array():
    params = parameters(kilnn)
    optimizer = kilnn.optim.Adam(params)
    step(kilnn, params, optimizer, 0)
    weights = [p.detach().clone() for p in params]
    file = io.BytesIO()
    kilnn.save(optimizer.state_dict(), file)
    step(kilnn, params, optimizer, 1)
    file.seek(0)
    saved = kilnn.load(file)
    assert [tuple(v["exp_avg"].shape) for v in saved["state"].values()] == list(SHAPES)
    assert not any(kilnn.equal(p, w) for p, w in zip(params, weights, strict=True))
