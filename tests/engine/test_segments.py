"""Deep networks of equal blocks: one executable for each distinct block, the same numbers as one whole program."""

import numpy as np
import pytest

import kilnn as T
from kilnn.engine import cache, segments
from kilnn.nn import functional as F

DEPTH, WIDTH = 10, 512


def losses(steps=4):
    T.manual_seed(0)
    cache.clear()
    blocks = T.nn.ModuleList([T.nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)])
    optimizer = T.optim.Adam(blocks.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)
    x = T.tensor(rng.standard_normal((32, WIDTH)).astype(np.float32))
    y = T.tensor(rng.integers(0, WIDTH, 32))
    got = []
    for _ in range(steps):
        optimizer.zero_grad()
        h = x
        for block in blocks:
            h = h + T.relu(block(h))
        loss = F.cross_entropy(h, y)
        loss.backward()
        optimizer.step()
        got.append(loss.item())
    return got


def test_equal_blocks_share_executables_and_give_the_same_numbers(monkeypatch, compiles):
    before = T.stats()["segments"]
    with compiles(step=1):
        in_segments = losses()
    made = T.stats()["segments"] - before
    assert 0 < made < DEPTH, "the blocks were not cut out, or did not share executables"
    monkeypatch.setattr(segments, "find", lambda canonical: None)
    whole = losses()
    assert T.stats()["segments"] - before == made
    np.testing.assert_allclose(in_segments, whole, rtol=2e-5)


def test_a_wrong_label_leaves_a_segmented_model_as_it_was():
    T.manual_seed(0)
    blocks = T.nn.Sequential(*[T.nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)])
    optimizer = T.optim.SGD(blocks.parameters(), lr=0.1)
    x = T.tensor(np.ones((4, WIDTH), np.float32))
    weights = [p.detach().numpy() for p in blocks.parameters()]
    labels = (blocks[0].weight.detach()[:4, 0] * 0 + 1000).long()  # known only when the program runs
    F.cross_entropy(blocks(x), labels).backward()
    optimizer.step()
    with pytest.raises(IndexError, match="out of bounds"):
        T.synchronize()
    for p, before in zip(blocks.parameters(), weights, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), before)


def test_small_blocks_stay_in_one_program():
    layers = T.nn.Sequential(*[T.nn.Linear(8, 8) for _ in range(12)])
    optimizer = T.optim.SGD(layers.parameters(), lr=0.1)
    before = T.stats()["segments"]
    layers(T.ones(2, 8)).sum().backward()
    optimizer.step()
    assert T.stats()["segments"] == before
