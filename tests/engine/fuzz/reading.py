"""Statements that read values in mid-program, branch on them, or are wrong on purpose."""

from tests.engine.fuzz.writer import (
    Writer,
    is_float,
    proposal,
)


@proposal(6)
def read(w: Writer) -> str | None:
    a = w.pick()
    if a is None:
        return None
    x = w.get(a)
    near_zero = x.is_floating_point() and x.numel() == 1 and abs(x.item()) < 1e-3  # rounding must not decide
    truth = f"bool({a}.abs() > 0.01)" if near_zero else f"bool({a})"
    if x.numel() == 1 and w.chance(0.6):
        return f"_ = {w.one_of(f'{a}.item()', f'float({a})', truth, f'{a}.item()')}"
    return "_ = " + w.one_of(
        f"{a}.tolist()",
        f"{a}.detach().numpy().tolist()",
        f"{a}.sum().item()",
        f"bool(({a} > 0).any())",
        f"float({a}.sum())",
        f"tuple({a}.shape)",
        f"{a}.dim()",
        f"{a}.numel()",
        f"len({a})",
        f"{a}.is_contiguous()",
        f"{a}.requires_grad",
        f"{a}.grad_fn is None",
        f"[y.sum().item() for y in {a}]",
        f"{a}.item()",
        f"T.equal({a}, {a})",
        truth,
        f"{a}.size(-1)",
        f"[s for s, n in zip({a}.stride(), {a}.shape) if n > 1]",
    )


@proposal(1)
def branch(w: Writer) -> str | None:
    a = w.pick(is_float)
    if a is None or abs(w.get(a).sum().item()) < 0.01:  # rounding must not decide
        return None
    b = w.target()
    return f"if {a}.sum() > 0:\n    {b} = {a} * 2\nelse:\n    {b} = {a} - 1"


@proposal(0.8)
def nonsense(w: Writer) -> str | None:
    """Statements that no library should accept."""
    a = w.pick()
    if a is None or not w.errors_left:
        return None
    return w.one_of(
        f"{a}.view(7, 5)",
        f"{a} + 'text'",
        f"T.cat([{a}, {a}], 9)",
        "T.stack([])",
        f"{a}[0, 0, 0, 0, 0]",
        f"{a}.permute(0, 0)",
        f"{a}.sum(dim=(0, 0))",
        f"{a}.no_such_method()",
        "T.tensor([[1], [2, 3]])",
        f"{a}.expand(0, 7, 7, 7)",
        f"{a} @ 3",
        f"{a}.squeeze(9)",
        f"{a}.reshape(-1, -1)",
        "T.ones((2, 3)) + T.ones((2, 2))",
        "T.ones((2, 3)) @ T.ones((2, 3))",
        f"{a}.chunk(0)",
        f"{a}.backward(T.ones((5, 5)))",
        f"{a}.requires_grad_('yes')",
        f"T.where({a}, {a}, {a})",
        f"{a}.repeat(-1)",
        "T.nn.functional.cross_entropy(T.ones((2, 3)), T.tensor([0]))",
        f"{a}.transpose(0, 5)",
        f"{a}.item().foo",
        "float(T.ones((2,)))",
        "if T.ones((2,)) > 0: pass",
        "len(T.tensor(1.0))",
        "[x for x in T.tensor(1.0)]",
    )
