"""More kinds of statements, for `write(seed, wide=True)`: rarer views, in-place methods, subscripts, hooks, Functions.

They are kept apart so that the programs of the plain seeds stay what they are. Kept out besides what the writer keeps
out: gradients that are written into integers (PyTorch's backward pass fails on them) and accumulating writes to
elements that share memory.
"""

from typing import Any

import torch

from tests.engine.fuzz.gradients import gradient_for
from tests.engine.fuzz.viewing import view_of
from tests.engine.fuzz.writer import (
    Writer,
    broadcasts_with,
    is_float,
    is_leaf_with_grad,
    proposal,
    takes_hooks,
    tracked,
)
from tests.engine.fuzz.writing import separate


def same_kind(x: torch.Tensor) -> Any:
    return lambda y: y.shape == x.shape and y.dtype == x.dtype


def evaluated(w: Writer, text: str) -> torch.Tensor | None:
    try:
        return eval(text, dict(w.machine.variables))
    except Exception:
        return None


@proposal(10, wide=True)
def rare_view(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    x, d = w.get(a), w.dim(w.get(a))
    n = x.dim()
    size = x.shape[d] if n and -n <= d < n else 1
    choices = (
        "{a}.ravel()|{a}.view({a}.shape)|{a}.reshape({a}.shape)|{a}[..., None]|{a}[None, ...]|{a}.expand_as({a})|"
        "T.atleast_1d({a})|T.broadcast_to({a}, (2, *{a}.shape))|{a}.swapaxes(0, {d})|{a}.movedim(0, {d})|{a}.mT|{a}.T|"
        "T.unsqueeze({a}, {d})|{a}.contiguous()|{a}.to({a})"
    )
    if n:
        choices += (
            "|{a}.narrow({d}, {k}, {m})|{a}.unfold({d}, 1, 2)|{a}.tensor_split(2, {d})[1]|T.split({a}, 2, {d})[-1]|"
            "{a}.unbind({d})[-1]|{a}[1::2]|{a}[..., ::2]|{a}[..., 1:]|{a}[..., -1:]|{a}.select({d}, -1)|{a}[:, ...]|"
            "{a}[None, :, None]|{a}[:0]|{a}[True]|{a}[None, 0]|{a}.unflatten({d}, (-1, 1))|{a}.squeeze((0,))"
        )
    if n >= 2:
        choices += (
            "|{a}.diagonal(1)|{a}.diagonal(-1)|{a}.diagonal(0, -2, -1)|{a}.T[0]|{a}.t()[1:]|"
            "{a}.transpose(0, 1).reshape(-1)|{a}.flatten(-2, -1)|{a}.T.flatten()|{a}.unbind(1)[0]|{a}[1:, 0]|"
            "{a}[0][None]|{a}[::2, ::2]|"
            "{a}[0, ..., 0]|{a}.view(-1)[::2]|{a}.squeeze(0).squeeze(-1)|{a}.narrow(0, 0, 1).narrow(1, 0, 1)|"
            "{a}.T.contiguous()"
        )
    k = w.rng.randint(0, size)
    text = w.rng.choice(choices.split("|")).format(a=a, d=d, k=k, m=w.rng.randint(0, size - k))
    return f"{w.target()} = {text}"


SELF_ONLY = (
    "sin_() cos_() sqrt_() square_() reciprocal_() floor_() round_() sign_() log1p_() expm1_() clamp_(max=0.5) "
    "trunc_() clamp_min_(0.1) pow_(3) pow_(0.5) pow_(0) pow_(1) fmod_(2) remainder_(2) floor_divide_(2) "
    "nan_to_num_() atan_() "
    "erf_() ceil_() frac_() mul_(True) eq_(1) gt_(0) zero_().add_(2) logical_not_() sigmoid_() tanh_() exp_() abs_()"
).split()
WITH_ANOTHER = (
    "mul_({b})|sub_({b}, alpha=2)|div_({b})|copy_({b})|addcmul_({b}, {b})|addcdiv_({b}, {b} * {b} + 1, value=0.5)|"
    "lerp_({b}, {b})|masked_fill_({b} > 0, 2)|pow_({b})|atan2_({b})|mul_({b} > 0)|add_({b} > 0)|add_({b}.long())|"
    "mul_({b}.double())|copy_({b}.double())|copy_({b}.long())|clamp_(min={b})|clamp_({b}, 1)|gt_({b})"
).split("|")
BY_INDEX = (
    "index_add_({d}, {i}, {s})|index_add_({d}, {i}, {s}, alpha=2)|index_fill_({d}, {i}, 0.5)|index_copy_({d}, {i}[:1], "
    "{s}.narrow({d}, 0, 1))|scatter_add_({d}, T.zeros_like({p}, dtype=T.int64), T.ones_like({p}))|"
    "scatter_({d}, T.zeros_like({p}, dtype=T.int64)[:1], 2)|cumsum_({d})"
).split("|")


@proposal(12, wide=True)
def rare_in_place(w: Writer) -> str | None:
    a = w.pick(lambda x: not (x.is_leaf and x.requires_grad))
    if a is None:
        return None
    p = a if w.chance(0.5) else view_of(w, a)
    x = evaluated(w, p)
    if x is None or "unfold" in p:
        return None
    b = w.pick(separate(w, a), stray=0.0)
    r = w.rng.random()
    if r < 0.45 or b is None:
        text = w.rng.choice(SELF_ONLY)
    elif r < 0.8 or not x.dim() or 0 in x.stride() or not x.numel():
        text = w.rng.choice(WITH_ANOTHER)
    else:
        d = w.rng.randrange(x.dim())
        places = [w.rng.randrange(x.shape[d]) for _ in range(2)]
        shape = tuple(2 if k == d else n for k, n in enumerate(x.shape))
        text = w.rng.choice(BY_INDEX).format(d=d, i=f"T.tensor({places})", s=f"T.ones({shape}, dtype={a}.dtype)", p=p)
    line = f"{p}.{text.format(b=b)}"
    return f"{w.fresh()} = {line}" if w.chance(0.08) else line


@proposal(6, wide=True)
def rare_set_item(w: Writer) -> str | None:
    a = w.pick(lambda x: x.dim() >= 1 and not (x.is_leaf and x.requires_grad))
    if a is None or not w.get(a).dim():
        return None
    x = w.get(a)
    n = x.shape[0]
    i = w.rng.randrange(n) if n else 0
    index = (
        "...|{i}|:|1:|::2|..., 0|..., -1:|None|True|False|{a} > 0|{a} < 0|[{i}]|[{i}, {i}]|T.tensor([{i}, 0])|"
        "T.tensor({i})|:0|..., None|T.arange({n})"
    )
    if x.dim() >= 2:
        index += (
            "|:, 0|0, 1:|:, T.tensor([0, 0])|T.tensor([0]), 0|[0], [0]|None, :, 0|0, 0|::2, ::2|{a}[:, 0] > 0|:, [0]|"
            "..., [0]|0, [0, 0]|[{i}, 0], :1"
        )
    key = w.rng.choice(index.split("|")).format(a=a, i=i, n=n)
    b = w.pick(separate(w, a), stray=0.0)
    value = b if b is not None and w.chance(0.55) else w.number()
    part = evaluated(w, f"{a}[{key}]")
    if part is not None and w.chance(0.2):
        value = w.one_of(
            f"T.ones({tuple(part.shape)}, dtype={a}.dtype)", "True", "T.tensor(0.25)", f"{a}[{key}].detach() * 2",
            f"{a}[{key}] * 2", "[0.5]",
        )  # fmt: skip
    return f"{a}[{key}] {w.one_of('=', '=', '=', '+=', '*=', '-=', '/=', '**=')} {value}"


@proposal(1.5, wide=True)
def shape_in_place(w: Writer) -> str | None:
    a = w.pick(lambda x: x.dim() >= 1 and x._base is None and not x.retains_grad)
    if a is None or w.is_shared(a) or w.get(a).retains_grad:
        return None
    return f"{a}.{w.one_of('t_()', 'transpose_(0, -1)', 'squeeze_()', 'unsqueeze_(0)', 'squeeze_(0)')}"


@proposal(3, wide=True)
def rare_alias(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    text = w.one_of(
        f"{a}.detach().detach()", f"{a}[...]", f"{a}.detach()[...]", f"{a}.view_as({a}).detach()", f"T.clone({a})",
        f"{a}.clone().detach().requires_grad_()", f"{a}.contiguous()", f"{a}.to({a}.dtype)", f"{a}.float()",
        f"{a}.to({a}.dtype, copy=True)", f"T.nn.Parameter({a}.detach().clone())",
    )  # fmt: skip
    return f"{w.fresh()} = {text}"


@proposal(3, wide=True)
def block(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    b, v, n = w.fresh(), view_of(w, a), w.number()
    body = w.one_of(
        [f"{b} = {v}", f"{b}.add_({n})"], [f"{b} = {v}.detach()", f"{b}.mul_({n})"], [f"{b} = {a} * 2"],
        [f"{b} = {a}.clone()", f"{b} += 1"], [f"{a}[...] = {n}", f"{b} = {a}.sum()"], [f"{b} = Same.apply({a})"],
    )  # fmt: skip
    head = w.one_of("T.no_grad()", "T.enable_grad()", "T.set_grad_enabled(False)")
    return f"with {head}:\n" + "\n".join(f"    {line}" for line in body)


@proposal(4, wide=True)
def grad_of_several(w: Writer) -> str | None:
    roots, inputs = w.tensors(lambda x: tracked(x) and not x.is_leaf), w.tensors(tracked)
    if not roots:
        return None
    roots = w.rng.sample(roots, min(len(roots), w.one_of(1, 1, 2)))
    inputs = w.rng.sample(inputs, min(len(inputs), w.one_of(1, 2, 3)))
    options = [
        text
        for p, text in (
            (0.5, "allow_unused=True"), (0.2, "materialize_grads=True"), (0.5, "create_graph=True"),
            (0.4, "retain_graph=True"),
        )
        if w.chance(p)
    ]  # fmt: skip
    names = "".join(f"{w.fresh()}, " for _ in inputs).strip()
    gradients = ", ".join(gradient_for(w, x) for x in roots)
    text = ", ".join([f"[{', '.join(roots)}]", f"[{', '.join(inputs)}]", f"[{gradients}]", *options])
    return f"{names} = T.autograd.grad({text})"


@proposal(3, wide=True)
def backward_of_several(w: Writer) -> str | None:
    roots = w.tensors(lambda x: tracked(x) and not x.is_leaf)
    if not roots:
        return None
    roots = w.rng.sample(roots, min(len(roots), 2))
    options = ["retain_graph=True"] if w.chance(0.5) else []
    inputs = w.tensors(lambda x: tracked(x) and takes_hooks(x))
    if inputs and w.chance(0.3):
        options.append(f"inputs=[{', '.join(w.rng.sample(inputs, min(len(inputs), 2)))}]")
    gradients = ", ".join(gradient_for(w, x) for x in roots)
    text = ", ".join([f"[{', '.join(roots)}]", f"[{gradients}]", *options])
    return f"T.autograd.backward({text})"


@proposal(3, wide=True)
def rare_hook(w: Writer) -> str | None:
    a = w.pick(takes_hooks)
    if a is None or not takes_hooks(w.get(a)):
        return None
    if w.get(a).is_leaf and w.chance(0.4):
        body = w.one_of(f"log('{a}', p.grad.clone())", "(p.grad.mul_(0.5), None)[1]", "setattr(p, 'grad', None)")
        return f"h = {a}.register_post_accumulate_grad_hook(lambda p: {body})"
    body = w.one_of(
        "g.clone().mul_(2)", "g.detach() + 1", "T.zeros_like(g)", f"log('{a}', g.norm())", f"g * {a}.detach()",
        f"log('{a}', tuple(g.shape))", "g.expand_as(g)", "g.flip(0) if g.dim() else g", "g.contiguous()",
    )  # fmt: skip
    return f"h = {a}.register_hook(lambda g: {body})"


@proposal(3, wide=True)
def rare_edit_of_gradient(w: Writer) -> str | None:
    a = w.pick(is_leaf_with_grad)
    if a is None or not is_leaf_with_grad(w.get(a)):
        return None
    return w.one_of(
        f"{a}.grad = {a}.grad.clone()", f"{a}.grad = {a}.grad.detach()", f"{a}.grad.add_({a}.detach())",
        f"{w.fresh()} = {a}.grad.detach()", f"{w.fresh()} = {a}.grad.view(-1)", f"{a}.grad.view(-1)[:1] = 3",
        f"del {a}.grad", f"{a}.grad = T.full_like({a}, 0.5)", f"{a}.grad.requires_grad_()",
        f"with T.no_grad():\n    {a}.sub_({a}.grad)", f"T.nn.utils.clip_grad_norm_([{a}], 0.5)",
        f"T.nn.utils.clip_grad_value_([{a}], 0.3)", f"{a}.grad = {a}.grad.double()",
    )  # fmt: skip


@proposal(3, wide=True)
def rare_function(w: Writer) -> str | None:
    a = w.pick(is_float)
    if a is None:
        return None
    b = w.pick(same_kind(w.get(a)))
    t = w.fresh()
    return w.one_of(
        f"{t} = Cube.apply({a}, {b})", f"{t} = Half.apply({a})", f"{t} = Half.apply({a} * 1)",
        f"{t} = Ident.apply({a})",
        f"{t}, {w.fresh()} = Signs.apply({a})", f"{t} = Same.apply({a})", f"{t} = Cube.apply({a}, {b}.detach())",
    )  # fmt: skip


@proposal(5, wide=True)
def promotion(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    b = w.pick(broadcasts_with(w.get(a).shape))
    n = w.one_of(
        "True", "1", "2", "0.5", "-1.0", "T.tensor(2)", "T.tensor(0.5)", "T.tensor(True)", b, b,
        "T.tensor(1.5, dtype=T.float64)", "T.tensor(1, dtype=T.int32)",
    )  # fmt: skip
    op = w.one_of("+", "-", "*", "/", "**", ">", "==", "&", "|")
    return f"{w.target()} = {a} {op} {n}" if w.chance(0.7) else f"{w.target()} = {n} {op} {a}"


@proposal(4, wide=True)
def rare_formula(w: Writer) -> str | None:
    a = w.pick(is_float)
    if a is None:
        return None
    x = w.get(a)
    choices = (
        "T.where({a} > 0, 0.0, {b})|{a}.masked_fill({a} > 0, 0)|T.cumprod({a}, {d})|{a}.median()|{a}.norm(1)|"
        "{a}.norm(dim={d})|{a}.abs().max()|{a}.sort({d}).indices|{a}.topk(1, {d})[1]|{a}.sum(dtype=T.float64)|"
        "{a}.mean((0,))|T.stack([{a}, {k}], -1)|{a}.index_select({d}, T.tensor([0, 0]))|"
        "T.dot({a}.flatten(), {k}.flatten())|"
        "T.nn.functional.normalize({a}, dim={d})|T.addcdiv({a}, {k}, {k} * {k} + 1)|{a}.clamp(min={b})|{a}.hypot({b})|"
        "{a}.roll(1)|T.diff({a})|{a}.repeat_interleave(2)|{a}.cummax({d})[0]|T.nn.functional.huber_loss({a}, {k})|"
        "{a}.scatter(0, T.zeros_like({a}, dtype=T.int64)[:1], {k})|{a}.gather({d}, T.zeros_like({a}, dtype=T.int64))|"
        "{a}.index_fill({d}, T.tensor([0]), 0.5)|T.prod({a}, {d})|{a}.aminmax()[0]|{a}.square().sum().sqrt()|"
        "{a}.sigmoid().log()|T.nn.functional.glu({a}, {d})|{a} @ {k}|{a}.pow({k})|2 ** {a}|{a} ** 1|{a} ** 0|"
        "T.broadcast_tensors({a}, {b})[0]|{a}.sum_to_size({a}.shape)|{a}.std()"
    )
    text = w.rng.choice(choices.split("|"))
    text = text.format(a=a, b=w.pick(broadcasts_with(x.shape)), k=w.pick(same_kind(x)), d=w.dim(x))
    return f"{w.target()} = {text}"
