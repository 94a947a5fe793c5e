"""Statements that make tensors: leaves, arithmetic, reductions, products, losses."""

import torch

from tests.engine.fuzz.writer import (
    Writer,
    broadcasts_with,
    is_float,
    matrix,
    proposal,
)

FLOATS = (*["T.float32"] * 7, "T.float64")  # few shapes and dtypes: kilnn compiles an operation once for each


@proposal(5)
def leaf(w: Writer) -> str:
    r = w.rng.random()
    shape = w.shape()
    if r < 0.12:
        return f"{w.fresh()} = T.tensor({w.numbers(shape, True)})"
    if r < 0.24:
        text = w.one_of(
            f"T.ones({shape!r})",
            f"T.zeros({shape!r})",
            f"T.full({shape!r}, {w.one_of(0.5, 2, -1.0)})",
            f"T.arange({w.rng.randint(1, 5)})",
            f"T.arange(0, {w.rng.randint(1, 4)}, 0.5)",
            f"T.eye({w.rng.randint(1, 3)})",
            f"T.ones({shape!r}, requires_grad=True)",
            f"T.zeros({shape!r}, dtype=T.int64)",
        )
        return f"{w.fresh()} = {text}"
    dtype = w.one_of(*FLOATS)
    grad = ", requires_grad=True" if w.chance(0.7) else ""
    if w.errors_left and w.chance(0.02):
        dtype, grad = "T.int64", ", requires_grad=True"
        return f"{w.fresh()} = T.tensor({w.numbers(shape, True)}, dtype={dtype}{grad})"
    return f"{w.fresh()} = T.tensor({w.numbers(shape, False)}, dtype={dtype}{grad})"


@proposal(1.5)
def like(w: Writer) -> str | None:
    x = w.pick()
    if x is None:
        return None
    text = w.one_of(
        f"T.zeros_like({x})",
        f"T.ones_like({x})",
        f"T.full_like({x}, 0.5)",
        f"{x}.new_zeros((2, 3))",
        f"{x}.float()",
        f"{x}.double()",
        f"{x}.long()",
        f"{x}.bool()",
        f"{x}.to(T.float32)",
        f"{x}.to(T.float64)",
        f"T.ones_like({x}, requires_grad=True)",
    )
    return f"{w.target()} = {text}"


UNARY = (
    "exp tanh sigmoid relu abs neg sin cos square sqrt log reciprocal rsqrt expm1 log1p erf floor ceil round sign "
    "trunc atan isnan isfinite logical_not softplus silu gelu leaky_relu elu logsigmoid hardtanh"
).split()
FUNCTIONAL = {"softplus", "silu", "gelu", "leaky_relu", "elu", "logsigmoid", "hardtanh"}


@proposal(8)
def unary(w: Writer) -> str | None:
    x = w.pick(is_float)
    if x is None:
        return None
    name = w.rng.choice(UNARY)
    if name in FUNCTIONAL:
        text = f"T.nn.functional.{name}({x})"
    elif w.chance(0.5):
        text = f"T.{name}({x})"
    else:
        text = f"{x}.{name}()"
    if w.chance(0.15):
        text = w.one_of(
            f"-{x}",
            f"abs({x})",
            f"{x}.clamp(-0.5, 0.5)",
            f"{x}.clamp(min=0)",
            f"T.clamp({x}, max=1)",
            f"{x} ** 2",
            f"{x} ** 3",
            f"{x}.pow(2)",
            f"({x} * {x} + 1) ** 0.5",
            f"{x}.abs().sqrt()",
            f"T.log({x} * {x} + 1)",
        )
    return f"{w.target()} = {text}"


