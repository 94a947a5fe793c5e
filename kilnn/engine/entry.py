"""Entries: an operation at given avals and attributes - its output avals, its array function, its gradient plans.

Made once per combination and memoised (`Op.memo`), so recording an operation again is a dictionary look-up.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.interpreters import partial_eval

from kilnn.base import dtypes, shapes
from kilnn.engine import rules
from kilnn.engine.fingerprint import entry_name, hash_of, text_of
from kilnn.engine.placement import MOVING
from kilnn.engine.values import Aval, aval_of
from kilnn.ops.spec import REGISTRY, Op, Rule

VALUE, FLOAT, INT, DOUBLE, NONE = range(5)
"""How an operand reaches an instruction: a value, a position in one of the three scalar vectors, or not at all."""

NUMBER_DTYPES = {FLOAT: np.dtype(np.float32), INT: np.dtype(np.int64), DOUBLE: np.dtype(np.float64)}
_CATEGORIES: dict[Any, int] = {bool: 0, int: 1, float: 2, complex: 3}
_DOUBLES = (np.dtype(np.float64), np.dtype(np.complex128))
_HALF = (dtypes.float16.np, dtypes.bfloat16.np)

HEADS: dict[int, Entry] = {}
"""Entries by number; the number is what instructions and signatures hold. Numbers are never used again."""
_numbers = itertools.count()


class Entry:
    """One executable operation. `fn` takes arrays, 0-d arrays for numbers, and None where the kind is NONE."""

    __slots__ = (
        "all_values",
        "attributes",
        "aval",
        "avals",
        "by_value",
        "check",
        "device",
        "differentiable",
        "end_to_end",
        "fingerprint",
        "floating",
        "fn",
        "head",
        "host",
        "in_avals",
        "is_check",
        "is_update",
        "jitted",
        "kinds",
        "name",
        "node_name",
        "nout",
        "op",
        "origin",
        "out_dtype",
        "plans",
        "single",
        "state",
        "tracked",
        "widths",
        "work",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        fn: Callable[..., Any],
        kinds: tuple[int, ...],
        in_avals: tuple[Aval | None, ...],
        avals: tuple[Aval, ...],
    ) -> None:
        self.name = name
        self.node_name = name
        self.fn = fn
        self.kinds = kinds
        self.in_avals = in_avals
        self.avals = avals
        self.aval = avals[0] if avals else None
        self.nout = len(avals)
        self.all_values = all(k == VALUE for k in kinds)
        self.plans: dict[int, Plan] = {}
        self.op: Op | None = None
        self.attributes: dict[str, Any] = {}
        self.differentiable = 0
        self.tracked: int | None = None  # see tracked_operands
        self.host: Callable[..., Any] | None = None
        self.check: Entry | None = None
        self.floating = tuple([a.dtype.kind in "fcV" for a in avals])  # outputs that can have gradients
        self.device = _device_of(in_avals, avals)
        self.is_check = False
        self.is_update = False
        self.end_to_end = False  # the result is the operands laid end to end; of a gradient: the other way round
        self.state: tuple[int, ...] = ()  # updates: output k replaces operand state[k]
        self.by_value = False
        self.work: np.dtype[Any] | None = None
        self.out_dtype: np.dtype[Any] | None = None
        self.widths: tuple[int, ...] = ()
        self.origin: tuple[Any, ...] | None = None  # what decides `fn` beside the avals; None: only this process knows
        self.fingerprint: str | None = None
        self.single: Any = None  # the executable of this operation alone
        fn.__name__ = name
        self.jitted = jax.jit(fn)
        self.head = next(_numbers)
        HEADS[self.head] = self

    def __repr__(self) -> str:
        return f"<{self.name} {list(self.in_avals)} -> {list(self.avals)}>"


def _device_of(in_avals: Any, avals: Any) -> str:
    """Where an operation runs: where its operands lie, apart from single numbers on the CPU."""
    for a in in_avals:
        if a is not None and (a.shape or a.device != "cpu"):
            return a.device  # type: ignore[no-any-return]  # an Aval's
    return avals[0].device if avals else "cpu"


class Plan:
    """How the gradient of an entry is taken for one set of wanted operands.

    wanted: operand positions. cts: outputs whose cotangents the backward entry takes. rest: see rest_entry. saves,
    outputs: operands and outputs that are saved. frees: a second backward fails, because something was saved and then
    freed. stretch: see _stretch. plain: the backward entry takes the cotangent of the first output and what was saved.
    """

    __slots__ = (
        "backward",
        "cts",
        "entry",
        "frees",
        "lasting",
        "missing",
        "outputs",
        "plain",
        "rest",
        "saves",
        "stretch",
        "wanted",
    )

    def __init__(
        self,
        entry: Entry,
        wanted: tuple[int, ...],
        cts: tuple[int, ...],
        saves: tuple[int, ...],
        outputs: tuple[int, ...],
        backward: Entry,
        frees: bool,
    ) -> None:
        self.entry = entry
        self.wanted = wanted
        self.cts = cts
        self.saves = saves
        self.outputs = outputs
        self.backward = backward
        self.frees = frees
        self.stretch = _stretch(entry)
        self.plain = self.stretch is None and cts == (0,)
        self.rest: dict[tuple[int, ...], Entry] = {}
        self.lasting: Plan | None = None
        self.missing: Exception | None = None  # what PyTorch raises in the backward pass of such an operation

    def without_freeing(self) -> Plan:
        """The plan of a node with nowhere to send gradients: PyTorch saves less for it, and maybe nothing."""
        if self.lasting is None:
            frees = self.frees and (bool(self.outputs) or any(not _guarded(self.entry, k) for k in self.saves))
            self.lasting = Plan(self.entry, self.wanted, self.cts, self.saves, self.outputs, self.backward, frees)
        return self.lasting


def _guarded(entry: Entry, k: int) -> bool:
    """Whether PyTorch saves operand k only if there is an edge to send its gradient to: it does so where one of
    several formulas reads it, and that for a single operand."""
    op = entry.op
    if op is None or op.variadic is not None or entry.kinds[k] != VALUE:
        return op is not None and entry.kinds[k] != VALUE
    name = _operand_name(op, k)
    readers = [operand for operand, rule in op.rules.items() if name in rule.operands]
    return len(op.rules) > 1 and len(readers) == 1


def _stretch(entry: Entry) -> tuple[int, ...] | None:
    """Strides of a gradient that PyTorch makes by expanding the cotangent: elements of it share memory."""
    if entry.name != "sum" or not entry.in_avals or entry.in_avals[0] is None or entry.aval is None:
        return None
    source, result = entry.in_avals[0], entry.aval
    dims = entry.attributes.get("dims")
    gone = set(
        range(len(source.shape)) if dims is None else [d % len(source.shape) for d in dims] if source.shape else ()
    )
    kept = [d for d in range(len(source.shape)) if d not in gone]
    if result.size == source.size:
        return None
    strides = [0] * len(source.shape)
    step = 1
    for d in reversed(kept):
        strides[d] = step
        step *= source.shape[d]
    return tuple(strides)


def clear_memo() -> None:
    """Forget the shape rules (the default dtype changed)."""
    for op in REGISTRY.values():
        op.memo.clear()


def make_entry(op: Op, operands: list[Any], attributes: tuple[Any, ...]) -> Entry:
    """The entry of `op` at these operands: Avals, number types (float, int, bool) or NoneType."""
    named = dict(zip(op.attributes, attributes, strict=True))
    floating = any(isinstance(x, Aval) and x.dtype.kind in "fV" for x in operands)
    if op.promote is not None and floating and int in operands:
        # Beside floating tensors a whole number is a float: `loss * 1` is the program of `loss * 0.5`.
        operands = [float if x is int else x for x in operands]
        memo = (attributes, *operands)
        if memo not in op.memo:
            op.memo[memo] = make_entry(op, operands, attributes)
        return op.memo[memo]  # type: ignore[no-any-return]  # an Entry
    for k, x in enumerate(operands):
        name = _operand_name(op, k)
        missing = x is type(None) and name not in op.optional
        if missing or (x in _CATEGORIES and op.promote is None and name not in op.kinds):
            raise TypeError(f"{op.name}(): argument {name!r} (position {k + 1}) must be Tensor, not {x.__name__}")
    if op.promote is not None and operands and all(x in _CATEGORIES for x in operands):
        name, kind = _operand_name(op, 0), operands[0].__name__
        raise TypeError(f"{op.name}(): argument {name!r} (position 1) must be Tensor, not {kind}")
    if op.validator is not None:
        op.validator(*[None if x is type(None) else x for x in operands], **named)
    avals = [x if isinstance(x, Aval) else None for x in operands]
    device = named["device"] if op.name == "move" else _common_device(op, [a for a in avals if a is not None])
    work = out_dtype = None
    if op.promote is not None:
        if len(avals) > 1:
            shapes.broadcast_shapes(*[a.shape for a in avals if a is not None])
        work, out_dtype = _promoted(op, operands)
    elif op.half == "upcast" and any(a is not None and a.dtype in _HALF for a in avals):
        work = np.dtype(np.float32)
        out_dtype = next(a.dtype for a in avals if a is not None and a.dtype in _HALF)
    kinds = _kinds(op, operands, avals, work)
    fn = _array_function(op, named, work, out_dtype)

    def rule_name() -> str:
        return hash_of("shape", op.name, text_of((op.fn, named)), f"{kinds} {avals} {work} {out_dtype}")

    try:
        results = rules.remembered(rule_name, partial(_shape_rule, fn, kinds, avals))
    except (TypeError, ValueError) as error:
        raise RuntimeError(f"{op.name}: operands {[_describe(x) for x in operands]} do not fit: {error}") from None
    outs = tuple(aval_of(tuple(shape), np.dtype(dtype), device) for shape, dtype in results)
    entry = Entry(op.name, fn, kinds, tuple(avals), outs)
    if op.name == "move":
        entry.device = MOVING
    entry.node_name = op.backward_name
    entry.op, entry.attributes, entry.work, entry.out_dtype = op, named, work, out_dtype
    entry.origin = (op.fn, named)
    entry.host = _host_function(op, named, work, out_dtype) if op.host is not None else None
    entry.by_value = op.by_value
    entry.end_to_end = op.name in _JOINING and named["dim"] == 0
    for k, aval in enumerate(avals):
        if aval is not None and aval.dtype.kind in "fcV" and _rule_of(op, k) is not None:
            entry.differentiable |= 1 << k
    if not any(entry.floating):
        entry.differentiable = 0
    if op.checker is not None:
        entry.check = _check_entry(op, entry)
    return entry


_JOINING = ("cat", "stack")


def _describe(x: Any) -> str:
    return repr(x) if isinstance(x, Aval) else getattr(x, "__name__", str(x))


_INDEXING = ("index", "index_put", "index_mask")  # positions may lie on the CPU


def _common_device(op: Op, avals: list[Aval]) -> str:
    device = ""
    for a in avals:
        if a.device == "cpu" and len(avals) > 1 and (a.shape == () or (op.name in _INDEXING and a.dtype.kind in "iub")):
            continue
        if device and a.device != device:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{device} and {a.device}! (operation {op.name}; move one with .to())"
            )
        device = a.device
    return device or "cpu"


def _promoted(op: Op, operands: list[Any]) -> tuple[np.dtype[Any], np.dtype[Any] | None]:
    dims = [dtypes.from_numpy(x.dtype) for x in operands if isinstance(x, Aval) and x.shape != ()]
    zeros = [dtypes.from_numpy(x.dtype) for x in operands if isinstance(x, Aval) and x.shape == ()]
    numbers = [_CATEGORIES[x] for x in operands if x.__class__ is type and x in _CATEGORIES]
    common = dtypes.promote(dims, zeros, numbers)
    if op.promote == "float" and common.category < 2:
        common = dtypes.get_default_dtype()
    out: np.dtype[Any] | None = None if op.promote == "compare" else common.np
    return (np.dtype(np.float32) if common.np in _HALF and op.promote != "compare" else common.np), out


def _operand_name(op: Op, k: int) -> str:
    return op.operands[k] if k < len(op.operands) else str(op.variadic)


def _rule_of(op: Op, k: int) -> Rule | None:
    return op.rules.get(_operand_name(op, k))


def _kinds(op: Op, operands: list[Any], avals: list[Any], work: Any) -> tuple[int, ...]:
    floating = (
        work if work is not None else next((a.dtype for a in avals if a is not None and a.dtype.kind in "fV"), None)
    )
    kinds = []
    for k, x in enumerate(operands):
        if isinstance(x, Aval):
            kinds.append(VALUE)
        elif x is type(None):
            kinds.append(NONE)
        elif op.kinds.get(_operand_name(op, k)) == "index" or (work is not None and work.kind in "iub"):
            kinds.append(INT)
        else:
            kinds.append(DOUBLE if floating in _DOUBLES else FLOAT)
    return tuple(kinds)


def _array_function(op: Op, attributes: dict[str, Any], work: Any, out_dtype: Any) -> Callable[..., Any]:
    raw = op.fn
    if work is None:

        def plain(*xs: Any) -> Any:
            return raw(*xs, **attributes)

        return plain

    def promoted(*xs: Any) -> Any:
        out = raw(*[None if x is None else _cast(x, work) for x in xs], **attributes)
        return out if out_dtype is None else jax.tree.map(lambda y: _cast_back(y, work, out_dtype), out)

    return promoted


def _cast(x: Any, dtype: Any) -> Any:
    return x if x.dtype == dtype else lax.convert_element_type(x, dtype)


def _cast_back(y: Any, work: Any, out_dtype: Any) -> Any:
    return lax.convert_element_type(y, out_dtype) if y.dtype == work and work != out_dtype else y


def _host_function(op: Op, attributes: dict[str, Any], work: Any, out_dtype: Any) -> Callable[..., Any]:
    raw = op.host
    assert raw is not None

    def on_host(*xs: Any) -> Any:
        if work is not None:
            xs = tuple(None if x is None else np.asarray(x).astype(work, copy=False) for x in xs)
        out = raw(*xs, **attributes)
        if work is not None and out_dtype is not None and work != out_dtype:
            out = np.asarray(out).astype(out_dtype)
        return out

    return on_host


def spec_of(shape: tuple[int, ...], dtype: Any) -> Any:
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]  # JAX leaves it untyped


def specs_of(kinds: tuple[int, ...], avals: Any) -> list[Any]:
    return [
        spec_of(a.shape, a.dtype) if k == VALUE else None if k == NONE else spec_of((), NUMBER_DTYPES[k])
        for k, a in zip(kinds, avals, strict=True)
    ]


def eval_shape(fn: Callable[..., Any], kinds: tuple[int, ...], avals: Any) -> Any:
    with jax.enable_x64(True):
        return jax.eval_shape(fn, *specs_of(kinds, avals))


def _shape_rule(fn: Callable[..., Any], kinds: tuple[int, ...], avals: Any) -> list[tuple[tuple[int, ...], str]]:
    """Shape and dtype of each output."""
    result = eval_shape(fn, kinds, avals)
    return [(tuple(r.shape), r.dtype.name) for r in (result if isinstance(result, tuple | list) else (result,))]


def _check_entry(op: Op, entry: Entry) -> Entry:
    """The instruction that tests the operation's condition on values; one int64 code, see CODE_BIAS."""
    checker = op.checker
    assert checker is not None
    fixed = len(op.operands)
    rest = tuple(range(fixed, len(entry.kinds)))
    groups = [rest if name == op.variadic else (op.operands.index(name),) for name in checker.operands]
    positions = tuple(k for group in groups for k in group)
    known = {name: entry.attributes[name] for name in checker.attributes}
    known.update(_facts(op, entry, checker.facts))
    widths = tuple(
        len(group) if name == op.variadic else -1 for name, group in zip(checker.operands, groups, strict=True)
    )

    def fn(*xs: Any) -> Any:
        bad, values = checker.fn(*grouped(xs, widths), **known)
        values = jnp.broadcast_to(values, bad.shape).astype(np.int64)
        if not bad.size:
            return jnp.zeros((), np.int64)
        return jnp.max(jnp.where(bad, values + CODE_BIAS, 0))

    kinds = tuple(entry.kinds[p] for p in positions)
    in_avals = tuple(entry.in_avals[p] for p in positions)
    out = Entry(f"{op.name}.check", fn, kinds, in_avals, (aval_of((), np.dtype(np.int64), entry.device),))
    out.device = entry.device
    out.is_check, out.op, out.attributes, out.state, out.widths = True, op, known, positions, widths
    out.origin = (checker.fn, entry)
    return out


