"""Autocast beside PyTorch's: which functions compute in which dtype, mixed operands, whole models, custom functions."""

import threading

import numpy as np
import pytest
import torch

import kilnn
from tests.oracle import assert_same, dtype_name

M, V, B, IMAGE = (4, 4), (4,), (2, 4, 4), (1, 4, 4, 4)
LABELS = "labels"
BOTH = [torch, kilnn]


def f(T):
    return T.nn.functional


# name -> (function of the library and of operands, shapes of the operands)
FUNCTIONS = {
    "mm": (lambda T, a, b: T.mm(a, b), M, M),
    "matmul": (lambda T, a, b: T.matmul(a, b), M, M),
    "matmul of vectors": (lambda T, a, b: a @ b, V, V),
    "matmul by vector": (lambda T, a, b: a @ b, M, V),
    "matmul batched": (lambda T, a, b: a @ b, B, M),
    "mv": (lambda T, a, b: T.mv(a, b), M, V),
    "dot": (lambda T, a, b: T.dot(a, b), V, V),
    "bmm": (lambda T, a, b: T.bmm(a, b), B, B),
    "addmm": (lambda T, a, b, c: T.addmm(a, b, c), M, M, M),
    "addmm scaled": (lambda T, a, b, c: T.addmm(a, b, c, beta=0.5, alpha=2), M, M, M),
    "addmv": (lambda T, a, b, c: T.addmv(a, b, c), V, M, V),
    "addr": (lambda T, a, b, c: T.addr(a, b, c), M, V, V),
    "baddbmm": (lambda T, a, b, c: T.baddbmm(a, b, c), B, B, B),
    "addbmm": (lambda T, a, b, c: T.addbmm(a, b, c), M, B, B),
    "linear": (lambda T, a, b, c: f(T).linear(a, b, c), M, M, V),
    "bilinear": (lambda T, a, b, c: f(T).bilinear(a, b, c), M, M, (3, 4, 4)),
    "einsum": (lambda T, a, b: T.einsum("ij,jk->ik", a, b), M, M),
    "einsum elementwise": (lambda T, a, b: T.einsum("ij,ij->ij", a, b), M, M),
    "einsum of one": (lambda T, a: T.einsum("ij->ji", a), M),
    "inner": (lambda T, a, b: T.inner(a, b), M, M),
    "outer": (lambda T, a, b: T.outer(a, b), V, V),
    "tensordot": (lambda T, a, b: T.tensordot(a, b, 1), M, M),
    "kron": (lambda T, a, b: T.kron(a, b), M, M),
    "conv1d": (lambda T, a, b: f(T).conv1d(a, b), (1, 4, 8), (4, 4, 3)),
    "conv2d": (lambda T, a, b, c: f(T).conv2d(a, b, c), (1, 4, 8, 8), (4, 4, 3, 3), V),
    "conv_transpose2d": (lambda T, a, b: f(T).conv_transpose2d(a, b), (1, 4, 8, 8), (4, 4, 3, 3)),
    "attention": (lambda T, q, k, v: f(T).scaled_dot_product_attention(q, k, v), *[(1, 2, 4, 8)] * 3),
    "prelu": (lambda T, a, b: f(T).prelu(a, b), M, V),
    "relu": (lambda T, a: T.relu(a), M),
    "gelu": (lambda T, a: f(T).gelu(a), M),
    "softmax": (lambda T, a: f(T).softmax(a, -1), M),
    "log_softmax": (lambda T, a: f(T).log_softmax(a, -1), M),
    "layer_norm": (lambda T, a: f(T).layer_norm(a, (4,)), M),
    "group_norm": (lambda T, a: f(T).group_norm(a, 2), M),
    "exp": (lambda T, a: T.exp(a), M),
    "pow": (lambda T, a: a**2, M),
    "sum": (lambda T, a: T.sum(a), M),
    "prod": (lambda T, a: T.prod(a), M),
    "var": (lambda T, a: T.var(a), M),
    "norm": (lambda T, a: T.norm(a), M),
    "cdist": (lambda T, a, b: T.cdist(a, b), M, M),
    "dist": (lambda T, a, b: T.dist(a, b), M, M),
    "trace": (lambda T, a: T.trace(a), M),
    "quantile": (lambda T, a: T.quantile(a, 0.5), M),
    "cumsum": (lambda T, a: T.cumsum(a, 0), M),
    "mse_loss": (lambda T, a, b: f(T).mse_loss(a, b), M, M),
    "l1_loss": (lambda T, a, b: f(T).l1_loss(a, b), M, M),
    "smooth_l1_loss": (lambda T, a, b: f(T).smooth_l1_loss(a, b), M, M),
    "huber_loss": (lambda T, a, b: f(T).huber_loss(a, b), M, M),
    "binary_cross_entropy": (lambda T, a, b: f(T).binary_cross_entropy(a, b), M, M),
    "binary_cross_entropy_with_logits": (lambda T, a, b: f(T).binary_cross_entropy_with_logits(a, b), M, M),
    "ctc_loss": (lambda T, a, t: f(T).ctc_loss(a.log_softmax(-1), t[:1] * 0 + 1, (4,), (1,)), M, LABELS),
    "unfold": (lambda T, a: f(T).unfold(a, 2), IMAGE),
    "adaptive_max_pool2d": (lambda T, a: f(T).adaptive_max_pool2d(a, 2), IMAGE),
    "max_unpool1d": (lambda T, a, t: f(T).max_unpool1d(a, t.reshape(1, 4).expand(4, 4), 2), M, LABELS),
    "kl_div": (lambda T, a, b: f(T).kl_div(a, b, reduction="sum"), M, M),
    "cross_entropy": (lambda T, a, t: f(T).cross_entropy(a, t), M, LABELS),
    "nll_loss": (lambda T, a, t: f(T).nll_loss(a, t), M, LABELS),
    "soft cross_entropy": (lambda T, a, b: f(T).cross_entropy(a, b), M, M),
    "gaussian_nll_loss": (lambda T, a, b, c: f(T).gaussian_nll_loss(a, b, c), M, M, M),
    "poisson_nll_loss": (lambda T, a, b: f(T).poisson_nll_loss(a, b), M, M),
    "hinge_embedding_loss": (lambda T, a, b: f(T).hinge_embedding_loss(a, b), M, M),
    "cosine_embedding_loss": (lambda T, a, b, c: f(T).cosine_embedding_loss(a, b, c), M, M, V),
    "margin_ranking_loss": (lambda T, a, b, c: f(T).margin_ranking_loss(a, b, c), M, M, M),
    "soft_margin_loss": (lambda T, a, b: f(T).soft_margin_loss(a, b), M, M),
    "triplet_margin_loss": (lambda T, a, b, c: f(T).triplet_margin_loss(a, b, c), M, M, M),
    "multi_margin_loss": (lambda T, a, t: f(T).multi_margin_loss(a, t), M, LABELS),
    "multilabel_margin_loss": (lambda T, a, t: f(T).multilabel_margin_loss(a[0], t), M, LABELS),
    "multilabel_soft_margin_loss": (lambda T, a, b: f(T).multilabel_soft_margin_loss(a, b), M, M),
    "avg_pool2d": (lambda T, a: f(T).avg_pool2d(a, 2), IMAGE),
    "adaptive_avg_pool2d": (lambda T, a: f(T).adaptive_avg_pool2d(a, 2), IMAGE),
    "max_pool2d": (lambda T, a: f(T).max_pool2d(a, 2), IMAGE),
    "avg_pool3d": (lambda T, a: f(T).avg_pool3d(a, 2), (1, *IMAGE)),
    "adaptive_avg_pool3d": (lambda T, a: f(T).adaptive_avg_pool3d(a, 2), (1, *IMAGE)),
    "pad reflect": (lambda T, a: f(T).pad(a, (1, 1), mode="reflect"), (1, 4, 4)),
    "pad replicate": (lambda T, a: f(T).pad(a, (1, 1), mode="replicate"), (1, 4, 4)),
    "pad constant": (lambda T, a: f(T).pad(a, (1, 1)), (1, 4, 4)),
    "interpolate": (lambda T, a: f(T).interpolate(a, scale_factor=2), IMAGE),
    "grid_sample": (lambda T, a, g: f(T).grid_sample(a, g, align_corners=False), IMAGE, (1, 4, 4, 2)),
    "cosine_similarity": (lambda T, a, b: f(T).cosine_similarity(a, b), M, M),
    "normalize": (lambda T, a: f(T).normalize(a), M),
    "embedding": (lambda T, w, t: f(T).embedding(t, w), M, LABELS),
    "cat": (lambda T, a, b: T.cat([a, b.float()]), M, M),
    "in place": (lambda T, a, b: a.clone().addmm_(b, b), M, M),
}


