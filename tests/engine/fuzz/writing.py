"""Statements that write in place: on tensors, on views, on elements, through aliases; and what forgets or rebinds."""

from collections.abc import Callable

import torch

from tests.engine.fuzz.making import binary, product, reduction, unary
from tests.engine.fuzz.viewing import view, view_of
from tests.engine.fuzz.writer import (
    Writer,
    broadcasts_to,
    is_float,
    proposal,
    tracked,
)


def separate(w: Writer, a: str) -> Callable[[torch.Tensor], bool]:
    """Sources that do not overlap the destination; nothing tracked into integers, which PyTorch would track."""
    storage, floating = w._storage(a), is_float(w.get(a))
    broadcast = broadcasts_to(w.get(a).shape)

    def suits(x: torch.Tensor) -> bool:
        return x.untyped_storage()._cdata != storage and broadcast(x) and (floating or not tracked(x))

    return suits


def in_place_on(w: Writer, a: str, place: str) -> str:
    b = w.pick(separate(w, a), stray=0.0) or w.number()
    n = w.number()
    choices = [
        f"{place}.add_({n})",
        f"{place}.add_({b})",
        f"{place}.add_({b}, alpha=0.5)",
        f"{place}.sub_({b})",
        f"{place}.mul_({n})",
        f"{place}.mul_({b})",
        f"{place}.div_(2)",
        f"{place}.zero_()",
        f"{place}.fill_({n})",
        f"{place}.exp_()",
        f"{place}.tanh_()",
        f"{place}.relu_()",
        f"{place}.sigmoid_()",
        f"{place}.clamp_(-0.5, 1.0)",
        f"{place}.clamp_(min=0)",
        f"{place}.neg_()",
        f"{place}.pow_(2)",
        f"{place}.abs_()",
        f"{place}.masked_fill_({place} > 0, 0.5)",
        f"T.nn.functional.relu({place}, inplace=True)",
    ]
    if b.startswith("v"):
        choices += [
            f"{place}.copy_({b})",
            f"{place}.copy_({b})",
            f"{place}.addcmul_({b}, {b}, value=0.5)",
            f"{place}.lerp_({b}, 0.5)",
        ]
    if place == a:
        op = w.one_of("+=", "-=", "*=", "/=", "+=")
        choices += [f"{a} {op} {b}", f"{a} {op} {n}"] * 3
    return w.rng.choice(choices)


@proposal(9)
def in_place(w: Writer) -> str | None:
    a = w.pick(lambda x: not (x.is_leaf and x.requires_grad))
    if a is None:
        return None
    if w.chance(0.15):
        return f"{a}.mul_({a})"
    line = in_place_on(w, a, a)
    if w.chance(0.1) and "=" not in line:
        return f"{w.fresh()} = {line}"
    return line


@proposal(5)
def in_place_on_a_view(w: Writer) -> str | None:
    a = w.pick(lambda x: x.dim() >= 1 and not (x.is_leaf and x.requires_grad))
    if a is None:
        return None
    place = w.one_of(f"{a}[0]", f"{a}[-1]", f"{a}[:1]", f"{a}.view(-1)[0]", f"{a}[..., 0]", f"{a}[::2]", view_of(w, a))
    return in_place_on(w, a, place).replace(f"{place} +=", f"{place} =")


@proposal(6)
def set_item(w: Writer) -> str | None:
    a = w.pick(lambda x: x.dim() >= 1 and not (x.is_leaf and x.requires_grad))
    if a is None:
        return None
    x = w.get(a)
    n = x.shape[0] if x.dim() else 1
    i = w.rng.randrange(-n, n) if n else 0
    where = [i % n, 0] if n else [0]
    index = w.one_of(
        "...", f"{i}", ":1", "1:", "::2", "..., 0", f"{i}:", f"{a} > 0", f"T.tensor([{i}])", f"[{where[0]}]"
    )
    if x.dim() >= 2 and w.chance(0.3):
        index = w.one_of(":, 0", ":, :1", "0, 0", ":, ::2", "0, 1:", "None", ":, None", "T.tensor([0]), 0")
    b = w.pick(separate(w, a), stray=0.0)
    value = b if b is not None and w.chance(0.5) else w.number()
    op = w.one_of("=", "=", "+=", "*=", "-=")
    return f"{a}[{index}] {op} {value}"


@proposal(1)
def add_at_index(w: Writer) -> str | None:
    a = w.pick(lambda x: x.dim() >= 1 and x.shape[0] > 0 and is_float(x) and not (x.is_leaf and x.requires_grad))
    if a is None or w.get(a).dim() == 0:
        return None
    x = w.get(a)
    where = [w.rng.randrange(x.shape[0]) for _ in range(2)] if x.shape[0] else [0]
    shape = (2, *x.shape[1:])
    values = f"T.ones({shape!r}, dtype={a}.dtype)"
    return w.one_of(
        f"{a}.index_add_(0, T.tensor({where}), {values})",
        f"{a}.index_fill_(0, T.tensor({where}), 0.5)",
        f"{w.target()} = {a}.index_add(0, T.tensor({where}), {values})",
        f"{a}.scatter_(0, T.zeros_like({a}, dtype=T.int64)[:1], 0.5)",
        f"{a}.scatter_add_(0, T.zeros_like({a}, dtype=T.int64)[:1], T.ones_like({a})[:1])",
    )


@proposal(2.5)
def write_without_grad(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    body = [in_place_on(w, a, a)]
    if w.chance(0.4):
        body.append(f"{a}[...] = {w.number()}" if w.chance(0.5) else f"{w.fresh()} = {view_of(w, a)}")
    if w.chance(0.3):
        body.append(f"{w.fresh()} = {a} * 2")
    return "with T.no_grad():\n" + "\n".join(f"    {line}" for line in body)


@proposal(2)
def without_grad(w: Writer) -> str | None:
    make = w.one_of(unary, binary, view, reduction, product)
    line = make(w)
    if line is None:
        return None
    if w.chance(0.2):
        return f"with T.no_grad():\n    with T.enable_grad():\n        {line}"
    return f"with T.{w.one_of('no_grad()', 'no_grad()', 'set_grad_enabled(False)')}:\n    {line}"


# -- aliases


@proposal(4)
def alias(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    b = w.fresh()
    return w.one_of(
        f"{b} = {a}.detach()",
        f"{b} = {a}.detach()",
        f"{b} = {a}.clone()",
        f"{b} = {a}.clone()",
        f"{b} = {a}",
        f"{b} = {a}.data",
        f"{b} = {a}.detach().clone()",
        f"{b} = {a}.detach().requires_grad_()",
        f"{a}.detach_()",
        f"{b} = T.tensor({a}.detach().tolist())",
    )


@proposal(1.5)
def write_through_an_alias(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    path = w.one_of("detach()", "detach()", "data")
    return in_place_on(w, a, f"{a}.{path}").replace(f"{a}.{path} +=", f"{a}.{path}.add_")


@proposal(1.5)
def forget(w: Writer) -> str | None:
    names = w.tensors()
    return f"del {w.rng.choice(names)}" if len(names) > 4 else None


@proposal(1.5)
def loop(w: Writer) -> str | None:
    a = w.pick(is_float)
    if a is None:
        return None
    b = w.pick(broadcasts_to(w.get(a).shape))
    step = w.one_of(f"{a} = {a} * 0.5 + {b}", f"{a} = T.tanh({a}) - {b}", f"{a} = {a} + {b} * i", f"{a} *= 0.5")
    return f"for i in range({w.one_of(2, 3)}):\n    {step}"
