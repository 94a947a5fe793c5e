"""What is timed: sizes and data of each case.

`in_torch.build(case, T)` and `in_jax.build(case)` return a function `steps(n)` that runs n training steps and waits for
the last loss.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Steps = Callable[[int], float]
BATCHES = 8


@dataclass(frozen=True)
class Mlp:
    """Fully connected layers with ReLU, cross-entropy and Adam."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    block: int  # steps timed at a time
    target: float  # the largest allowed time relative to PyTorch eager

    def data(self) -> list[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((BATCHES, self.batch, self.sizes[0])).astype(np.float32)
        y = rng.integers(0, self.sizes[-1], (BATCHES, self.batch))
        return list(zip(x, y, strict=True))


@dataclass(frozen=True)
class Transformer:
    """Equal pre-norm blocks over token embeddings, cross-entropy and Adam."""

    name: str
    depth: int
    width: int
    heads: int
    batch: int
    length: int
    block: int
    target: float
    vocabulary: int = 128

    def data(self) -> list[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(0)
        ids = rng.integers(0, self.vocabulary, (BATCHES, self.batch, self.length + 1))
        return [(x[:, :-1], x[:, 1:]) for x in ids]


@dataclass(frozen=True)
class Lstm:
    """A language model: embedding, LSTM layers of the same width, a linear layer, cross-entropy and Adam."""

    name: str
    depth: int
    width: int
    batch: int
    length: int
    vocabulary: int
    block: int

    def data(self) -> list[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(0)
        ids = rng.integers(0, self.vocabulary, (BATCHES, self.length + 1, self.batch))
        return [(x[:-1], x[1:]) for x in ids]


CASES = {
    case.name: case
    for case in (
        Mlp("MLP 784-128-10, batch 64", (784, 128, 10), 64, block=200, target=0.75),
        Mlp("MLP 10-16-2, batch 16", (10, 16, 2), 16, block=400, target=0.6),
        Mlp("MLP 10-16-2, batch 32", (10, 16, 2), 32, block=400, target=0.6),
        Mlp("20 hidden layers of 32, batch 32", (32, *[32] * 20, 10), 32, block=80, target=0.4),
        Transformer("24 blocks of 256, batch 2x32", 24, 256, 4, 2, 32, block=3, target=1.0),
        Transformer("2 blocks of 32, batch 2x8", 2, 32, 2, 2, 8, block=20, target=1.0),
        Lstm("LSTM 2x200, batch 20x35, 10,000 words", 2, 200, 20, 35, 10_000, block=5),
        Lstm("LSTM 2x200, batch 20x35, 100 words", 2, 200, 20, 35, 100, block=5),
    )
}