def missing(name):
    """Whether PyTorch's function of this name is not in kilnn yet."""
    there = hasattr(kilnn.nn.functional, name) or hasattr(kilnn, name) or not hasattr(torch.nn.functional, name)
    return not there or (name == "in place" and not hasattr(kilnn.Tensor, "addmm_"))


def operand(T, shape, dtype, number):
    if shape == LABELS:
        return T.tensor([0, 1, 2, 3])
    values = np.random.default_rng(number).uniform(0.1, 0.9, shape).astype(np.float32)
    return T.tensor(values.tolist()).to(getattr(T, dtype))


def outcome(T, name, dtype, fast):
    function, *shapes = FUNCTIONS[name]
    operands = [operand(T, shape, dtype, n) for n, shape in enumerate(shapes)]
    with T.autocast("cpu", getattr(T, fast)):
        return function(T, *operands)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not missing(name)])
def test_dtypes_of_results(name):
    for dtype in ("float32", "bfloat16", "float64"):
        theirs = outcome(torch, name, dtype, "bfloat16")
        ours = outcome(kilnn, name, dtype, "bfloat16")
        rounded = "bfloat16" in (dtype, dtype_name(theirs)) or name == "bilinear"
        tolerance = 3e-2 if rounded else 1e-5
        assert_same(ours, theirs, tolerance, tolerance, f"{name} of {dtype}")


