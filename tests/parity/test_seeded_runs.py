"""Whole training scripts from one seed, nothing copied: weights, data, shuffles and splits are all drawn from it."""

import itertools

import numpy as np
import pytest
import torch
import torch.utils.data

import kilnn
import kilnn.utils.data
from tests.oracle import Difference

STEPS = 20
LOSS_RTOL = 1e-4
RUNS = {}


def run(script):
    RUNS[script.__name__] = script
    return script


def train(T, model, optimizer, loss_of, loader):
    """The plain loop; epochs until enough steps are done."""
    losses = []
    while len(losses) < STEPS:
        for batch in itertools.islice(loader, STEPS - len(losses)):
            optimizer.zero_grad()
            loss = loss_of(model, *batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    return [loss.item() for loss in losses]


def batches(T, *tensors, batch_size=16):
    data = T.utils.data.TensorDataset(*tensors)
    part, _ = T.utils.data.random_split(data, [0.8, 0.2])
    return T.utils.data.DataLoader(part, batch_size=batch_size, shuffle=True, drop_last=True)


def classify(model, x, y):
    return model_loss(model(x), y)


def model_loss(logits, y):
    library = torch if isinstance(logits, torch.Tensor) else kilnn
    return library.nn.functional.cross_entropy(logits, y)


@run
def mlp(T):
    nn = T.nn
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 4))
    loader = batches(T, T.randn(100, 12), T.randint(0, 4, (100,)))
    return train(T, model, T.optim.Adam(model.parameters(), lr=0.01), classify, loader)


@run
def cnn_with_batch_norm(T):
    nn = T.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3, stride=2), nn.BatchNorm2d(6),
        nn.ReLU(), nn.Flatten(), nn.Linear(54, 3),
    )  # fmt: skip
    loader = batches(T, T.rand(40, 1, 8, 8), T.randint(3, (40,)), batch_size=8)
    return train(T, model, T.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), classify, loader)


@run
def lenet(T):
    nn = T.nn

    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 3)
            self.fc1, self.fc2 = nn.Linear(144, 24), nn.Linear(24, 10)
            self.pool = nn.MaxPool2d(2, 2)

        def forward(self, x):
            x = self.pool(T.relu(self.conv1(x)))
            x = self.pool(T.relu(self.conv2(x)))
            return self.fc2(T.relu(self.fc1(T.flatten(x, 1))))

    model = LeNet()
    loader = batches(T, T.randn(40, 1, 16, 16), T.randint(10, (40,)), batch_size=8)
    return train(T, model, T.optim.SGD(model.parameters(), lr=0.05), classify, loader)


@run
def rnn_by_hand(T):
    nn = T.nn

    class Rnn(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.cell, self.out = nn.Embedding(7, 5), nn.Linear(5 + 12, 12), nn.Linear(12, 7)

        def forward(self, text):
            h, outputs = T.zeros(text.size(0), 12), []
            for x in self.table(text).unbind(1):
                h = T.tanh(self.cell(T.cat((x, h), 1)))
                outputs.append(self.out(h))
            return T.stack(outputs, 1)

    model = Rnn()
    loader = batches(T, T.randint(7, (40, 7)), batch_size=8)
    return train(
        T, model, T.optim.RMSprop(model.parameters(), lr=0.01),
        lambda net, text: model_loss(net(text[:, :-1]).reshape(-1, 7), text[:, 1:].reshape(-1)), loader,
    )  # fmt: skip


@run
def transformer(T):
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
            self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

        def forward(self, x):
            q, k, v = (t.view(*t.shape[:2], 2, -1).transpose(1, 2) for t in self.qkv(self.norm1(x)).chunk(3, -1))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.proj(y.transpose(1, 2).reshape(x.shape))
            return x + self.mlp(self.norm2(x))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(9, 12), nn.Parameter(T.randn(6, 12) * 0.02)
            self.blocks = nn.ModuleList([Block(12) for _ in range(2)])
            self.head = nn.Linear(12, 9)
            self.apply(self.start)

        def start(self, module):
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.1)
                nn.init.zeros_(module.bias)

        def forward(self, ids):
            x = self.tokens(ids) + self.places
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    model = Model()
    loader = batches(T, T.randint(9, (30, 7)), batch_size=6)
    # the keys' bias has no gradient but rounding: a larger eps keeps Adam from making steps of it
    return train(
        T, model, T.optim.AdamW(model.parameters(), lr=3e-3, eps=1e-5),
        lambda net, ids: model_loss(net(ids[:, :-1]).view(-1, 9), ids[:, 1:].reshape(-1)), loader,
    )  # fmt: skip


