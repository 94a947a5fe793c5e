"""Attention modules and transformers beside PyTorch: masks, gradients, initial weights, dropout, programs, errors."""

import numpy as np
import pytest
import torch

import kilnn
from tests.nn.modules import data
from tests.oracle import Difference, assert_agrees, assert_same_tree

# PyTorch only: hints that its fast path is not taken.
pytestmark = [
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
    pytest.mark.filterwarnings("ignore:Support for mismatched"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage"),
]


def padding(T, batch, length, *short):
    """A key_padding_mask: sequence k has `short[k]` keys."""
    return T.arange(length).expand(batch, length) >= T.tensor(short)[:, None]


def attention(T, *arguments, **named):
    T.manual_seed(2)
    return T.nn.MultiheadAttention(*arguments, **named)


def total(T, *tensors):
    return sum((t * data(T, *t.shape, seed=k + 5, grad=False) + 0.2 * t * t).sum() for k, t in enumerate(tensors))


def test_multihead_attention():
    def program(T):
        module = attention(T, 6, 2)
        x, memory, values = data(T, 4, 2, 6), data(T, 5, 2, 6), data(T, 5, 2, 6, seed=1)
        keys = padding(T, 2, 5, 5, 3)
        float_mask = data(T, 4, 5, seed=3)
        seen = T.tensor(np.random.default_rng(0).random((4, 4, 5)) < 0.3)
        seen[..., 0] = False
        outs = [
            module(x, x, x),
            module(x, memory, memory, key_padding_mask=keys, average_attn_weights=False),
            module(x, memory, values, key_padding_mask=keys, attn_mask=float_mask),
            module(x, memory, memory, attn_mask=seen, need_weights=False),
            module(x, memory, memory, keys, False, float_mask),
        ]
        total(T, *[t for pair in outs for t in pair if t is not None]).backward()
        return (
            outs,
            [t.grad for t in (x, memory, values, float_mask)],
            [(n, p.grad) for n, p in module.named_parameters()],
        )

    assert_agrees(program, kilnn, rtol=1e-4, atol=2e-5)


def test_multihead_attention_with_extra_keys_and_batch_first():
    def program(T):
        module = attention(T, 6, 3, add_bias_kv=True, add_zero_attn=True, batch_first=True, bias=False)
        x = data(T, 2, 4, 6)
        causal = T.nn.Transformer.generate_square_subsequent_mask(4)
        outs = [
            module(x, x, x, key_padding_mask=padding(T, 2, 4, 4, 2), attn_mask=causal, need_weights=n)
            for n in (True, False)
        ]
        total(T, *[t for pair in outs for t in pair if t is not None]).backward()
        lone = x.detach()[0]
        return outs, module(lone, lone, lone), x.grad, [p.grad for p in module.parameters()]

    assert_agrees(program, kilnn, rtol=1e-4, atol=2e-5)


def test_the_causal_hint_and_rows_without_keys():
    def program(T):
        module = attention(T, 4, 2)
        x = data(T, 3, 2, 4)
        causal = T.nn.Transformer.generate_square_subsequent_mask(3)
        hinted = module(x, x, x, attn_mask=causal, is_causal=True, need_weights=False)[0]
        weighted = module(x, x, x, attn_mask=causal, is_causal=True)
        nothing = T.ones(2, 3, dtype=T.bool)
        return hinted, weighted, module(x, x, x, nothing, False)[0], module(x, x, x, nothing)

    assert_agrees(program, kilnn, rtol=1e-4, atol=2e-5)


def test_static_keys_and_values():
    def program(T):
        x, w = data(T, 3, 2, 4), data(T, 12, 4)
        k, v = data(T, 4, 5, 2), data(T, 4, 5, 2, seed=1)
        out, weights = T.nn.functional.multi_head_attention_forward(
            x, x, x, 4, 2, w, None, None, None, True, 0.0, T.eye(4), None, static_k=k, static_v=v
        )
        total(T, out).backward()
        return out, weights, x.grad, w.grad, k.grad, v.grad

    assert_agrees(program, kilnn, rtol=1e-4, atol=2e-5)


def test_scaled_dot_product_attention():
    def program(T):
        F = T.nn.functional
        q, k, v = data(T, 2, 4, 3, 5), data(T, 2, 2, 6, 5), data(T, 2, 2, 6, 7)
        lone = data(T, 3, 5)
        bias = data(T, 1, 1, 6)
        outs = [
            F.scaled_dot_product_attention(q, k, v, enable_gqa=True, scale=0.3, attn_mask=bias),
            F.scaled_dot_product_attention(q, q, q, is_causal=True),
            F.scaled_dot_product_attention(lone, lone, lone, attn_mask=T.eye(3, dtype=T.bool)),
            F.scaled_dot_product_attention(q, k[:, :1], v[:, :1]),
        ]
        total(T, *outs).backward()
        return outs, [t.grad for t in (q, k, v, lone, bias)]

    assert_agrees(program, kilnn, rtol=1e-4, atol=2e-5)


def test_choosing_a_kernel_changes_nothing():
    from kilnn.nn.attention import SDPBackend, sdpa_kernel  # noqa: PLC0415  # as users write it

    q = data(kilnn, 2, 3, 4)
    wanted = kilnn.nn.functional.scaled_dot_product_attention(q, q, q)
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH], set_priority=True):
        assert (kilnn.nn.functional.scaled_dot_product_attention(q, q, q) == wanted).all()
    assert {b.name: int(b) for b in SDPBackend} == {
        name: int(b) for name, b in torch.nn.attention.SDPBackend.__members__.items()
    }
    with pytest.raises(AssertionError, match="must be an SDPBackend"), sdpa_kernel("math"):
        pass