def test_float16():
    for name in ("linear", "conv2d", "mse_loss", "softmax"):
        assert_same(outcome(kilnn, name, "float32", "float16"), outcome(torch, name, "float32", "float16"), 1e-2, 1e-2)


EQUATIONS = {
    "i,j->ij": (V, V), "bi,bj->bij": (M, M), "ij,k->jk": (M, V), "ij,ij->": (M, M), "i,i->": (V, V),
    "ij,jk,kl->il": (M, M, M), "ij,ij,ij->ij": (M, M, M), "ij,ij->i": (M, M), "ij,k,kl->l": (M, V, M),
    "...ij,...jk->...ik": (B, B), "ii->": (M,),
}  # fmt: skip


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum_is_lowered_where_it_contracts(equation):
    found = []
    for T in BOTH:
        with T.autocast("cpu"):
            found.append(T.einsum(equation, *[operand(T, s, "float32", n) for n, s in enumerate(EQUATIONS[equation])]))
    assert_same(*reversed(found), 3e-2, 3e-2)


MIXED = {  # half: what a layer before has made; the other operands are weights in float32
    "linear": lambda T, half, w: f(T).linear(half, w, w[0]),
    "layer_norm": lambda T, half, w: f(T).layer_norm(half, (4,), w[0], w[1]),
    "group_norm": lambda T, half, w: f(T).group_norm(half, 2, w[0], w[1]),
    "batch_norm": lambda T, half, w: f(T).batch_norm(half, *w.detach().clone()[2:], w[0], w[1], True),
    "batch_norm eval": lambda T, half, w: f(T).batch_norm(half, *w.detach().clone()[2:], w[0], w[1], False),
    "rms_norm": lambda T, half, w: f(T).rms_norm(half, (4,), w[0]),
    "prelu": lambda T, half, w: f(T).prelu(half, w[0]),
    "add": lambda T, half, w: half + w,
    "cat": lambda T, half, w: T.cat([half, w]),
    "stack": lambda T, half, w: T.stack([half, w]),
    "where": lambda T, half, w: T.where(w > 0.5, half, w),
    "mse_loss": lambda T, half, w: f(T).mse_loss(half, w),
    "matmul": lambda T, half, w: half @ w,
}


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # PyTorch's, of rms_norm
@pytest.mark.parametrize("name", MIXED)
def test_mixed_operands(name):
    found = []
    for T in BOTH:
        half, w = operand(T, M, "bfloat16", 0), operand(T, M, "float32", 1).requires_grad_()
        with T.autocast("cpu"):
            out = MIXED[name](T, half, w)
        out.float().sum().backward()
        found.append((out, w.grad))
    assert_same(found[1][0], found[0][0], 3e-2, 3e-2, name)
    assert_same(found[1][1], found[0][1], 6e-2, 6e-2, f"gradient through {name}")


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers(name):
    for dtype in ("float32", "bfloat16"):
        found = []
        for T in BOTH:
            T.manual_seed(0)
            layer = getattr(T.nn, name)(4, 5)
            x = operand(T, (3, 2, 4), dtype, 0)
            with T.autocast("cpu"):
                out, ends = layer(x)
            out.float().sum().backward()
            found.append((out, ends[0] if name == "LSTM" else ends, layer.weight_ih_l0.grad))
        for ours, theirs in zip(found[1], found[0], strict=True):
            assert_same(ours, theirs, 6e-2, 6e-2, f"{name} of {dtype}")


