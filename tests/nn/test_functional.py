"""Functions beside PyTorch's where the layers do not reach: arguments, in-place forms, errors."""

import math
import warnings

import pytest
import torch

import kilnn
from tests.nn.modules import data, unit, whole
from tests.oracle import assert_agrees, assert_same_tree


def agrees(program, **tolerance):
    def run(T):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return program(T, T.nn.functional)

    assert_agrees(run, kilnn, **({"rtol": 1e-4, "atol": 1e-5} | tolerance))


def graded(out, *inputs):
    (out * out).sum().backward()
    return out, [x.grad for x in inputs]


CALLS = {
    "linear of a vector": lambda T, F: graded(F.linear(data(T, 3), data(T, 4, 3), data(T, 4))),
    "conv with words": lambda T, F: F.conv2d(data(T, 1, 2, 5, 5), data(T, 3, 2, 3, 3), padding="valid", stride=[2, 1]),
    "conv unbatched": lambda T, F: F.conv1d(data(T, 2, 5), data(T, 3, 2, 3), padding=(1,)),
    "conv_transpose": lambda T, F: F.conv_transpose2d(
        data(T, 2, 4, 3, 3), data(T, 4, 2, 3, 3), data(T, 4), (2, 1), 1, (1, 0), 2
    ),
    "max_pool indices": lambda T, F: F.max_pool2d(data(T, 2, 3, 7, 6), (3, 2), 2, (1, 0), return_indices=True),
    "max_pool ceil": lambda T, F: F.max_pool1d(data(T, 2, 3, 8), 3, 2, ceil_mode=True, return_indices=True),
    "avg_pool divisor": lambda T, F: F.avg_pool2d(data(T, 2, 3, 7, 6), 3, 2, 1, True, False, 5),
    "adaptive None": lambda T, F: F.adaptive_avg_pool2d(data(T, 2, 3, 7, 6), (None, 2)),
    "adaptive larger": lambda T, F: F.adaptive_avg_pool1d(data(T, 3, 4), 7),
    "layer_norm plain": lambda T, F: F.layer_norm(data(T, 2, 4), (4,), eps=1e-2),
    "rms_norm default eps": lambda T, F: F.rms_norm(data(T, 2, 4) * 1e-4, [4]),
    "normalize": lambda T, F: (F.normalize(data(T, 3, 4)), F.normalize(data(T, 3, 4), p=1, dim=0)),
    "group_norm": lambda T, F: F.group_norm(data(T, 2, 4, 3), 2),
    "embedding max_norm": lambda T, F: _embedding_max_norm(T, F),
    "one_hot": lambda T, F: (F.one_hot(whole(T, 2, 3), 7), F.one_hot(whole(T, 4))),
    "softmax dtype": lambda T, F: (
        F.softmax(data(T, 2, 3), 1, dtype=T.float64),
        F.log_softmax(whole(T, 3), 0, dtype=T.float32),
    ),
    "softmax implicit": lambda T, F: F.softmax(data(T, 2, 3)),
    "softmax of a number": lambda T, F: (F.softmax(T.tensor(3.0), 0), F.log_softmax(T.tensor(3.0), -1)),
    "softmin": lambda T, F: F.softmin(data(T, 2, 3), dim=0),
    "relu in place": lambda T, F: _inplace(T, lambda x: F.relu(x, inplace=True)),
    "leaky in place": lambda T, F: _inplace(T, lambda x: F.leaky_relu(x, 0.3, True)),
    "relu_": lambda T, F: _inplace(T, F.relu_),
    "hardtanh_": lambda T, F: _inplace(T, F.hardtanh_),
    "elu_": lambda T, F: _inplace(T, F.elu_),
    "relu of a leaf in place": lambda T, F: F.relu(data(T, 3), inplace=True),
    "dropout off": lambda T, F: (
        F.dropout(data(T, 3), 0.5, False),
        F.dropout(data(T, 3), 0.0),
        F.dropout(data(T, 3), 1.0),
    ),
    "dropout p": lambda T, F: F.dropout(data(T, 3), 1.5),
    "dropout1d rank": lambda T, F: F.dropout1d(data(T, 3)),
    "smoothing": lambda T, F: F.cross_entropy(data(T, 4, 3), whole(T, 4, below=3), label_smoothing=2.0),
    "class weights": lambda T, F: graded(
        F.cross_entropy(data(T, 6, 5), whole(T, 6), unit(T, 5), label_smoothing=0.2, ignore_index=3)
    ),
    "probabilities mean": lambda T, F: F.cross_entropy(
        data(T, 2, 5, 3), unit(T, 2, 5, 3), unit(T, 5), label_smoothing=0.2
    ),
    "older words": lambda T, F: (
        F.mse_loss(data(T, 3), data(T, 3, seed=1), size_average=False),
        F.nll_loss(data(T, 3, 5), whole(T, 3), reduce=False),
    ),
    "unknown reduction": lambda T, F: F.mse_loss(data(T, 3), data(T, 3), reduction="all"),
    "broadcast target": lambda T, F: F.mse_loss(data(T, 3, 1), data(T, 3)),
    "target that does not fit": lambda T, F: F.mse_loss(data(T, 3), data(T, 4)),
    "weighted mse": lambda T, F: (
        F.mse_loss(data(T, 3), data(T, 3, seed=1), weight=unit(T, 3)),
        F.huber_loss(data(T, 3), data(T, 3, seed=1), "none", weight=unit(T, 3)),
    ),
    "promoted mse": lambda T, F: F.mse_loss(data(T, 3).double(), data(T, 3)),
    "beta": lambda T, F: F.smooth_l1_loss(data(T, 3), data(T, 3), beta=-1),
    "delta": lambda T, F: F.huber_loss(data(T, 3), data(T, 3), delta=0),
    "bce size": lambda T, F: F.binary_cross_entropy(unit(T, 3), unit(T, 3, 1)),
    "bce logits size": lambda T, F: F.binary_cross_entropy_with_logits(unit(T, 3), unit(T, 3, 1)),
    "bce weights": lambda T, F: F.binary_cross_entropy(unit(T, 2, 3), unit(T, 2, 3, seed=1), unit(T, 3)),
    "bce pos_weight": lambda T, F: F.binary_cross_entropy_with_logits(
        data(T, 2, 3), unit(T, 2, 3), unit(T, 1), pos_weight=unit(T, 3)
    ),
    "kl batchmean": lambda T, F: F.kl_div(data(T, 2, 3), unit(T, 2, 3), reduction="batchmean"),
    "cosine": lambda T, F: F.cosine_similarity(data(T, 2, 3), data(T, 2, 3, seed=1), dim=0),
    "cosine broadcast": lambda T, F: F.cosine_similarity(data(T, 2, 3), data(T, 3, seed=1), dim=1),
    "triplet margin": lambda T, F: F.triplet_margin_loss(
        data(T, 2, 3), data(T, 2, 3, seed=1), data(T, 2, 3, seed=2), margin=-1
    ),
    "glu": lambda T, F: F.glu(data(T, 3, 5)),
    "pad": lambda T, F: (
        F.pad(data(T, 2, 3), (1, 2)),
        F.pad(data(T, 2, 3), (-1, 1, 2, 0), value=2.5),
        F.pad(whole(T, 2, 3), (1, 0), value=7),
    ),
    "pad modes": lambda T, F: [
        F.pad(data(T, 1, 2, 4, 5), (1, 2, 0, 3), m) for m in ("reflect", "replicate", "circular")
    ],
    "pad odd": lambda T, F: F.pad(data(T, 2), (1, 2, 3)),
    "pad too many": lambda T, F: F.pad(data(T, 2), (1, 2, 3, 4)),
    "pad reflect too far": lambda T, F: F.pad(data(T, 1, 2, 3), (3, 0), "reflect"),
    "pad unknown": lambda T, F: F.pad(data(T, 1, 2, 3), (1, 0), "mirror"),
    "pixel_shuffle": lambda T, F: (F.pixel_shuffle(data(T, 8, 2, 3), 2), F.pixel_unshuffle(data(T, 1, 4, 6), 2)),
    "pixel_shuffle size": lambda T, F: F.pixel_shuffle(data(T, 3, 2, 2), 2),
    "gelu word": lambda T, F: F.gelu(data(T, 2), approximate="exact"),
    "celu zero": lambda T, F: F.celu(data(T, 2), 0.0),
    "conv mixed dtypes": lambda T, F: F.conv2d(data(T, 1, 1, 3, 3).double(), data(T, 1, 1, 2, 2)),
    "linear mixed dtypes": lambda T, F: F.linear(data(T, 2, 3).double(), data(T, 4, 3)),
    "linear sizes": lambda T, F: F.linear(data(T, 2, 3), data(T, 4, 5)),
    "negative padding": lambda T, F: F.conv1d(data(T, 1, 1, 3), data(T, 1, 1, 2), padding=-1),
    "zero stride": lambda T, F: F.conv1d(data(T, 1, 1, 3), data(T, 1, 1, 2), stride=0),
    "kernel list": lambda T, F: F.conv2d(data(T, 1, 1, 3, 3), data(T, 1, 1, 2, 2), stride=(1, 2, 3)),
    "pool padding": lambda T, F: F.max_pool2d(data(T, 1, 1, 4, 4), 2, padding=2),
    "pool rank": lambda T, F: F.max_pool2d(data(T, 4, 4), 2),
    "pool size": lambda T, F: F.avg_pool2d(data(T, 1, 1, 2, 2), 3),
    "layer_norm shape": lambda T, F: F.layer_norm(data(T, 2, 3), (4,)),
    "batch_norm one value": lambda T, F: F.batch_norm(data(T, 1, 3), None, None, training=True),
    "batch_norm sizes": lambda T, F: F.batch_norm(data(T, 2, 3), T.zeros(4), T.ones(4)),
    "group_norm groups": lambda T, F: F.group_norm(data(T, 2, 3), 2),
    "cross_entropy batch": lambda T, F: F.cross_entropy(data(T, 2, 3), whole(T, 3)),
    "cross_entropy target rank": lambda T, F: F.cross_entropy(data(T, 2, 3), whole(T, 2, 1)),
    "cross_entropy float target": lambda T, F: F.cross_entropy(data(T, 2, 3), data(T, 2)),
    "cross_entropy int32": lambda T, F: F.cross_entropy(data(T, 2, 3), whole(T, 2, below=3).to(T.int32)),
    "embedding floats": lambda T, F: F.embedding(data(T, 2), data(T, 3, 2)),
    "embedding padding": lambda T, F: F.embedding(whole(T, 2), data(T, 5, 2), padding_idx=9),
}


