"""Statements about gradients: flags, hooks, backward, autograd.grad, double backward, edits of `.grad`."""

from tests.engine.fuzz.writer import (
    Writer,
    broadcasts_with,
    is_float,
    is_leaf_with_grad,
    proposal,
    takes_hooks,
    tracked,
)


@proposal(2.5)
def flag(w: Writer) -> str | None:
    a = w.pick(lambda x: x.is_leaf)
    if a is None or w.is_shared(a):  # a base that becomes a leaf after its view was written to crashes PyTorch
        return None
    if w.may_be_saved(a) and not w.get(a).requires_grad:
        return f"{a}.requires_grad_(False)"
    return w.one_of(
        f"{a}.requires_grad_()",
        f"{a}.requires_grad_()",
        f"{a}.requires_grad = True",
        f"{a}.requires_grad_(False)",
    )


@proposal(2)
def retain(w: Writer) -> str | None:
    a = w.pick(lambda x: takes_hooks(x) and not x.is_leaf)
    if a is None or (tracked(w.get(a)) and not takes_hooks(w.get(a))):
        return None
    return f"{a}.retain_grad()"


@proposal(3)
def hook(w: Writer) -> str | None:
    a = w.pick(takes_hooks)
    if a is None or (tracked(w.get(a)) and not takes_hooks(w.get(a))):
        return None
    body = w.one_of(
        "g * 2",
        "g * 0.5",
        f"log('{a}', g)",
        f"log('{a}', g.sum())",
        f"log('{a}', g.sum().item())",
        "g * (1 if g.abs().sum().item() > 0.7 else -1)",
        "g.clamp(-1, 1)",
        "None",
    )
    if w.chance(0.15):
        return f"h = {a}.register_hook(lambda g: {body})\nh.remove()"
    return f"h = {a}.register_hook(lambda g: {body})"


def gradient_for(w: Writer, a: str) -> str:
    return w.one_of(f"T.ones_like({a})", f"{a}.detach() * 0.5", f"T.full_like({a}, 0.25)", f"T.ones_like({a})")


def inputs_for(w: Writer) -> list[str]:
    names = w.tensors(lambda x: tracked(x) and x.is_leaf) or w.tensors(tracked)
    w.rng.shuffle(names)
    return names[: w.rng.randint(1, 2)]


@proposal(9)
def backward(w: Writer) -> str | None:
    a = w.pick(lambda x: tracked(x) and not x.is_leaf, stray=0.1)
    if a is None:
        return None
    options = []
    if w.chance(0.3):
        options.append("retain_graph=True")
    if w.chance(0.06):
        options.append("create_graph=True")
    if w.chance(0.12):
        inputs = inputs_for(w)
        if inputs:
            options.append(f"inputs=[{', '.join(inputs)}]")
    scalar = w.get(a).numel() == 1
    r = w.rng.random()
    if scalar and r < 0.6:
        root, gradient = a, []
    elif r < 0.7:
        root, gradient = f"{a}.sum()", []
    elif r < 0.95:
        root, gradient = a, [gradient_for(w, a)]
    else:
        root, gradient = a, []
    return f"{root}.backward({', '.join(gradient + options)})"


@proposal(6)
def grad(w: Writer) -> str | None:
    a = w.pick(lambda x: tracked(x) and not x.is_leaf, stray=0.1)
    inputs = w.tensors(tracked)
    if a is None or not inputs:
        return None
    inputs = w.rng.sample(inputs, min(len(inputs), w.one_of(1, 1, 2)))
    options = []
    if w.chance(0.8):
        options.append("allow_unused=True")
    if w.chance(0.4):
        options.append("create_graph=True")
    if w.chance(0.2):
        options.append("retain_graph=True")
    if w.get(a).numel() == 1 and w.chance(0.7):
        root = [a]
    elif w.chance(0.7):
        root = [f"{a}.sum()"]
    else:
        root = [a, gradient_for(w, a)]
    names = [w.fresh() for _ in inputs]
    source = f"[{', '.join(inputs)}]"
    return (
        f"{', '.join(names)}{',' if len(names) == 1 else ''} = T.autograd.grad({', '.join([*root, source, *options])})"
    )


