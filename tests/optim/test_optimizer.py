"""Optimizers beside PyTorch's: values after several steps, one program for all of them, editable state and groups."""

import copy

import numpy as np
import pytest
import torch

import kilnn
from kilnn.engine import cache

CASES = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd momentum": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    "sgd nesterov": ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    "sgd maximize": ("SGD", {"lr": 0.1, "maximize": True}),
    "adam": ("Adam", {"lr": 0.1}),
    "adam decay": ("Adam", {"lr": 0.1, "weight_decay": 0.2, "betas": (0.7, 0.8), "eps": 1e-3}),
    "adam amsgrad": ("Adam", {"lr": 0.1, "amsgrad": True}),
    "adamw": ("AdamW", {"lr": 0.1, "weight_decay": 0.3}),
    "adamw maximize": ("AdamW", {"lr": 0.1, "maximize": True, "amsgrad": True}),
    "rmsprop": ("RMSprop", {"lr": 0.05}),
    "rmsprop centered": ("RMSprop", {"lr": 0.05, "centered": True, "momentum": 0.9, "weight_decay": 0.1}),
}
STEPS = 6


def start(T):
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(s).astype(np.float32) for s in ((3, 2), (4,), (200, 100))]
    return [T.tensor(v).requires_grad_() for v in values]


def step(optimizer, params, k):
    optimizer.zero_grad()
    sum(((p - 0.1 * k) ** 2).mean() * (i + 1) for i, p in enumerate(params)).backward()
    optimizer.step()


def near(mine, theirs, moved):
    """Within a thousandth of how far the parameter has moved."""
    pairs = [(a.detach().numpy(), b.detach().numpy()) for a, b in zip(mine, theirs, strict=True)]
    for (a, b), before in zip(pairs, moved, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert np.abs(a - b).max() <= 1e-3 * np.abs(b - before).max() + 1e-7


def run(T, name, options, change=lambda optimizer, params, k: None):
    params = start(T)
    optimizer = getattr(T.optim, name)(params, **options)
    for k in range(STEPS):
        step(optimizer, params, k)
        change(optimizer, params, k)
    return params, optimizer


@pytest.mark.parametrize("case", CASES)
def test_parameters_are_pytorchs(case):
    theirs, _ = run(torch, *CASES[case])
    mine, _ = run(kilnn, *CASES[case])
    near(mine, theirs, [p.detach().numpy() for p in start(kilnn)])


def test_the_comparison_can_fail():
    theirs, _ = run(torch, "Adam", {"lr": 0.1})
    mine, _ = run(kilnn, "Adam", {"lr": 0.1002})
    with pytest.raises(AssertionError):
        near(mine, theirs, [p.detach().numpy() for p in start(kilnn)])


@pytest.mark.parametrize("case", CASES)
def test_steps_compile_once(case):
    params = start(kilnn)
    name, options = CASES[case]
    optimizer = getattr(kilnn.optim, name)(params, **options)
    cache.clear()
    before = kilnn.stats()["step_compiles"]
    for k in range(5):
        optimizer.param_groups[0]["lr"] *= 0.9
        step(optimizer, params, k)
    assert kilnn.stats()["step_compiles"] - before == 1


@pytest.mark.parametrize("case", CASES)
def test_state_dicts_are_interchangeable(case):
    """Three steps on one library, three more on the other."""
    name, options = CASES[case]
    both = {}
    for first, second in ((torch, kilnn), (kilnn, torch)):
        params = start(first)
        optimizer = getattr(first.optim, name)(params, **options)
        for k in range(3):
            step(optimizer, params, k)
        saved = copy.deepcopy(optimizer.state_dict())
        params = [second.tensor(p.detach().numpy()).requires_grad_() for p in params]
        optimizer = getattr(second.optim, name)(params, **options)
        for entry in saved["state"].values():
            for key, value in entry.items():
                if hasattr(value, "numpy"):
                    entry[key] = second.tensor(value.numpy())
        optimizer.load_state_dict(saved)
        for k in range(3, STEPS):
            step(optimizer, params, k)
        both[second] = params
    theirs, _ = run(torch, name, options)
    moved = [p.detach().numpy() for p in start(kilnn)]
    near(both[kilnn], theirs, moved)
    near(both[torch], theirs, moved)


def assign(optimizer, params, k):
    if k == 2:
        optimizer.state[params[1]]["exp_avg"] = optimizer.state[params[1]]["exp_avg"] * 0


def replace(optimizer, params, k):
    if k == 2:
        old = optimizer.state[params[0]]
        optimizer.state[params[0]] = {key: old[key] for key in old} | {"exp_avg": old["exp_avg"] * 2}


def update(optimizer, params, k):
    if k == 2:
        state = optimizer.state[params[0]]
        state |= {"exp_avg_sq": state["exp_avg_sq"] * 4}
        optimizer.state[params[2]].update(exp_avg=optimizer.state[params[2]]["exp_avg"] * 0.5)


def drop(optimizer, params, k):
    if k == 2:
        del optimizer.state[params[1]]


def pop(optimizer, params, k):
    if k == 3:
        optimizer.state.pop(params[0])


def clear(optimizer, params, k):
    if k == 3:
        optimizer.state.clear()


def write(optimizer, params, k):
    if k == 2:
        optimizer.state[params[1]]["exp_avg"].mul_(0.25)
        with (torch if isinstance(params[0], torch.Tensor) else kilnn).no_grad():
            params[0].mul_(0.5)


@pytest.mark.parametrize("change", [assign, replace, update, drop, pop, clear, write], ids=lambda f: f.__name__)
def test_edited_state_counts_from_the_next_step_on(change):
    theirs, _ = run(torch, "Adam", {"lr": 0.1}, change)
    mine, _ = run(kilnn, "Adam", {"lr": 0.1}, change)
    near(mine, theirs, [p.detach().numpy() for p in start(kilnn)])


def test_state_is_made_at_the_first_look():
    optimizer = kilnn.optim.Adam(start(kilnn))
    first = optimizer.param_groups[0]["params"][0]
    assert dict(optimizer.state[first]) == {}
    assert optimizer.state[first].setdefault("note", 3) == 3
    assert optimizer.state[first].popitem() == ("note", 3)


def test_given_gradients_on_the_host_are_packed_there():
    """A thousand gradients that Python wrote are one leaf of the program, and `.grad` stays readable."""
    params = [kilnn.zeros(3).requires_grad_() for _ in range(1000)]
    optimizer = kilnn.optim.SGD(params, lr=1.0)
    for k in range(3):
        for i, p in enumerate(params):
            p.grad = kilnn.full((3,), float(i + k))
        optimizer.step()
    assert params[7].tolist() == [-(7 + 8 + 9)] * 3
    assert params[7].grad.tolist() == [9.0] * 3