def _inplace(T, f):
    x = data(T, 3, 4)
    y = x * 1.5
    z = f(y)
    (z * z).sum().backward()
    return z is y, y, x.grad


def _embedding_max_norm(T, F):
    w = data(T, 6, 3, grad=False) * 3
    w.requires_grad_(True)
    out = F.embedding(T.tensor([1, 4, 1]), w, max_norm=1.0)
    out.sum().backward()
    return out, w.detach(), w.grad


@pytest.mark.parametrize("case", CALLS)
def test_calls(case):
    agrees(CALLS[case])


@pytest.mark.parametrize("case", ["plain", "causal", "bool", "float", "scale", "gqa", "broadcast", "3d"])
def test_attention(case):
    def program(T, F):
        heads = 2 if case == "gqa" else 4
        lead = (4,) if case == "3d" else (2, 4)
        q = data(T, *lead, 5, 8)
        k, v = (data(T, *lead[:-1], heads, 6, 8, seed=s) for s in (1, 2))
        options = {
            "causal": {"is_causal": True}, "bool": {"attn_mask": T.ones(5, 6).tril(2) > 0},
            "float": {"attn_mask": data(T, 5, 6, grad=False)}, "scale": {"scale": 0.3}, "gqa": {"enable_gqa": True},
        }.get(case, {})  # fmt: skip
        if case == "broadcast":
            k, v = data(T, 1, 1, 6, 8), data(T, 1, 4, 6, 8)
        return graded(F.scaled_dot_product_attention(q, k, v, **options), q, k, v)

    agrees(program)


