"""The cases written with PyTorch's API: the same code runs on kilnn and on PyTorch."""

import math
from typing import Any

from benchmarks.cases import BATCHES, Lstm, Mlp, Steps, Transformer


def mlp(case: Mlp, T: Any) -> Steps:
    nn, F = T.nn, T.nn.functional
    layers: list[Any] = []
    for a, b in zip(case.sizes[:-1], case.sizes[1:], strict=True):
        layers += [nn.Linear(a, b), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = T.optim.Adam(model.parameters(), lr=1e-3)
    data = [(T.tensor(x), T.tensor(y)) for x, y in case.data()]

    def steps(n: int) -> float:
        for i in range(n):
            x, y = data[i % BATCHES]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        return loss.item()

    return steps


def transformer(case: Transformer, T: Any) -> Steps:
    nn, F = T.nn, T.nn.functional
    width, heads, length = case.width, case.heads, case.length

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.register_buffer("future", T.triu(T.ones(length, length), diagonal=1).bool())

        def forward(self, x):
            b, t, d = x.shape
            q, k, v = self.qkv(self.norm1(x)).split(d, dim=2)
            q = q.view(b, t, heads, d // heads).transpose(1, 2)
            k = k.view(b, t, heads, d // heads).transpose(1, 2)
            v = v.view(b, t, heads, d // heads).transpose(1, 2)
            scores = (q @ k.transpose(-2, -1)) / math.sqrt(d // heads)
            scores = scores.masked_fill(self.future, float("-inf"))
            y = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(b, t, d)
            x = x + self.proj(y)
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class Model(nn.Module):
        def __init__(self, depth, vocabulary):
            super().__init__()
            self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
            self.blocks = nn.ModuleList([Block() for _ in range(depth)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

        def forward(self, ids):
            x = self.tokens(ids) + self.places(T.arange(ids.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    model = Model(case.depth, case.vocabulary)
    optimizer = T.optim.Adam(model.parameters(), lr=1e-4)
    data = [(T.tensor(x), T.tensor(y)) for x, y in case.data()]

    def steps(n: int) -> float:
        for i in range(n):
            x, y = data[i % BATCHES]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x).view(-1, case.vocabulary), y.reshape(-1))
            loss.backward()
            optimizer.step()
        return loss.item()

    return steps


def lstm(case: Lstm, T: Any) -> Steps:
    nn, F = T.nn, T.nn.functional

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(case.vocabulary, case.width)
            self.lstm = nn.LSTM(case.width, case.width, case.depth)
            self.head = nn.Linear(case.width, case.vocabulary)

        def forward(self, ids):
            return self.head(self.lstm(self.words(ids))[0])

    model = Model()
    optimizer = T.optim.Adam(model.parameters(), lr=1e-3)
    data = [(T.tensor(x), T.tensor(y)) for x, y in case.data()]

    def steps(n: int) -> float:
        for i in range(n):
            x, y = data[i % BATCHES]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x).view(-1, case.vocabulary), y.reshape(-1))
            loss.backward()
            optimizer.step()
        return loss.item()

    return steps


BUILDERS: dict[type, Any] = {Mlp: mlp, Transformer: transformer, Lstm: lstm}


def build(case: Any, T: Any) -> Steps:
    return BUILDERS[type(case)](case, T)