@proposal(11)
def binary(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    op = w.one_of("+", "-", "*", "*", "+", "/", "-")
    r = w.rng.random()
    if r < 0.3:
        n = w.number()
        text = f"{a} {op} {n}" if w.chance(0.6) else f"{n} {op} {a}"
    else:
        b = w.pick(broadcasts_with(w.get(a).shape))
        if r < 0.75:
            text = f"{a} {op} {b}"
        else:
            text = w.one_of(
                f"T.maximum({a}, {b})",
                f"T.minimum({a}, {b})",
                f"T.where({a} > 0, {a}, {b})",
                f"T.where({a} > {b}, {a}, 0.5)",
                f"{a}.add({b}, alpha=2)",
                f"T.sub({a}, {b})",
                f"{a}.mul({b})",
                f"T.addcmul({a}, {a}, {b}, value=0.5)",
                f"T.lerp({a}, {b}, 0.25)",
                f"{a}.masked_fill({b} > 0, 1.5)",
                f"{a} % 3",
                f"{a}.detach() // 2",
            )
    return f"{w.target()} = {text}"


@proposal(2)
def compare_values(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    b = w.pick(broadcasts_with(w.get(a).shape)) if w.chance(0.6) else w.number()
    op = w.one_of(">", "<", ">=", "<=", "==", "!=")
    return f"{w.target()} = {a} {op} {b}"


@proposal(7)
def reduction(w: Writer) -> str | None:
    x = w.pick(is_float)
    if x is None:
        return None
    d = w.dim(w.get(x))
    keep = w.one_of("", ", keepdim=True")
    text = w.one_of(
        f"{x}.sum()",
        f"{x}.sum()",
        f"{x}.mean()",
        f"{x}.sum({d}{keep})",
        f"T.sum({x}, dim={d}{keep})",
        f"{x}.mean({d}{keep})",
        f"{x}.mean(dim={d}{keep})",
        f"{x}.amax({d}{keep})",
        f"{x}.amin({d}{keep})",
        f"{x}.max()",
        f"{x}.min()",
        f"{x}.max({d}{keep})[0]",
        f"{x}.max({d}).indices",
        f"T.min({x}, {d}).values",
        f"{x}.argmax()",
        f"{x}.argmax({d})",
        f"{x}.prod()",
        f"{x}.prod({d})",
        f"{x}.var()",
        f"{x}.std({d})",
        f"{x}.var({d}, unbiased=False{keep})",
        f"{x}.norm()",
        f"T.logsumexp({x}, {d}{keep})",
        f"{x}.cumsum({d})",
        f"({x} > 0).sum()",
        f"({x} > 0).all({d})",
        f"({x} > 0).any()",
        f"T.softmax({x}, {d})",
        f"T.nn.functional.log_softmax({x}, dim={d})",
        f"{x}.sort({d})[0]",
        f"T.sort({x}, dim={d}, descending=True).values",
        f"{x}.topk(1, {d}).values",
    )
    return f"{w.target()} = {text}"


@proposal(5)
def product(w: Writer) -> str | None:
    a = w.pick(lambda x: matrix(x) or (x.dim() in (1, 3) and is_float(x)))
    if a is None:
        return None
    x = w.get(a)
    k = x.shape[-1] if x.dim() else 1

    def suits(y: torch.Tensor) -> bool:
        return y.dtype == x.dtype and 0 < y.dim() <= 2 and y.shape[0] == k

    b = w.pick(suits, stray=0.08)
    rows = w.pick(lambda y: y.dtype == x.dtype and y.dim() == 2 and y.shape[-1] == k)
    choices = [f"{a} @ {a}.transpose(-1, -2)", f"T.einsum('i,j->ij', {a}.flatten()[:2], {a}.flatten()[:3])"]
    if b is not None:
        choices += [f"{a} @ {b}", f"T.matmul({a}, {b})", f"{a}.matmul({b})", f"{a}.mm({b})", f"T.matmul({a}, {b})"]
    if rows is not None:
        choices += [f"T.nn.functional.linear({a}, {rows})", f"{a} @ {rows}.t()"]
    return f"{w.target()} = {w.rng.choice(choices)}"


@proposal(3)
def loss(w: Writer) -> str | None:
    a = w.pick(is_float)
    if a is None:
        return None
    x = w.get(a)
    b = w.pick(lambda y: y.shape == x.shape and y.dtype == x.dtype)
    choices = [f"T.nn.functional.mse_loss({a}, {b})", f"T.nn.functional.l1_loss({a}, {b})"]
    choices.append(f"T.nn.functional.smooth_l1_loss({a}, {b}, reduction='sum')")
    if x.dim() == 2:
        labels = [w.rng.randrange(x.shape[1]) if x.shape[1] else 0 for _ in range(x.shape[0])]
        choices += [f"T.nn.functional.cross_entropy({a}, T.tensor({labels}))"] * 3
        choices.append(f"T.nn.functional.nll_loss(T.nn.functional.log_softmax({a}, dim=1), T.tensor({labels}))")
    if x.dim() >= 1:
        choices.append(f"T.nn.functional.layer_norm({a}, ({x.shape[-1]},))")
        choices.append(f"T.nn.functional.dropout({a}, 0.0)")
        choices.append(f"T.nn.functional.dropout({a}, 0.5, training=False)")
    choices.append(f"T.nn.functional.binary_cross_entropy_with_logits({a}, T.sigmoid({b}).detach())")
    return f"{w.target()} = {w.rng.choice(choices)}"
