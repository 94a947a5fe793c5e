"""Statements that make views and copies of parts of tensors."""

from tests.engine.fuzz.writer import (
    Writer,
    has_dims,
    proposal,
)


def view_of(w: Writer, a: str) -> str:
    x = w.get(a)
    d = w.dim(x)
    size = x.shape[d] if x.dim() and -x.dim() <= d < x.dim() else 1
    i = w.rng.randrange(-size, size) if size else 0
    if w.errors_left and w.chance(0.06):
        i = size + 1
    choices = [
        f"{a}.view(-1)",
        f"{a}.reshape(-1)",
        f"{a}.flatten()",
        f"{a}.unsqueeze({d})",
        f"{a}.squeeze()",
        f"{a}.squeeze({d})",
        f"{a}.view_as({a})",
        f"{a}[None]",
        f"{a}[...]",
        f"{a}.expand(2, {', '.join(map(str, x.shape))})" if x.dim() else f"{a}.expand(3)",
        f"{a}.contiguous()",
    ]
    if x.dim() >= 1:
        lo = w.rng.randint(0, x.shape[0])
        hi = w.rng.randint(lo, x.shape[0])
        choices += [
            f"{a}[{i}]",
            f"{a}[{lo}:{hi}]",
            f"{a}[{lo}:]",
            f"{a}[:{hi}]",
            f"{a}[::2]",
            f"{a}[-1]",
            f"{a}[..., 0]",
            f"{a}.select({d}, {i})",
            f"{a}.narrow({d}, {w.rng.randint(0, max(size - 1, 0))}, 1)",
            f"{a}.split(1)[0]",
            f"{a}.chunk(2, {d})[0]",
            f"{a}.chunk(2)[-1]",
            f"{a}.unbind({d})[0]",
            f"T.unbind({a})[-1]",
            f"{a}.expand(-1)" if x.dim() == 1 else f"{a}.expand({', '.join(['-1'] * x.dim())})",
        ]
    if x.dim() >= 2:
        order = list(range(x.dim()))
        w.rng.shuffle(order)
        choices += [
            f"{a}.t()",
            f"{a}.T",
            f"{a}.transpose(0, 1)",
            f"{a}.transpose({d}, -1)",
            f"{a}.permute({', '.join(map(str, order))})",
            f"{a}[:, {w.rng.randrange(x.shape[1]) if x.shape[1] else 0}]",
            f"{a}[:, 1:]",
            f"{a}[:, ::2]",
            f"{a}[0, 0]",
            f"{a}.flatten(0, 1)",
            f"{a}.reshape({x.shape[1]}, -1)" if x.shape[1] else f"{a}.reshape(-1)",
            f"{a}.view({x.shape[1]}, -1)" if x.shape[1] else f"{a}.view(-1)",
            f"{a}.diagonal()",
            f"{a}[:, None]",
            f"{a}[:, None, :1]",
        ]
    return w.rng.choice(choices)


@proposal(12)
def view(w: Writer) -> str | None:
    a = w.pick()
    return None if a is None else f"{w.target()} = {view_of(w, a)}"


@proposal(1.5)
def several_views(w: Writer) -> str | None:
    a = w.pick(lambda x: x.dim() >= 1 and x.shape[0] in (2, 3))
    if a is None:
        return None
    n = w.get(a).shape[0] if w.get(a).dim() else 2
    names = ", ".join(w.fresh() for _ in range(n))
    return f"{names} = {w.one_of(f'{a}.unbind()', f'{a}.unbind(0)', f'{a}.split(1)', f'{a}.chunk({n})', a)}"


@proposal(2)
def join(w: Writer) -> str | None:
    a = w.pick(has_dims(1))
    if a is None:
        return None
    x = w.get(a)
    b = w.pick(lambda y: y.shape == x.shape)
    d = w.dim(x)
    return (
        f"{w.target()} = {w.one_of(f'T.cat([{a}, {b}], {d})', f'T.stack([{a}, {b}], {d})', f'T.cat(({a}, {b}, {a}))')}"
    )


@proposal(3)
def pick_elements(w: Writer) -> str | None:
    a = w.pick(lambda x: x.dim() >= 1 and x.shape[0] > 0)
    if a is None:
        return None
    x = w.get(a)
    n = x.shape[0] if x.dim() else 1
    where = [w.rng.randrange(-n, n) for _ in range(w.rng.randint(1, 3))] if n else [0]
    plain = [i % n for i in where] if n else [0]
    choices = [
        f"{a}[T.tensor({where})]",
        f"{a}[{where}]",
        f"{a}.index_select(0, T.tensor({plain}))",
        f"{a}[{a} > 0]",
        f"{a}[T.tensor({where}), ..., 0]",
        f"{a}.gather(0, T.zeros_like({a}, dtype=T.int64))",
        f"{a}.flip(0)",
        f"{a}.roll(1, 0)",
        f"{a}.repeat(2)" if x.dim() == 1 else f"{a}.repeat({', '.join(['1'] * x.dim())})",
        f"T.tril({a})" if x.dim() >= 2 else f"{a}.diff()",
        f"{a}.take_along_dim({a}.argsort(0), 0)",
        f"T.nn.functional.pad({a}, (1, 0))",
    ]
    return f"{w.target()} = {w.rng.choice(choices)}"
