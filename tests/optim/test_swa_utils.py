"""Averaged models, their batch statistics and their learning rate beside PyTorch's."""

import copy

import numpy as np
import pytest
import torch

import kilnn

AVERAGES = {
    "mean": lambda swa: {},
    "mean of lists": lambda swa: {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
    "mean of each": lambda swa: {"avg_fn": swa.get_swa_avg_fn()},
    "moving": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.7)},
    "moving each": lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.7)},
    "buffers too": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.7), "use_buffers": True},
    "own": lambda swa: {"avg_fn": lambda average, value, n: average * 0.5 + value * (n + 1) * 0.1},
}


def network(T):
    rng = np.random.default_rng(0)
    model = T.nn.Sequential(T.nn.Linear(3, 4), T.nn.BatchNorm1d(4), T.nn.ReLU(), T.nn.Linear(4, 1))
    with T.no_grad():
        for p in model.parameters():
            p.copy_(T.tensor(rng.standard_normal(tuple(p.shape)).astype(np.float32)))
    batches = [T.tensor(rng.standard_normal((8, 3)).astype(np.float32)) for _ in range(6)]
    return model, batches, T.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)


def train(T, average, batches, model, optimizer, after=lambda k: None):
    for k, x in enumerate(batches):
        optimizer.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()
        average.update_parameters(model)
        after(k)


@pytest.mark.parametrize("case", AVERAGES)
def test_averages(case):
    results = []
    for T in (torch, kilnn):
        model, batches, optimizer = network(T)
        average = T.optim.swa_utils.AveragedModel(model, **AVERAGES[case](T.optim.swa_utils))
        train(T, average, batches, model, optimizer)
        results.append({k: v.numpy().copy() for k, v in average.state_dict().items()})
        assert average(batches[0]).shape == (8, 1)
    assert list(results[0]) == list(results[1]) and results[1]["n_averaged"] == 6
    for name, wanted in results[0].items():
        assert results[1][name].dtype == wanted.dtype
        np.testing.assert_allclose(results[1][name], wanted, rtol=1e-4, atol=1e-5)


def test_an_average_beside_training_compiles_nothing_more():
    model, batches, optimizer = network(kilnn)
    average = kilnn.optim.swa_utils.AveragedModel(model, multi_avg_fn=kilnn.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    train(kilnn, average, batches, model, optimizer)
    before = copy.deepcopy(average.module[0].weight.tolist())
    with kilnn.expect(compiles=0):
        train(kilnn, average, batches, model, optimizer)
    assert average.module[0].weight.tolist() != before  # and the model's donated buffers left the average alone


def test_update_bn():
    results = []
    for T in (torch, kilnn):
        model, batches, _ = network(T)
        model.eval()
        T.optim.swa_utils.update_bn([(x, None) for x in batches], model)
        assert not model.training and model[1].momentum == 0.1
        results.append([model[1].running_mean.numpy().copy(), model[1].running_var.numpy().copy()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5)
    kilnn.optim.swa_utils.update_bn(None, kilnn.nn.Linear(1, 1))  # nothing to do, nothing read


@pytest.mark.parametrize("epochs", [0, 1, 7])
@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_rates_are_equal(strategy, epochs):
    made = []
    for T in (torch, kilnn):
        w = [T.zeros(2, requires_grad=True), T.zeros(2, requires_grad=True)]
        optimizer = T.optim.SGD([{"params": w[:1]}, {"params": w[1:], "lr": 0.3}], lr=0.1)
        other = T.optim.lr_scheduler.ExponentialLR(optimizer, 0.97)
        swa = T.optim.swa_utils.SWALR(optimizer, [0.05, 0.5], anneal_epochs=epochs, anneal_strategy=strategy)
        made.append((optimizer, other, swa))
    for k in range(50):
        if k == 20:
            optimizer, other, swa = made[1]
            saved = copy.deepcopy(swa.state_dict())
            assert saved == made[0][2].state_dict()
            swa = kilnn.optim.swa_utils.SWALR.__new__(kilnn.optim.swa_utils.SWALR)
            swa.optimizer = optimizer
            swa.load_state_dict(saved)
            made[1] = optimizer, other, swa
        for optimizer, other, swa in made:
            optimizer.step()
            (other if k < 5 else swa).step()
        assert made[0][2].get_last_lr() == made[1][2].get_last_lr()
        assert [g["lr"] for g in made[0][0].param_groups] == [g["lr"] for g in made[1][0].param_groups]


def test_errors():
    swa = kilnn.optim.swa_utils
    model, _, optimizer = network(kilnn)
    with pytest.raises(AssertionError, match="Only one"):
        swa.AveragedModel(model, avg_fn=swa.get_swa_avg_fn(), multi_avg_fn=swa.get_swa_multi_avg_fn())
    with pytest.raises(ValueError, match="decay"):
        swa.get_ema_multi_avg_fn(1.5)
    for wrong in ({"anneal_strategy": "sin"}, {"anneal_epochs": -1}, {"anneal_epochs": 1.5}, {"swa_lr": [1, 2]}):
        with pytest.raises(ValueError):
            swa.SWALR(optimizer, **({"swa_lr": 0.1} | wrong))