@run
def gan(T):
    nn = T.nn
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 6), nn.Tanh())
    critic = nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    for p in [*generator.parameters(), *critic.parameters()]:
        nn.init.normal_(p, 0.0, 0.2)
    loss_of = nn.BCEWithLogitsLoss()
    opt_g = T.optim.Adam(generator.parameters(), lr=0.01, betas=(0.5, 0.999))
    opt_d = T.optim.Adam(critic.parameters(), lr=0.01, betas=(0.5, 0.999))
    losses = []
    for _ in range(STEPS):
        real, fake = T.empty(8, 6).uniform_(-1, 1), generator(T.randn(8, 4))
        opt_d.zero_grad()
        d_loss = loss_of(critic(real), T.ones(8, 1)) + loss_of(critic(fake.detach()), T.zeros(8, 1))
        d_loss.backward()
        opt_d.step()
        opt_g.zero_grad()
        g_loss = loss_of(critic(fake), T.ones(8, 1))
        g_loss.backward()
        opt_g.step()
        losses += [d_loss.item(), g_loss.item()]
    return losses


@run
def denoising_autoencoder(T):
    nn = T.nn
    model = nn.Sequential(nn.Linear(10, 6), nn.Sigmoid(), nn.Linear(6, 10))
    nn.init.xavier_uniform_(model[0].weight)
    nn.init.kaiming_normal_(model[2].weight)

    def loss_of(net, x):
        noisy = x * T.bernoulli(T.full_like(x, 0.8)) + 0.1 * T.randn_like(x)
        return nn.functional.mse_loss(net(noisy), x)

    return train(T, model, T.optim.SGD(model.parameters(), lr=0.2, momentum=0.5), loss_of, batches(T, T.rand(60, 10)))


@run
def text_classifier(T):
    nn = T.nn

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.head = nn.Embedding(30, 8, padding_idx=0), nn.Linear(8, 3)
            self.table.weight.data.uniform_(-0.5, 0.5)

        def forward(self, words):
            return self.head(self.table(words).mean(1))

    words, labels = T.randint(30, (60, 5)), T.multinomial(T.tensor([0.2, 0.5, 0.3]), 60, True)
    data = T.utils.data.TensorDataset(words, labels)
    sampler = T.utils.data.WeightedRandomSampler(T.rand(60), 60)
    model = Classifier()
    loader = T.utils.data.DataLoader(data, batch_size=12, sampler=sampler)
    return train(T, model, T.optim.Adam(model.parameters(), lr=0.02), classify, loader)


def from_seed(name, T, seed=0):
    T.manual_seed(seed)
    losses = RUNS[name](T)
    return losses, T.rand(3).tolist()


def compare(ours, theirs):
    (losses, after), (expected, expected_after) = ours, theirs
    scale = max(abs(x) for x in expected)
    for step, (a, b) in enumerate(zip(losses, expected, strict=True)):
        if not abs(a - b) <= LOSS_RTOL * max(abs(b), 0.1 * scale):
            raise Difference(f"loss {step}: {a}, PyTorch {b}")
    if after != expected_after:
        raise Difference("the random numbers after the run differ")


@pytest.mark.parametrize("name", RUNS)
def test_same_losses(name):
    compare(from_seed(name, kilnn), from_seed(name, torch))


@pytest.mark.parametrize("name", RUNS)
def test_the_run_trains_and_another_seed_is_noticed(name):
    result = from_seed(name, torch)
    losses = result[0]
    assert len(losses) >= STEPS and np.isfinite(losses).all() and len({round(x, 5) for x in losses}) > 10
    with pytest.raises(Difference):
        compare(from_seed(name, torch, seed=1), result)