def test_attention_errors():
    q = (2, 3, 4)
    agrees(
        lambda T, F: F.scaled_dot_product_attention(data(T, *q), data(T, *q), data(T, *q), T.ones(3, 3) > 0, 0.0, True)
    )
    agrees(lambda T, F: F.scaled_dot_product_attention(data(T, 4), data(T, *q), data(T, *q)))
    agrees(lambda T, F: F.scaled_dot_product_attention(data(T, *q), data(T, *q).double(), data(T, *q)))
    agrees(lambda T, F: F.scaled_dot_product_attention(data(T, *q), data(T, 2, 3, 5), data(T, *q)))


def test_values_out_of_range_raise():
    F = kilnn.nn.functional
    with pytest.raises(IndexError, match=r"Target 10 is out of bounds\."):
        F.cross_entropy(kilnn.zeros(2, 10), kilnn.tensor([1, 10])).item()
    with pytest.raises(IndexError, match="index out of range in self"):
        F.embedding(kilnn.tensor([7]), kilnn.zeros(7, 2)).tolist()
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(kilnn.tensor([1.5]), kilnn.tensor([1.0])).item()
    with pytest.raises(RuntimeError, match="Class values"):
        F.one_hot(kilnn.tensor([3]), 2).tolist()


def test_labels_out_of_range_never_train_silently():
    model = kilnn.nn.Linear(3, 10)
    optimizer = kilnn.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(IndexError, match="Target 10 is out of bounds"):
        for _ in range(3):
            optimizer.zero_grad()
            loss = kilnn.nn.functional.cross_entropy(model(kilnn.ones(2, 3)), kilnn.tensor([1, 10]))
            loss.backward()
            optimizer.step()
        loss.item()


