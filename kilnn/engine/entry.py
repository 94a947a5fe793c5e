"""Entries: an operation at given avals and attributes - its output avals and its array function.

Made once per combination and memoised (`Op.memo`), so recording an operation again is a dictionary look-up.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.base import dtypes, shapes
from kilnn.engine import rules
from kilnn.engine.fingerprint import hash_of, text_of
from kilnn.engine.placement import MOVING
from kilnn.engine.values import Aval, aval_of
from kilnn.ops.creation import plain_boolean
from kilnn.ops.spec import REGISTRY, Check, Op, Rule

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
        "derived",
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
        "reach",
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
        self.plans: dict[int, Any] = {}  # mask of operands -> Plan
        self.op: Op | None = None
        self.attributes: dict[str, Any] = {}
        self.differentiable = 0
        self.tracked: int | None = None  # see tracked_operands
        self.reach: tuple[tuple[bool, ...], ...] | None = None  # see arriving
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
        self.derived = fn  # the function whose derivative is the entry's
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
        name = operand_name(op, k)
        missing = x is type(None) and name not in op.optional
        if missing or (x in _CATEGORIES and op.promote is None and name not in op.kinds):
            raise TypeError(f"{op.name}(): argument {name!r} (position {k + 1}) must be Tensor, not {x.__name__}")
    if op.promote is not None and operands and all(x in _CATEGORIES for x in operands):
        name, kind = operand_name(op, 0), operands[0].__name__
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
        results = rules.remembered(rule_name, partial(shape_rule, fn, kinds, avals))
    except (TypeError, ValueError) as error:
        raise _misfit(op, operands, error) from None
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
        if aval is not None and aval.dtype.kind in "fcV" and rule_of(op, k) is not None:
            entry.differentiable |= 1 << k
    if not any(entry.floating):
        entry.differentiable = 0
    if op.checker is not None and (not op.checker.integers or _divides_integers(op.checker, entry)):
        entry.check = _check_entry(op, entry)
    return entry


def _misfit(op: Op, operands: list[Any], error: Exception) -> Exception:
    if "does not accept dtype" in str(error):
        found = ", ".join(sorted({x.dtype.name for x in operands if isinstance(x, Aval)}))
        return NotImplementedError(f"{op.name}() is not implemented for {found}")
    return RuntimeError(f"{op.name}: operands {[_describe(x) for x in operands]} do not fit: {error}")


def _divides_integers(checker: Check, entry: Entry) -> bool:
    assert entry.op is not None
    tensors = all(entry.kinds[entry.op.operands.index(name)] == VALUE for name in checker.operands)
    return tensors and entry.work is not None and entry.work.kind in "iu"


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


def operand_name(op: Op, k: int) -> str:
    return op.operands[k] if k < len(op.operands) else str(op.variadic)


def rule_of(op: Op, k: int) -> Rule | None:
    return op.rules.get(operand_name(op, k))


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
        elif op.kinds.get(operand_name(op, k)) == "index" or (work is not None and work.kind in "iub"):
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
        out = raw(*[None if x is None else cast_to(x, work) for x in xs], **attributes)
        return out if out_dtype is None else jax.tree.map(lambda y: _cast_back(y, work, out_dtype), out)

    return promoted


def cast_to(x: Any, dtype: Any) -> Any:
    return x if x.dtype == dtype else lax.convert_element_type(plain_boolean(x, dtype), dtype)


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


def shape_rule(fn: Callable[..., Any], kinds: tuple[int, ...], avals: Any) -> list[tuple[tuple[int, ...], str]]:
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
    known.update(facts_of(op, entry, checker.facts))
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


def facts_of(op: Op, entry: Entry, facts: tuple[tuple[str, str, str], ...]) -> dict[str, Any]:
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
