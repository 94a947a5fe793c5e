"""Attention against PyTorch: masks, causality, scale, all gradients; dropout against its own mask."""

import jax
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kilnn.ops.attention import attention
from kilnn.ops.random import keep_mask
from tests.ops.nn_harness import arrays, close, compare, data, forward, gradient


def qkv(lead=(2, 3), queries=5, keys=7, width=4, values=6):
    return [data(*lead, queries, width), data(*lead, keys, width, seed=1), data(*lead, keys, values, seed=2)]


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
@pytest.mark.parametrize("kind", ["none", "bool", "float", "causal"])
def test_attention(lead, kind):
    rng = np.random.default_rng(0)
    mask = {"bool": rng.random((5, 7)) < 0.6, "float": data(5, 7, seed=9)}.get(kind)
    if kind == "bool":
        mask[:, 0] = True
    causal = kind == "causal"

    def oracle(q, k, v, mask, scale, p, seed, offset):
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, scale=scale)

    compare(
        attention, oracle, [*qkv(lead), mask, 0.7, 0.0, 0, 0],
        grads=["q", "k", "v", "mask"] if kind == "float" else ["q", "k", "v"], causal=causal, dropout=False, rtol=5e-5,
    )  # fmt: skip


def test_broadcast_mask():
    mask = data(2, 1, 1, 7, seed=3)

    def oracle(q, k, v, mask, scale, *rest):
        return F.scaled_dot_product_attention(q, k, v, mask, scale=scale)

    compare(
        attention, oracle, [*qkv(), mask, 0.5, 0.0, 0, 0], grads=["q", "mask"], causal=False, dropout=False, rtol=5e-5
    )


def test_rows_without_keys_are_zero():
    mask = np.ones((5, 7), bool)
    mask[2] = False
    out, _ = forward(attention, arrays(*qkv(), mask, 0.5, 0.0, 0, 0), causal=False, dropout=False)
    assert (np.asarray(out)[..., 2, :] == 0).all()
    operands = arrays(*qkv(), mask, 0.5, 0.0, 0, 0)
    found = forward(attention, operands, causal=False, dropout=False)
    ct = data(*out.shape)
    assert np.isfinite(gradient(attention, "q", operands, found, (ct, None), causal=False, dropout=False)).all()


def test_dropout_gradient():
    q, k, v = qkv()
    operands = arrays(q, k, v, None, 0.5, 0.25, 3, 4)
    with jax.enable_x64(True):
        keep = np.asarray(keep_mask(np.int64(3), np.int64(4), np.float32(0.25), (2, 3, 5, 7)))
    tensors = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
    weights = (tensors[0] @ tensors[1].transpose(-1, -2) * 0.5).softmax(-1) * torch.tensor(keep) / 0.75
    wanted = weights @ tensors[2]
    found = forward(attention, operands, causal=False, dropout=True)
    close(found[0], wanted, rtol=5e-5)
    ct = data(*wanted.shape)
    wanted.backward(torch.tensor(ct))
    for name, t in zip("qkv", tensors, strict=True):
        close(gradient(attention, name, operands, found, (ct, None), causal=False, dropout=True), t.grad, rtol=5e-5)


def test_errors():
    q, k, v = qkv()
    with pytest.raises(RuntimeError, match="same dtype"):
        forward(attention, arrays(q, k.astype(np.float64), v, None, 1.0, 0.0, 0, 0), causal=False, dropout=False)