CODE_BIAS = 1 << 48
"""A condition's code is 0, or the largest offending value plus this."""


def grouped(xs: Any, widths: tuple[int, ...]) -> list[Any]:
    """A check's operands as its formula takes them: a variadic operand as one tuple."""
    rest = iter(xs)
    return [next(rest) if w < 0 else tuple(next(rest) for _ in range(w)) for w in widths]


def _facts(op: Op, entry: Entry, facts: tuple[tuple[str, str, str], ...]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for parameter, operand, fact in facts:
        if operand == op.variadic:
            members = [a for a in entry.in_avals[len(op.operands) :] if a is not None]
            known[parameter] = tuple(getattr(a, fact) for a in members)
        else:
            aval = (
                entry.in_avals[op.operands.index(operand)] if op.operands.index(operand) < len(entry.in_avals) else None
            )
            known[parameter] = None if aval is None else getattr(aval, fact)
    return known


def make_plan(entry: Entry, mask: int) -> Plan:
    """The gradient plan of `entry` for the operands in the bit mask."""
    wanted = tuple(k for k in range(len(entry.kinds)) if mask >> k & 1)
    op = entry.op
    formulas = op is not None and not op.through_jax and not entry.is_check and not _is_complex(entry)
    plan = _plan_from_rules(entry, wanted) if formulas else _plan_from_vjp(entry, wanted)
    plan.backward.node_name = entry.node_name
    if plan.backward.kinds:
        try:
            rules.remembered(
                lambda: f"fits {entry_name(plan.backward)}",
                lambda: len(_shape_rule(plan.backward.fn, plan.backward.kinds, plan.backward.in_avals)),
            )
        except (NotImplementedError, RuntimeError) as error:
            plan.missing = error
            plan.plain = False
    entry.plans[mask] = plan
    return plan


def _is_complex(entry: Entry) -> bool:
    """Whether complex numbers go in or come out. The formulas are those of real numbers; JAX knows the others."""
    return any(a is not None and a.dtype.kind == "c" for a in (*entry.avals, *entry.in_avals))


def _conjugated(xs: Any) -> Any:
    return jax.tree.map(lambda x: jnp.conj(x) if x.dtype.kind == "c" else x, xs)


def _plan_from_rules(entry: Entry, wanted: tuple[int, ...]) -> Plan:
    op = entry.op
    assert op is not None
    rules: list[Rule] = []
    for k in wanted:
        rule = _rule_of(op, k)
        assert rule is not None
        if rule not in rules:
            rules.append(rule)
    positions: dict[str, tuple[int, ...]] = {name: (k,) for k, name in enumerate(op.operands) if k < len(entry.kinds)}
    if op.variadic is not None:
        positions[op.variadic] = tuple(range(len(op.operands), len(entry.kinds)))
    saves = tuple(
        sorted({k for r in rules for name in r.operands for k in positions.get(name, ()) if entry.kinds[k] != NONE})
    )
    outputs = tuple(sorted({j for r in rules for j in r.outputs}))
    cts = tuple(sorted({j for r in rules for j in r.cotangents}))
    place_ct = {j: n for n, j in enumerate(cts)}
    nct = len(cts)
    place = {k: nct + n for n, k in enumerate(saves)}
    place_out = {j: nct + len(saves) + n for n, j in enumerate(outputs)}
    work = entry.work
    facts = {rule: _facts(op, entry, rule.facts) for rule in rules}

    def backward(*xs: Any) -> Any:
        if work is not None:
            xs = tuple(_cast(x, work) for x in xs)
        results: dict[Rule, Any] = {}
        for rule in rules:
            named: dict[str, Any] = {}
            for j in rule.cotangents:
                named[_spelling(rule, "ct", j)] = xs[place_ct[j]]
            for name in rule.operands:
                if name == op.variadic:
                    named[name] = tuple(xs[place[k]] for k in positions[name])
                else:
                    k = positions[name][0] if name in positions else None
                    named[name] = None if k is None or entry.kinds[k] == NONE else xs[place[k]]
            for j in rule.outputs:
                named[_spelling(rule, "out", j)] = xs[place_out[j]]
            for name in rule.attributes:
                named[name] = entry.attributes[name]
            results[rule] = rule.fn(**named, **facts[rule])
        grads = []
        for k in wanted:
            g = results[_rule_of(op, k)]  # type: ignore[index]  # wanted operands have rules
            if _operand_name(op, k) == op.variadic:
                g = g[k - len(op.operands)]
            grads.append(fit(g, entry.in_avals[k]))
        return grads[0] if len(grads) == 1 else tuple(grads)

    kinds = (VALUE,) * nct + tuple(entry.kinds[k] for k in saves) + (VALUE,) * len(outputs)
    in_avals = (
        *(entry.avals[j] for j in cts), *(entry.in_avals[k] for k in saves), *(entry.avals[j] for j in outputs)
    )  # fmt: skip
    back = Entry(f"{op.name}.grad", backward, kinds, in_avals, tuple(entry.in_avals[k] for k in wanted))  # type: ignore[misc]
    if entry.device is MOVING:
        back.device = MOVING
    back.end_to_end = entry.end_to_end and len(wanted) == len(entry.kinds)
    back.origin = (entry, wanted, [rule.fn for rule in rules])
    _differentiable_by_vjp(back)
    forced = [r.frees for r in rules if r.frees is not None]
    frees = (
        forced[0] if forced else bool(outputs) or any(entry.kinds[k] == VALUE or op.promote is not None for k in saves)
    )
    return Plan(entry, wanted, cts, saves, outputs, back, frees)


def _spelling(rule: Rule, stem: str, number: int) -> str:
    numbered = f"{stem}{number}"
    return numbered if numbered in rule.fn.__code__.co_varnames else stem


def fit(g: Any, aval: Any) -> Any:
    """A gradient summed over broadcast dimensions and cast to the operand's dtype."""
    if g is None:
        return jnp.zeros(aval.shape, aval.dtype)
    if g.shape != aval.shape:
        extra = g.ndim - len(aval.shape)
        if extra > 0:
            g = g.sum(tuple(range(extra)))
        stretched = tuple(d for d, n in enumerate(aval.shape) if n == 1 and g.shape[d] != 1)
        if stretched:
            g = g.sum(stretched, keepdims=True)
        if g.shape != aval.shape:
            g = jnp.broadcast_to(g, aval.shape)
    return g if g.dtype == aval.dtype else lax.convert_element_type(g, aval.dtype)


def _differentiable_by_vjp(entry: Entry) -> None:
    for k, aval in enumerate(entry.in_avals):
        if entry.kinds[k] == VALUE and aval is not None and aval.dtype.kind in "fcV":
            entry.differentiable |= 1 << k


_STEPS = frozenset(
    ("relu", "hardtanh", "leaky_relu", "abs", "l1_loss", "hardsigmoid", "hardshrink", "softshrink", "threshold",
     "rrelu", "square", "pow_static")
)  # fmt: skip
"""Operations whose gradient has the derivative zero in PyTorch's tables, where others have none at all."""


def tracked_operands(entry: Entry) -> int:
    """Which operands of a backward entry its results have a derivative by, as a bit mask. What only enters through
    comparisons does not make a gradient require grad."""
    if entry.tracked is None:
        entry.tracked = entry.differentiable
        depends = _reads if entry.name.split(".")[0] in _STEPS else _depends
        for k in range(len(entry.kinds)):
            if entry.differentiable >> k & 1 and not depends(entry, k):
                entry.tracked &= ~(1 << k)
    return entry.tracked


def _reads(entry: Entry, k: int) -> bool:
    with jax.enable_x64(True):
        jaxpr = jax.make_jaxpr(entry.fn)(*specs_of(entry.kinds, entry.in_avals)).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
    return used[sum(kind != NONE for kind in entry.kinds[:k])]


def _depends(entry: Entry, k: int) -> bool:
    full, specs = _vjp(entry, (k,))
    with jax.enable_x64(True):
        jaxpr = jax.make_jaxpr(full)(*specs).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
    return any(used[: entry.nout])


def _vjp(entry: Entry, wanted: tuple[int, ...]) -> tuple[Callable[..., Any], list[Any]]:
    """`jax.vjp` of an entry as a function of (cotangents..., operands...), and the specs of its arguments."""
    nct = entry.nout

    def full(*xs: Any) -> Any:
        cts, operands = xs[:nct], list(xs[nct:])

        def of_wanted(*chosen: Any) -> Any:
            for k, x in zip(wanted, chosen, strict=True):
                operands[k] = x
            return entry.fn(*operands)

        # PyTorch's gradient of a complex number is the conjugate of JAX's.
        grads = _conjugated(
            jax.vjp(of_wanted, *[operands[k] for k in wanted])[1](_conjugated(cts if nct > 1 else cts[0]))
        )
        return grads[0] if len(grads) == 1 else tuple(grads)

    specs = [spec_of(a.shape, a.dtype) for a in entry.avals] + specs_of(entry.kinds, entry.in_avals)
    return full, specs


def _plan_from_vjp(entry: Entry, wanted: tuple[int, ...]) -> Plan:
    """The gradient of a backward entry: `jax.vjp` of it, saving only the operands that the result depends on."""
    nct, n = entry.nout, len(entry.kinds)
    full, specs = _vjp(entry, wanted)
    with jax.enable_x64(True):
        jaxpr = jax.make_jaxpr(full)(*specs).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
    present = [k for k in range(n) if entry.kinds[k] != NONE]
    saves = tuple(k for k, u in zip(present, used[nct:], strict=True) if u)

    def backward(*xs: Any) -> Any:
        kept = dict(zip(saves, xs[nct:], strict=True))
        rest = [
            kept[k] if k in kept else None if entry.kinds[k] == NONE else jnp.zeros(s.shape, s.dtype)
            for k, s in enumerate(specs[nct:])
        ]
        return full(*xs[:nct], *rest)

    kinds = (VALUE,) * nct + tuple(entry.kinds[k] for k in saves)
    in_avals = (*entry.avals, *(entry.in_avals[k] for k in saves))
    back = Entry(f"{entry.name}.grad", backward, kinds, in_avals, tuple(entry.in_avals[k] for k in wanted))  # type: ignore[misc]
    back.origin = (entry, wanted)
    _differentiable_by_vjp(back)
    return Plan(entry, wanted, tuple(range(nct)), saves, (), back, bool(saves))


def rest_entry(plan: Plan, outputs: tuple[int, ...]) -> Entry:
    """(cotangents of `outputs`, saved...) -> their part of the gradients of the wanted operands.

    A formula takes the cotangents of what the user sees. The statistics that it reads beside them - a mean, a
    logarithm of a sum - get a cotangent in a second backward pass only.
    """
    found = plan.rest.get(outputs)
    if found is not None:
        return found
    entry, n = plan.entry, len(outputs)
    stand_ins = entry.op.stand_ins if entry.op is not None else {}
    places = {k: n + i for i, k in enumerate(plan.saves)}
    for i, j in enumerate(plan.outputs):
        if j in stand_ins:
            places.setdefault(_operand_position(entry, stand_ins[j]), n + len(plan.saves) + i)
    present = [k for k in range(len(entry.kinds)) if entry.kinds[k] != NONE]
    specs = dict(zip(range(len(entry.kinds)), specs_of(entry.kinds, entry.in_avals), strict=True))

    def full(cts: Any, *operands: Any) -> Any:
        given = dict(zip(present, operands, strict=True))

        def of_wanted(*chosen: Any) -> Any:
            known = given | dict(zip(plan.wanted, chosen, strict=True))
            outs = entry.fn(*[known.get(k) for k in range(len(entry.kinds))])
            return [outs[j] for j in outputs]

        return jax.vjp(of_wanted, *[given[k] for k in plan.wanted])[1](cts)

    cts = [spec_of(entry.avals[j].shape, entry.avals[j].dtype) for j in outputs]
    with jax.enable_x64(True):
        jaxpr = jax.make_jaxpr(full)(cts, *[specs[k] for k in present]).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1][n:]
    if any(u and k not in places for k, u in zip(present, used, strict=True)):
        raise NotImplementedError(f"the second derivative of {entry.name} is not supported")

    def fn(*xs: Any) -> Any:
        operands = [xs[places[k]] if k in places else jnp.zeros(specs[k].shape, specs[k].dtype) for k in present]
        grads = full(list(xs[:n]), *operands)
        return grads[0] if len(grads) == 1 else tuple(grads)

    kinds = plan.backward.kinds[len(plan.cts) :]
    in_avals = plan.backward.in_avals[len(plan.cts) :]
    avals = tuple(entry.in_avals[k] for k in plan.wanted)
    made = Entry(f"{entry.name}.rest", fn, (VALUE,) * n + kinds, (*[entry.avals[j] for j in outputs], *in_avals), avals)  # type: ignore[arg-type]  # wanted operands have avals
    made.node_name = entry.node_name
    made.origin = (entry, plan.wanted, outputs)
    _differentiable_by_vjp(made)
    plan.rest[outputs] = made
    return made