def test_numbers_are_inputs(compiles):
    """Dropout's p, eps, slopes, smoothing: new values find the old program."""
    nn, F = kilnn.nn, kilnn.nn.functional
    model = nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.LeakyReLU(), nn.Dropout(0.1), nn.LayerNorm(8), nn.Linear(8, 3)
    )
    optimizer = kilnn.optim.SGD(model.parameters(), lr=0.1)
    with compiles(step=1):
        for step in range(8):
            model[1].eps, model[1].momentum = 1e-5 * (step + 1), 0.1 + 0.01 * step
            model[2].negative_slope = 0.01 * (step + 1)
            model[3].p = 0.1 + 0.05 * step
            model[4].eps = 1e-5 * (step + 1)
            optimizer.zero_grad()
            loss = F.cross_entropy(
                model(kilnn.ones(6, 4)), kilnn.tensor([0, 1, 2, 0, 1, 2]), label_smoothing=0.1 + 0.01 * step
            )
            loss.backward()
            optimizer.step()
            loss.item()


def test_dropout_gradient_uses_the_same_mask():
    x = kilnn.ones(1000, requires_grad=True)
    y = kilnn.nn.functional.dropout(x, 0.4)
    y.sum().backward()
    assert kilnn.equal(y.detach(), x.grad)
    assert set(x.grad.unique().tolist() if hasattr(x.grad, "unique") else set(x.grad.tolist())) == {
        0.0,
        kilnn.tensor(1 / 0.6).item(),
    }


def test_dropout_masks_differ_and_repeat():
    kilnn.manual_seed(3)
    masks = [kilnn.nn.functional.dropout(kilnn.ones(200)).tolist() for _ in range(20)]
    assert len({tuple(m) for m in masks}) == 20
    kilnn.manual_seed(3)
    assert [kilnn.nn.functional.dropout(kilnn.ones(200)).tolist() for _ in range(20)] == masks


def test_attention_dropout_keeps_the_mean():
    q = kilnn.randn(8, 4, 32, 16)
    v = kilnn.ones(8, 4, 32, 16)
    out = kilnn.nn.functional.scaled_dot_product_attention(q, q, v, dropout_p=0.3)
    assert math.isclose(out.mean().item(), 1, abs_tol=0.03) and out.std().item() > 0.05


def test_gumbel_softmax():
    found = []
    for T in (kilnn, torch):
        T.manual_seed(3)
        logits = data(T, 200, 4)
        soft = T.nn.functional.gumbel_softmax(logits, tau=0.5)
        hard = T.nn.functional.gumbel_softmax(logits, hard=True)
        (hard * T.arange(4)).sum().backward()
        found.append((soft, hard, logits.grad, T.randn(3)))
    assert_same_tree(*found)


@pytest.mark.parametrize("options", [{}, {"padding_idx": 2}, {"mode": "max", "max_norm": 0.5}])
def test_embedding_bag_of_batches_with_different_lengths(options, compiles):
    def steps(T):
        weight = T.nn.Parameter(data(T, 5, 3).detach())
        optimizer = T.optim.SGD([weight], lr=0.1)
        found = []
        for n in (50, 51, 52):
            optimizer.zero_grad()
            out = T.nn.functional.embedding_bag(T.arange(n) % 5, weight, T.tensor([0, 7, 7, 30]), **options)
            out.square().sum().backward()
            optimizer.step()
            found += [out.detach(), weight.grad, weight.detach().clone()]
        return found

    with compiles(step=1):
        ours = steps(kilnn)
    assert_same_tree(ours, steps(torch))


def test_embedding_bag_checks_offsets_against_the_length_that_was_given():
    with pytest.raises(RuntimeError, match="offsets"):
        kilnn.nn.functional.embedding_bag(kilnn.arange(50) % 5, kilnn.ones(5, 3), kilnn.tensor([0, 51])).sum().item()


def test_every_function_is_pytorchs():
    names = [n for n in vars(kilnn.nn.functional) if not n.startswith("_")]
    functions = [n for n in names if callable(getattr(kilnn.nn.functional, n))]
    assert len(functions) > 75
    assert [n for n in functions if not hasattr(torch.nn.functional, n)] == []