def transformer(T, **arguments):
    T.manual_seed(6)
    settings = {"dropout": 0.0, "dim_feedforward": 6} | arguments
    return T.nn.Transformer(4, 2, 2, 2, **settings)


@pytest.mark.parametrize("arguments", [{"activation": "gelu"}, {"norm_first": True, "batch_first": True}], ids=str)
def test_transformer_with_all_masks(arguments):
    def program(T):
        model = transformer(T, **arguments)
        start = [p.detach().clone() for p in model.parameters()]
        src, tgt = data(T, 5, 2, 4), data(T, 3, 2, 4)
        if arguments.get("batch_first"):
            src, tgt = src.transpose(0, 1), tgt.transpose(0, 1)
        src.retain_grad()
        mask = model.generate_square_subsequent_mask
        keys = padding(T, 2, 5, 5, 3)
        out = model(
            src, tgt, tgt_mask=mask(3), src_key_padding_mask=keys, memory_key_padding_mask=keys,
            tgt_key_padding_mask=padding(T, 2, 3, 3, 2), memory_mask=data(T, 3, 5, grad=False),
        )  # fmt: skip
        hinted = model(src, tgt, src_mask=mask(5), tgt_mask=mask(3), src_is_causal=True, tgt_is_causal=True)
        total(T, out, hinted).backward()
        gradients = [(n, p.grad) for n, p in model.named_parameters()]
        return out, hinted, src.grad, gradients, list(model.state_dict()), start

    assert_agrees(program, kilnn, rtol=2e-4, atol=5e-5)


def test_initial_weights_are_equal_bit_for_bit():
    for make in (transformer, lambda T: attention(T, 6, 2, kdim=3, vdim=5, add_bias_kv=True)):
        ours, theirs = make(kilnn), make(torch)
        assert_same_tree(dict(ours.state_dict()), dict(theirs.state_dict()), rtol=0, atol=0)


def test_the_comparison_can_fail():
    ours, theirs = attention(kilnn, 4, 2), attention(torch, 4, 1)  # the same weights, another number of heads
    x, y = data(kilnn, 3, 2, 4), data(torch, 3, 2, 4)
    with pytest.raises(Difference):
        assert_same_tree(ours(x, x, x), theirs(y, y, y), rtol=1e-4, atol=2e-5)


def test_state_dicts_are_exchanged():
    ours, theirs = transformer(kilnn), transformer(torch)
    with torch.no_grad():
        for p in theirs.parameters():
            p.mul_(1.5)
    ours.load_state_dict({n: kilnn.from_numpy(v.numpy()) for n, v in theirs.state_dict().items()}, strict=True)
    with torch.no_grad(), kilnn.no_grad():
        results = [m(data(T, 5, 2, 4), data(T, 3, 2, 4)) for T, m in ((kilnn, ours), (torch, theirs))]
        assert_same_tree(*results, rtol=1e-4, atol=2e-5)
        fresh = torch.nn.Transformer(4, 2, 2, 2, 6, 0.0)
        fresh.load_state_dict({n: torch.tensor(v.numpy()) for n, v in ours.state_dict().items()}, strict=True)
        assert_same_tree(results[0], fresh(data(torch, 5, 2, 4), data(torch, 3, 2, 4)), rtol=1e-4, atol=2e-5)


def test_evaluation_with_padding():
    """PyTorch's nested tensors, where it takes them, set padded positions to zero; other positions are the same."""

    def outputs(T):
        T.manual_seed(1)
        layer = T.nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
        encoder = T.nn.TransformerEncoder(layer, 2, enable_nested_tensor=True).eval()
        with T.no_grad():
            return encoder(data(T, 2, 5, 4), src_key_padding_mask=padding(T, 2, 5, 5, 3))

    ours, theirs = outputs(kilnn), outputs(torch)
    assert_same_tree([ours[0], ours[1, :3]], [theirs[0], theirs[1, :3]], rtol=1e-4, atol=2e-5)
    assert (ours[1, 3:] != 0).all()


def test_dropout():
    kilnn.manual_seed(0)
    layer = kilnn.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.4)
    x = data(kilnn, 5, 3, 8, grad=False)
    assert not (layer(x) == layer(x)).all()
    layer.eval()
    assert (layer(x) == layer(x)).all()
    module = attention(kilnn, 8, 2, dropout=0.5)
    weights = module(x, x, x)[1]
    assert not (weights == module(x, x, x)[1]).all()
    dropped = module(x, x, x, average_attn_weights=False)[1]
    assert 0.2 < (dropped == 0).float().mean().item() < 0.8
    assert not (module(x, x, x, need_weights=False)[0] == module(x, x, x, need_weights=False)[0]).all()