def _operand_position(entry: Entry, name: str) -> int:
    assert entry.op is not None
    return entry.op.operands.index(name)


_condemned: list[Entry] = []


def sweep(needed: set[int]) -> None:
    """Forget entries that no cached program (`needed`: their numbers), pending trace or backward node refers to, so
    that a process which meets ever new shapes does not grow. An entry leaves the look-up tables in one sweep and is
    dropped in the next: whoever was about to record it has long done so."""
    for e in _condemned:
        if e.head not in needed:
            HEADS.pop(e.head, None)
    _condemned.clear()
    for op in REGISTRY.values():
        for key, entry in list(op.memo.items()):
            family = _family(entry)
            if family is not None and not any(e.head in needed for e in family):
                del op.memo[key]
                _condemned.extend(family)


def _family(entry: Entry) -> list[Entry] | None:
    """An entry with its check and backward entries, or None when a node outside holds one of its plans."""
    found = [entry]
    for e in found:
        if e.check is not None:
            found.append(e.check)
        for plan in e.plans.values():
            if sys.getrefcount(plan) > _UNSHARED_PLAN:
                return None
            found.append(plan.backward)
            found += plan.rest.values()
    return found


def _unshared_plan() -> int:
    for plan in {0: Plan.__new__(Plan)}.values():
        return sys.getrefcount(plan)
    raise AssertionError


_UNSHARED_PLAN = _unshared_plan()
