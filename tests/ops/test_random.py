"""Counter-based random numbers: statistics, independence of keys, and the dropout mask in both directions."""

import functools

import jax
import numpy as np
import pytest

from kilnn.ops import random as R
from tests.ops.nn_harness import arrays, data, forward, gradient

N = 1 << 18


@functools.partial(jax.jit, static_argnums=2)
def draw(seed, offset, n):
    return R.bits(seed, offset, (n,))


def words(seed, offset, n=N):
    with jax.enable_x64(True):
        return np.asarray(draw(np.int64(seed), np.int64(offset), n))


def z_score(values, mean, deviation):
    return (values.mean() - mean) / (deviation / np.sqrt(values.size))


@pytest.mark.parametrize("seed,offset", [(0, 0), (1, 0), (0, 1), (2**40, 7), (-5, 3)])
def test_bits_look_uniform(seed, offset):
    w = words(seed, offset)
    for bit in range(32):
        assert abs(z_score((w >> bit) & 1, 0.5, 0.5)) < 5
    counts = np.bincount(w >> 24, minlength=256)
    assert ((counts - N / 256) ** 2 / (N / 256)).sum() < 255 + 6 * np.sqrt(2 * 255)
    u = w / 2**32
    for lag in (1, 2, 7, 64):
        assert abs(z_score((u[lag:] - 0.5) * (u[:-lag] - 0.5), 0, 1 / 12)) < 5


def test_neighbouring_keys_are_unrelated():
    base = words(0, 0) / 2**32 - 0.5
    for seed, offset in [(0, 1), (1, 0), (1, 1), (2**32, 0), (0, 2**32)]:
        other = words(seed, offset) / 2**32 - 0.5
        for shift in (0, 1, -1, 5):
            assert abs(z_score(base * np.roll(other, shift), 0, 1 / 12)) < 5


def test_keys_do_not_collide():
    keys = {tuple(words(seed, offset, 2)) for seed in range(30) for offset in range(30)}
    assert len(keys) == 900


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("channels", [False, True])
def test_dropout(p, channels):
    x = abs(data(64, 64, 4, 4)) + 1
    operands = arrays(x, p, 1, 2)
    out = np.asarray(forward(R.dropout, operands, channels=channels)[0])
    kept = out != 0
    np.testing.assert_allclose(out[kept], (x / np.float32(1 - p))[kept], rtol=1e-6)
    drawn = kept[:, :, 0, 0] if channels else kept
    assert abs(z_score(drawn, 1 - p, np.sqrt(p * (1 - p)))) < 5
    if channels:
        assert (kept == kept[:, :, :1, :1]).all()
    ct = np.ones_like(x)
    found = gradient(R.dropout, "x", operands, [out], (ct,), channels=channels)
    np.testing.assert_array_equal(found != 0, kept)


def test_samplers():
    u = np.asarray(forward(R.uniform, arrays(1, 2), shape=(N,), dtype=np.dtype("float32"))[0])
    assert u.dtype == np.float32 and 0 <= u.min() and u.max() < 1 and abs(z_score(u, 0.5, 12**-0.5)) < 5
    n = np.asarray(forward(R.normal, arrays(1, 2), shape=(N,), dtype=np.dtype("float32"))[0])
    assert abs(z_score(n, 0, 1)) < 5 and abs(z_score(n**2, 1, 2**0.5)) < 5 and abs(z_score(n**4, 3, 96**0.5)) < 5
    e = np.asarray(forward(R.exponential, arrays(1, 2), shape=(N,), dtype=np.dtype("float64"))[0])
    assert e.dtype == np.float64 and abs(z_score(e, 1, 1)) < 5


def test_bernoulli():
    p, drawn = np.float32([0, 0.3, 0.3, 1]), np.float32([0, 0.25, 0.3, 0.99])
    tossed = forward(R.bernoulli, arrays(p, drawn), dtype=np.dtype(np.int64))[0]
    assert np.asarray(tossed).tolist() == [0, 1, 0, 1]
    assert R.bernoulli.host(p, drawn, dtype=np.dtype(np.int64)).tolist() == [0, 1, 0, 1]
    bad, _ = R.bernoulli.checker.fn(np.float32([0, 1, -0.1, 1.1, np.nan]))
    assert bad.tolist() == [False, False, True, True, True]