@proposal(3)
def write_between(w: Writer) -> list[str] | None:
    """Write to an input or output between an operation and its backward: allowed if the backward does not need it."""
    a = w.pick(lambda x: is_float(x) and x.numel() > 0)
    if a is None:
        return None
    other = w.pick(broadcasts_with(w.get(a).shape)) or a
    scaled, out = w.fresh(), w.fresh()
    f = w.one_of(
        "T.exp({x})",
        "T.tanh({x})",
        "T.sigmoid({x})",
        "T.relu({x})",
        "T.sin({x})",
        "T.abs({x})",
        "{x} * 3",
        "{x} + 1",
        "{x} * {y}",
        "{x} + {y}",
        "{x} / ({y} * {y} + 1)",
        "{x} ** 2",
        "{x}.sum(-1)",
        "{x}.mean()",
        "{x}.amax(-1)",
        "{x}.prod()",
        "T.softmax({x}, -1)",
        "T.logsumexp({x}, -1)",
        "{x}.reshape(-1)[:3]",
        "T.where({x} > 0, {x}, {y})",
        "T.maximum({x}, {y})",
        "{x}.clamp(-1, 1)",
        "T.sqrt({x} * {x} + 1)",
        "{x} @ {x}.transpose(-1, -2)",
        "Square.apply({x})",
        "T.cat([{x}, {x}])",
        "T.nn.functional.layer_norm({x}, {x}.shape[-1:])",
        "T.nn.functional.silu({x})",
        "{x}.norm()",
        "{x}.cumsum(0)",
        "T.nn.functional.mse_loss({x}, T.ones_like({x}))",
    ).format(x=scaled, y=other)
    victim = w.one_of(scaled, out, out, other, f"{scaled}.view(-1)", f"{out}.detach()")
    how = w.one_of(".add_(1)", ".mul_(2)", ".zero_()", ".neg_()", "[...] = 0.5", "[...] += 1")
    return [f"{scaled} = {a} * 1.5", f"{out} = {f}", victim + how, f"{out}.sum().backward()"]


@proposal(1.5)
def penalty(w: Writer) -> str | None:
    """A loss of a gradient: double backward in one statement."""
    x = w.pick(lambda x: tracked(x) and is_float(x))
    if x is None:
        return None
    f = w.one_of(
        "T.tanh({x})", "{x} * {x}", "T.exp({x} * 0.5)", "{x} ** 3", "T.sigmoid({x}) * {x}", "Square.apply({x})"
    )
    f = f.format(x=x)
    return (
        f"g = T.autograd.grad(({f}).sum(), {x}, create_graph=True)[0]\n"
        f"{w.one_of('((g.norm() - 1) ** 2)', '(g * g).sum()', 'g.exp().mean()')}.backward()"
    )


@proposal(4)
def edit_gradient(w: Writer) -> str | None:
    a = w.pick(is_leaf_with_grad)
    if a is None:
        return None
    return w.one_of(
        f"{a}.grad = None",
        f"{a}.grad.zero_()",
        f"{a}.grad.mul_(0.5)",
        f"{a}.grad += 1",
        f"{a}.grad *= 0.5",
        f"{a}.grad[...] = 0.25",
        f"{w.fresh()} = {a}.grad",
        f"{w.fresh()} = {a}.grad * 2",
        f"{a}.grad = T.ones_like({a})",
        f"{a}.grad.detach_().clamp_(-0.5, 0.5)",
        f"{a}.grad = T.ones((3, 1, 2))" if w.errors_left else f"{a}.grad = {a}.grad * 2",
        f"with T.no_grad():\n    {a} -= 0.1 * {a}.grad",
        f"with T.no_grad():\n    {a}.add_({a}.grad, alpha=-0.1)\n    {a}.grad.zero_()",
    )


@proposal(0.8)
def optimizer(w: Writer) -> list[str] | None:
    """An optimizer over leaves that have views and aliases: its step is a write that the graph may notice."""
    leaves = w.tensors(lambda x: x.is_leaf and tracked(x))
    if not leaves:
        return None
    w.rng.shuffle(leaves)
    distinct = {id(w.get(name)): name for name in leaves[:2]}
    params = f"[{', '.join(sorted(distinct.values()))}]"
    make = w.one_of(
        f"T.optim.SGD({params}, lr=0.1)",
        f"T.optim.SGD({params}, lr=0.1, momentum=0.9)",
        f"T.optim.SGD({params}, lr=0.1, momentum=0.5, weight_decay=0.1, nesterov=True)",
        f"T.optim.Adam({params}, lr=0.1, eps=0.1)",
        f"T.optim.AdamW({params}, lr=0.1, eps=0.1, weight_decay=0.5)",
    )
    name = leaves[0]
    loss = w.one_of(f"({name} * {name}).sum()", f"T.tanh({name}).sum()", f"({name} * 0.5 + 1).pow(2).mean()")
    lines = [f"o = {make}"]
    for _ in range(w.rng.randint(1, 2)):
        lines += [f"{w.fresh()} = {loss}", f"v{w.next - 1}.backward()", "o.step()"]
        if w.chance(0.5):
            lines.append(w.one_of("o.zero_grad()", "o.zero_grad(set_to_none=False)"))
    return lines


@proposal(1)
def optimizer_again(w: Writer) -> str | None:
    if "o" not in w.machine.variables:
        return None
    return w.one_of("o.step()", "o.zero_grad()", "o.param_groups[0]['lr'] *= 0.5", "o.step()")


@proposal(1.5)
def custom_function(w: Writer) -> str | None:
    a = w.pick(is_float)
    if a is None:
        return None
    b = w.pick(is_float)
    if w.chance(0.6):
        return f"{w.target()} = Square.apply({a})"
    return f"{w.fresh()}, {w.fresh()} = Blend.apply({a}, {b}, 0.25)"