def test_training_compiles_once(compiles):
    runs = []
    for T in (torch, kilnn):
        T.manual_seed(1)
        embed, model, head = T.nn.Embedding(11, 4), transformer(T, batch_first=True), T.nn.Linear(4, 11)
        parameters = [p for m in (embed, model, head) for p in m.parameters()]
        optimizer = T.optim.Adam(parameters, lr=0.01)
        mask = model.generate_square_subsequent_mask(4)
        losses = []

        def train():
            for step in range(5):
                rng = np.random.default_rng(step)
                src, tgt = T.tensor(rng.integers(0, 11, (3, 6))), T.tensor(rng.integers(0, 11, (3, 5)))
                keys = padding(T, 3, 6, 6, 5, 2 + step % 3)
                optimizer.zero_grad()
                out = model(embed(src), embed(tgt[:, :-1]), tgt_mask=mask, src_key_padding_mask=keys)
                loss = T.nn.functional.cross_entropy(head(out).transpose(1, 2), tgt[:, 1:])
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())

        if T is torch:
            train()
        else:
            with compiles(step=1):
                train()
        runs.append(losses)
    assert_same_tree(runs[1], runs[0], rtol=2e-4, atol=2e-5)


ERRORS = {
    "heads": lambda T, m: T.nn.MultiheadAttention(5, 2),
    "no heads": lambda T, m: T.nn.MultiheadAttention(4, 0),
    "query rank": lambda T, m: m(*[T.zeros(1, 3, 2, 4)] * 3),
    "key rank": lambda T, m: m(T.zeros(3, 2, 4), T.zeros(3, 4), T.zeros(3, 4)),
    "width": lambda T, m: m(*[T.zeros(3, 2, 6)] * 3),
    "keys and values": lambda T, m: m(T.zeros(3, 2, 4), T.zeros(5, 2, 4), T.zeros(4, 2, 4)),
    "batch of keys": lambda T, m: m(T.zeros(3, 2, 4), T.zeros(5, 1, 4), T.zeros(5, 1, 4)),
    "mask size": lambda T, m: m(*[T.zeros(3, 2, 4)] * 3, attn_mask=T.zeros(2, 3)),
    "3-D mask size": lambda T, m: m(*[T.zeros(3, 2, 4)] * 3, attn_mask=T.zeros(2, 3, 3)),
    "mask rank": lambda T, m: m(*[T.zeros(3, 2, 4)] * 3, attn_mask=T.zeros(3)),
    "padding rank": lambda T, m: m(*[T.zeros(3, 2, 4)] * 3, key_padding_mask=T.zeros(3)),
    "padding size": lambda T, m: m(*[T.zeros(3, 2, 4)] * 3, key_padding_mask=T.zeros(2, 4)),
    "whole mask": lambda T, m: m(*[T.zeros(3, 2, 4)] * 3, attn_mask=T.zeros(3, 3, dtype=T.int64)),
    "hint without mask": lambda T, m: m(*[T.zeros(3, 2, 4)] * 3, is_causal=True),
    "activation": lambda T, m: T.nn.TransformerEncoderLayer(4, 2, activation="tanh"),
    "batches": lambda T, m: T.nn.Transformer(4, 2, 1, 1, 6)(T.zeros(3, 2, 4), T.zeros(3, 1, 4)),
    "d_model": lambda T, m: T.nn.Transformer(4, 2, 1, 1, 6)(T.zeros(3, 2, 4), T.zeros(3, 2, 5)),
    "mask and causal": lambda T, m: T.nn.functional.scaled_dot_product_attention(
        *[T.zeros(2, 3, 4)] * 3, attn_mask=T.zeros(3, 3), is_causal=True
    ),
    "shapes": lambda T, m: T.nn.functional.scaled_dot_product_attention(
        T.zeros(2, 3, 4), T.zeros(2, 3, 5), T.zeros(2, 3, 5)
    ),
    "mask shape": lambda T, m: T.nn.functional.scaled_dot_product_attention(
        *[T.zeros(2, 3, 4)] * 3, attn_mask=T.zeros(4, 4)
    ),
    "gqa": lambda T, m: T.nn.functional.scaled_dot_product_attention(
        T.zeros(1, 3, 3, 4), *[T.zeros(1, 2, 3, 4)] * 2, enable_gqa=True
    ),
    "dtypes": lambda T, m: T.nn.functional.scaled_dot_product_attention(
        T.zeros(2, 3, 4), T.zeros(2, 3, 4, dtype=T.float64), T.zeros(2, 3, 4)
    ),
    "dropout": lambda T, m: T.nn.functional.scaled_dot_product_attention(*[T.zeros(2, 3, 4)] * 3, dropout_p=1.5),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    with pytest.raises(Exception) as theirs:
        ERRORS[name](torch, torch.nn.MultiheadAttention(4, 2))
    with pytest.raises(theirs.type):
        ERRORS[name](kilnn, kilnn.nn.MultiheadAttention(4, 2))
