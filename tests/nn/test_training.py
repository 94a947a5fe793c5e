"""Small networks trained beside PyTorch: losses, parameters, buffers, and one step program each."""

import numpy as np
import pytest
import torch

import kilnn
from tests.oracle import assert_same


def images(T, rng):
    return T.tensor(rng.standard_normal((8, 1, 8, 8)).astype(np.float32)), T.tensor(rng.integers(0, 4, 8))


def tokens(T, rng):
    return T.tensor(rng.integers(0, 11, (4, 6))), T.tensor(rng.integers(0, 11, (4, 6)))


def cnn(T):
    nn = T.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.GroupNorm(2, 6), nn.SiLU(), nn.Conv2d(6, 8, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


def transformer(T):
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            b, t, w = x.shape
            q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(b, t, w))
            return x + self.mlp(self.norm2(x))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(11, 12)
            self.place = nn.Parameter(T.zeros(6, 12))
            self.blocks = nn.ModuleList(Block(12, 3) for _ in range(2))
            self.norm = nn.RMSNorm(12)
            self.head = nn.Linear(12, 11, bias=False)
            self.head.weight = self.embed.weight  # tied

        def forward(self, x):
            h = self.embed(x) + self.place
            for block in self.blocks:
                h = block(h)
            return self.head(self.norm(h)).transpose(1, 2)  # (B, classes, T)

    return Model()


def recurrent(T):
    nn = T.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(11, 5, padding_idx=0)
            self.lstm, self.gru = nn.LSTMCell(5, 7), nn.GRUCell(7, 6)
            self.head = nn.Linear(6, 11)

        def forward(self, x):
            state, h, out = None, None, []
            for t in range(x.shape[1]):
                state = self.lstm(self.embed(x[:, t]), state)
                h = self.gru(state[0], h)
                out.append(self.head(h))
            return T.stack(out, 2)

    return Model()


@pytest.mark.parametrize("model,batch", [(cnn, images), (transformer, tokens), (recurrent, tokens)])
@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_training(model, batch, name, compiles):
    found = []
    for T in (kilnn, torch):
        T.manual_seed(4)
        net = model(T)
        options = {"momentum": 0.9, "weight_decay": 1e-3, "lr": 0.05} if name == "SGD" else {"lr": 3e-3}
        optimizer = getattr(T.optim, name)(net.parameters(), **options)
        scheduler = T.optim.lr_scheduler.CosineAnnealingLR(optimizer, 8)
        rng = np.random.default_rng(0)
        losses = []

        def run(T=T, net=net, optimizer=optimizer, scheduler=scheduler, rng=rng, losses=losses):
            for _ in range(8):
                x, y = batch(T, rng)
                optimizer.zero_grad()
                loss = T.nn.functional.cross_entropy(net(x), y, label_smoothing=0.05)
                loss.backward()
                T.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                losses.append(loss.item())

        if T is kilnn:
            with compiles(step=1):
                run()
        else:
            run()
        net.eval()
        with T.no_grad():
            answer = net(batch(T, rng)[0])
        found.append((losses, net.state_dict(), answer))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=2e-4)
    assert list(found[0][1]) == list(found[1][1])
    for key in found[0][1]:
        assert_same(found[0][1][key], found[1][1][key], rtol=5e-3, atol=2e-3, what=key)
    assert_same(found[0][2], found[1][2], rtol=5e-3, atol=5e-3)