def test_the_switch():
    x = kilnn.ones(2, 2)

    def product():
        return dtype_name(x @ x)

    with kilnn.autocast("cpu") as entered:
        assert isinstance(entered, kilnn.amp.autocast) and kilnn.is_autocast_enabled("cpu")
        assert not kilnn.is_autocast_enabled() and not kilnn.is_autocast_enabled("cuda")
        assert product() == "bfloat16"
        with kilnn.autocast("cpu", enabled=False):
            assert product() == "float32" and not kilnn.is_autocast_enabled("cpu")
            with kilnn.autocast("cpu", dtype=kilnn.float16):
                assert product() == "float16" and kilnn.get_autocast_dtype("cpu") is kilnn.float16
        assert product() == "bfloat16"
        elsewhere = []
        thread = threading.Thread(target=lambda: elsewhere.append(product()))
        thread.start()
        thread.join()
        assert elsewhere == ["float32"]
        with pytest.raises(RuntimeError, match="must match|shapes"):
            kilnn.ones(2, 3) @ kilnn.ones(2, 3)
    assert product() == "float32" and not kilnn.is_autocast_enabled("cpu")
    decorated = kilnn.autocast("cpu")(product)
    assert decorated() == "bfloat16" and product() == "float32" and decorated.__name__ == "product"
    kilnn.set_autocast_enabled("cpu", True)
    kilnn.set_autocast_dtype("cpu", kilnn.float16)
    assert product() == "float16"
    kilnn.set_autocast_enabled("cpu", False)
    kilnn.set_autocast_dtype("cpu", kilnn.bfloat16)
    assert product() == "float32" and kilnn.is_autocast_cache_enabled()


def test_arguments():
    for T in BOTH:
        with pytest.raises(ValueError, match="Expected `device_type` of type `str`, got: `<class 'int'>`"):
            T.autocast(3)
        with pytest.raises(RuntimeError, match="device type at start of device string: toaster"):
            T.autocast("toaster")
        with pytest.warns(UserWarning, match="In CPU autocast, but the target dtype is not supported"):
            with T.autocast("cpu", dtype=T.float64):
                assert not T.is_autocast_enabled("cpu")
        assert T.amp.is_autocast_available("cpu")
    if not kilnn.amp.autocast_mode.present("cuda"):
        with pytest.warns(UserWarning, match="CUDA is not available.*Disabling"):
            assert not kilnn.autocast("cuda")._enabled
    assert not kilnn.autocast("cuda", enabled=False)._enabled


def train(T, steps=4):
    T.manual_seed(0)
    nn = T.nn
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 16), nn.LayerNorm(16), nn.GELU(),
        nn.Linear(16, 4),
    )  # fmt: skip
    optimizer = T.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(32, 1, 8, 8)).astype(np.float32), rng.integers(0, 4, 32)
    x, y = T.tensor(images.tolist()), T.tensor(labels.tolist())
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        with T.autocast("cpu", dtype=T.bfloat16):
            logits = model(x)
            loss = T.nn.functional.cross_entropy(logits, y)
        assert dtype_name(logits) == "bfloat16" and dtype_name(loss) == "float32"
        loss.backward()
        assert all(dtype_name(p.grad) == "float32" for p in model.parameters())
        optimizer.step()
        losses.append(loss.detach())
    return [loss.item() for loss in losses]


def test_training(compiles):
    theirs = train(torch)
    with compiles(step=1):
        ours = train(kilnn)
    assert np.allclose(ours, theirs, rtol=2e-2, atol=0) and theirs[-1] < theirs[0] * 0.9


def custom(T):
    seen = []

    class Product(T.autograd.Function):
        @staticmethod
        @T.amp.custom_fwd(device_type="cpu")
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a @ b

        @staticmethod
        @T.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            seen.append((dtype_name(g), T.is_autocast_enabled("cpu"), dtype_name(a @ a)))
            return (g @ b.t().to(g.dtype)).to(a.dtype), None

    class Exact(T.autograd.Function):
        @staticmethod
        @T.amp.custom_fwd(device_type="cpu", cast_inputs=T.float32)
        def forward(ctx, a, b):
            return a @ b

        @staticmethod
        @T.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            seen.append((dtype_name(g), T.is_autocast_enabled("cpu")))
            return g, g

    return Product, Exact, seen


def test_custom_functions():
    results = []
    for T in BOTH:
        Product, Exact, seen = custom(T)
        a = T.ones(2, 2, requires_grad=True)
        with T.autocast("cpu"):
            first, second = Product.apply(a, T.ones(2, 2)), Exact.apply(a.bfloat16(), T.ones(2, 2))
        outside = Product.apply(a, T.ones(2, 2))
        (first.float().sum() + second.sum() + outside.sum()).backward()
        outputs = [dtype_name(x) for x in (first, second, outside)]
        results.append((outputs, sorted(map(str, seen)), a.grad.tolist()))
    assert results[0] == results[1]
