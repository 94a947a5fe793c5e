"""Whole training runs on a device: PyTorch's losses, one program, everything where it belongs."""

import numpy as np
import pytest
import torch

import kilnn

BATCHES, BATCH, STEPS = 2, 16, 5


def mlp(T):
    nn = T.nn
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def cnn(T):
    nn = T.nn
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(72, 10),
    )  # fmt: skip


def attention(T):
    nn = T.nn
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.Unflatten(1, (8, 8)), layer, nn.Flatten(), nn.Linear(64, 10))


OPTIMIZERS = {
    "Adam": lambda T, ps: T.optim.Adam(ps, lr=1e-2),
    "SGD": lambda T, ps: T.optim.SGD(ps, lr=0.1, momentum=0.9),
}


def losses(T, make, optimizer, device):
    T.manual_seed(0)
    model = make(T).to(device)
    update = OPTIMIZERS[optimizer](T, model.parameters())
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCHES, BATCH, 64)).astype(np.float32)
    y = rng.integers(0, 10, (BATCHES, BATCH))
    found = []
    for step in range(STEPS):
        images, labels = T.tensor(x[step % BATCHES]).to(device), T.tensor(y[step % BATCHES]).to(device)
        update.zero_grad()
        loss = T.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        update.step()
        found.append(loss.detach())
    return model, update, found


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make", [mlp, cnn, attention])
def test_training_as_in_pytorch_with_one_program(gpu, make, optimizer):
    before = kilnn.stats()["step_compiles"]
    model, update, ours = losses(kilnn, make, optimizer, gpu)
    assert kilnn.stats()["step_compiles"] - before == 1
    _, _, theirs = losses(torch, make, optimizer, "cpu")
    np.testing.assert_allclose([x.item() for x in ours], [x.item() for x in theirs], rtol=1e-3)
    first = next(model.parameters())
    assert first.device == first.grad.device == ours[0].device == kilnn.device("cuda:0")
    assert {v.device.type for k, v in update.state[first].items() if k != "step"} == {"cuda"}


def test_a_checkpoint_goes_on_elsewhere(gpu):
    model, update, _ = losses(kilnn, mlp, "Adam", gpu)
    copy = mlp(kilnn)
    copy.load_state_dict(model.state_dict())
    there = kilnn.optim.Adam(copy.parameters(), lr=1e-2)
    there.load_state_dict(update.state_dict())
    assert next(copy.parameters()).device.type == "cpu"
    x = kilnn.ones(2, 64)
    for net, optimizer, where in ((model, update, gpu), (copy, there, "cpu")):
        optimizer.zero_grad()
        net(x.to(where)).square().sum().backward()
        optimizer.step()
    for a, b in zip(model.parameters(), copy.parameters(), strict=True):
        np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-4, atol=1e-5)


def test_labels_out_of_range_are_reported(gpu):
    with pytest.raises(IndexError, match="12"):
        kilnn.nn.functional.cross_entropy(kilnn.zeros(2, 10, device=gpu), kilnn.tensor([1, 12], device=gpu)).item()
